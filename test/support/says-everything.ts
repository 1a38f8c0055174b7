/**
 * Whether a result of the gateway's own says everything twice: a client gives its model the text or the structure, and
 * seldom both. PURE.
 */

type Json = Readonly<Record<string, unknown>>

export interface SaidTwice {
  readonly isError?: boolean
  readonly content?: readonly { readonly text?: string }[]
  readonly structuredContent?: Json
  /** Where an upstream's tool has the structure for itself. */
  readonly _meta?: Json
}

/** What stands in one of the two and not in the other; empty where they agree. */
export function saidOnce(result: SaidTwice): string[] {
  const blocks = (result.content ?? []).map(({ text = '' }) => text)
  const text = blocks.join('\n')
  const error = result.structuredContent?.error ?? result._meta?.['gatehouse/error']
  const structure = (result.isError ? error : result.structuredContent) as Json | undefined
  if (structure === undefined) return [`no structure beside the text ${text}`]
  return [
    ...leaves(structure).flatMap(({ path, value }) =>
      isSaid(text, value) ? [] : [`${path} ${JSON.stringify(value)} is not in the text`],
    ),
    ...names(structure).flatMap((name) => (isNamed(text, name) ? [] : [`${name} is not named in the text`])),
    ...piecesOf(text).flatMap((said) =>
      isIn(said, structure) ? [] : [`only in the text: ${JSON.stringify(said)}`],
    ),
    ...(result.isError && blocks.length !== 1
      ? ['an error of several blocks: a client could pass on one']
      : []),
    ...(result.isError && !/^Error: /m.test(text) ? [`does not read as an error: ${text}`] : []),
  ]
}

interface Leaf {
  readonly path: string
  readonly value: unknown
}

function leaves(value: unknown, path = ''): Leaf[] {
  if (typeof value !== 'object' || value === null) return [{ path, value }]
  return Object.entries(value).flatMap(([key, it]) => leaves(it, `${path}/${key}`))
}

/** The message is the sentence; every other fact has its name beside it. */
function names(structure: Json): string[] {
  return Object.keys(structure).filter((name) => name !== 'message')
}

function isSaid(text: string, value: unknown): boolean {
  return text.includes(JSON.stringify(value)) || (typeof value === 'string' && text.includes(value))
}

function isNamed(text: string, name: string): boolean {
  return text.includes(`${JSON.stringify(name)}:`)
}

/** What the text says, piece by piece: the lines of its sentence, and the members of its JSON. */
function piecesOf(text: string): unknown[] {
  return text.split('\n').flatMap((line): unknown[] => {
    const facts = parsed(line.replace(/^Error: /, ''))
    return typeof facts === 'object' && facts !== null
      ? leaves(facts).map(({ path, value }) => ({ path, value }))
      : [line]
  })
}

function isIn(piece: unknown, structure: Json): boolean {
  const known = leaves(structure)
  if (typeof piece === 'string')
    return known.some(({ value }) => typeof value === 'string' && value.includes(piece))
  return known.some((leaf) => JSON.stringify(leaf) === JSON.stringify(piece))
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Takes a server's own words about its refusal, for its administrator. They are withheld where they repeat a secret of the request. */
import { isObject } from '../base/json.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import type { Hold } from './http.ts'
import { refusalText } from './refusal.ts'

const MOST_CHARS = 500
/** Shorter values stand in many a text by chance. In letters and digits. */
const SHORTEST = 4
/** Refusals whose reason only the server knows: it may be credentials, the host, the network. */
const unexplained: ReadonlySet<number | null> = new Set([401, 403])

/** The problem with the first 500 characters of the body, where they say what the status does not. */
export async function inOwnWords(
  problem: UpstreamProblem,
  response: Response,
  { link, sent }: Hold,
): Promise<UpstreamProblem> {
  if (!unexplained.has(problem.status)) return problem
  const text = readable(await refusalText(response))
  if (text === '') return problem
  const secrets = [
    ...Object.values(link.credentials).flatMap((value) => [value, ...value.split(/\s+/)]),
    ...(sent?.sessionId ? [sent.sessionId] : []),
    ...valuesIn(sent?.body ?? null),
  ]
  const isRepeated = echoes(text, secrets)
  const detail = isRepeated ? '(withheld, because it repeats what was sent)' : text.slice(0, MOST_CHARS)
  return { ...problem, detail }
}

/** On one line, without what terminals and browsers act upon. */
function readable(text: string): string {
  return text.replaceAll(/[\p{C}\s]+/gu, ' ').trim()
}

/** Tells whether a text has one of the values in it, however it is cased, quoted or escaped. */
function echoes(text: string, values: readonly string[]): boolean {
  const bare = letters(text)
  return values.some((value) => letters(value).length >= SHORTEST && bare.includes(letters(value)))
}

function letters(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')
}

/** Members of params that are no client's values: names of tools and prompts, and what a client says of itself. */
const known: ReadonlySet<string> = new Set([
  '_meta',
  'name',
  'cursor',
  'protocolVersion',
  'clientInfo',
  'capabilities',
])

/** The values that a message carries for its client: arguments, answers, addresses. */
function valuesIn(body: string | null): string[] {
  if (body === null) return []
  const message: unknown = JSON.parse(body)
  if (!isObject(message)) return []
  const params = isObject(message.params) ? message.params : {}
  const given = Object.entries(params).flatMap(([name, value]) => (known.has(name) ? [] : [value]))
  return leaves([...given, message.result])
}

/** Not by recursion: arguments are as deep as a client likes. */
function leaves(values: unknown[]): string[] {
  const found: string[] = []
  const waiting = [...values]
  for (let value = waiting.pop(); waiting.length > 0 || value !== undefined; value = waiting.pop()) {
    if (typeof value === 'string' || typeof value === 'number') found.push(String(value))
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) {
        if (!Array.isArray(value)) found.push(name)
        if (inner !== null && inner !== undefined) waiting.push(inner)
      }
  }
  return found
}

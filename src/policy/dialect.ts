/** Finds the dialect in which a document is written, from the names it uses. */
import { isObject } from '../base/json.ts'
import { type Problem, pointer } from './problem.ts'
import { nearest } from './spelling.ts'

export const dialects = ['hosted', 'rule', 'short'] as const
export type Dialect = (typeof dialects)[number]

/** Names of an entry that only one dialect has. */
const marks: ReadonlyMap<string, Dialect> = new Map<string, Dialect>(
  Object.entries({
    require: 'hosted',
    require_approval: 'hosted',
    deny_if: 'hosted',
    limits: 'hosted',
    counts: 'hosted',
    rules: 'rule',
    action: 'short',
    reason: 'short',
    rate_limit: 'short',
    shadow: 'short',
  } satisfies Record<string, Dialect>),
)

interface Mark {
  readonly dialect: Dialect
  readonly place: string
  readonly name: string
}

/**
 * The dialect of a document, or why there is none. A document that uses no dialect's own names reads as hosted,
 * whose silence means deny.
 */
export function dialectOf(document: Record<string, unknown>): Dialect | readonly Problem[] {
  const found = new Map<Dialect, Mark>()
  for (const mark of marksOf(document, (name) => marks.get(name))) {
    if (!found.has(mark.dialect)) found.set(mark.dialect, mark)
  }
  const [first, ...others] = found.values()
  if (first === undefined) return meantDialect(document)
  if (others.length === 0) return first.dialect
  return others.map(({ dialect, place, name }) => ({
    pointer: place,
    found: `${JSON.stringify(name)}, of the ${dialect} dialect`,
    allowed: `one dialect in a document: ${first.place} is of the ${first.dialect} dialect`,
    onName: true,
  }))
}

/** Where every mark is misspelt, the misspelt ones decide. */
function meantDialect(document: Record<string, unknown>): Dialect {
  for (const { dialect } of marksOf(document, (name) => marks.get(nearest(name, marks.keys()) ?? '')))
    return dialect
  return 'hosted'
}

function* marksOf(
  document: Record<string, unknown>,
  dialectOfName: (name: string) => Dialect | undefined,
): Generator<Mark> {
  if (Object.hasOwn(document, 'all_tools'))
    yield { dialect: 'hosted', place: '/all_tools', name: 'all_tools' }
  for (const section of ['tools', 'resources', 'prompts']) {
    const entries = document[section]
    if (!isObject(entries)) continue
    for (const [key, entry] of Object.entries(entries)) yield* marksIn(entry, [section, key], dialectOfName)
  }
  yield* marksIn(document.all, ['all'], dialectOfName)
}

function* marksIn(
  entry: unknown,
  path: readonly string[],
  dialectOfName: (name: string) => Dialect | undefined,
): Generator<Mark> {
  if (!isObject(entry)) return
  for (const name of Object.keys(entry)) {
    const dialect = dialectOfName(name)
    if (dialect !== undefined) yield { dialect, place: pointer(...path, name), name }
  }
}

import { readKinds } from '../policy/model.ts'
import { type Meaning, meaningOf, meaningOfReading, namedReads, namedTools, type Source } from './meaning.ts'

/** One difference; null where one of the two has nothing to say. */
export interface Change {
  /** The tool; of reading, `resource <key>` or `prompt <key>`. */
  readonly tool: string
  readonly what: 'listed' | 'call' | 'rule' | 'limit'
  readonly a: string | null
  readonly b: string | null
}

/**
 * The differences, by tool. The order of rules is none: whatever it is, the same calls are allowed.
 *
 * @param only the tools to compare; where absent, all that either policy names, and one that neither does
 */
export function changesBetween(a: Source, b: Source, only?: readonly string[]): Change[] {
  const named = new Set([...namedTools(a), ...namedTools(b)])
  const tools = only === undefined ? [...[...named].sort(), otherThan(named)] : [...new Set(only)]
  const changes = tools.flatMap((tool) => changesOf(tool, meaningOf(a, tool), meaningOf(b, tool)))
  return only === undefined ? [...changes, ...changesOfReading(a, b)] : changes
}

/** Compares reads by key, and those that have none. A section that neither document has lets everything be read, but for limits. */
function changesOfReading(a: Source, b: Source): Change[] {
  return readKinds.flatMap((kind) => {
    const keys = new Set([...(namedReads(a, kind) ?? []), ...(namedReads(b, kind) ?? [])])
    const other = `(any other ${kind})`
    return [...[...keys].sort(), other].flatMap((key) => {
      const named = key === other ? other : `${kind} ${key}`
      return changesOf(named, meaningOfReading(a, kind, key), meaningOfReading(b, kind, key))
    })
  })
}

/** A name for every tool that is not named. */
function otherThan(named: ReadonlySet<string>): string {
  let name = '(any other tool)'
  while (named.has(name)) name = `(${name})`
  return name
}

function changesOf(tool: string, a: Meaning, b: Meaning): Change[] {
  const changes: Change[] = []
  const word = (isListed: boolean) => (isListed ? 'yes' : 'no')
  if (a.isListed !== b.isListed) {
    changes.push({ tool, what: 'listed', a: word(a.isListed), b: word(b.isListed) })
  }
  if (a.call !== b.call) changes.push({ tool, what: 'call', a: a.call, b: b.call })
  for (const rule of without(a.rules, b.rules)) changes.push({ tool, what: 'rule', a: rule, b: null })
  for (const rule of without(b.rules, a.rules)) changes.push({ tool, what: 'rule', a: null, b: rule })
  for (const of of new Set([...a.limits, ...b.limits].map((limit) => limit.of))) {
    const saying = ({ limits }: Meaning) => limits.filter((limit) => limit.of === of).map(({ says }) => says)
    const before = without(saying(a), saying(b))
    const after = without(saying(b), saying(a))
    for (let i = 0; i < Math.max(before.length, after.length); i++) {
      changes.push({ tool, what: 'limit', a: before[i] ?? null, b: after[i] ?? null })
    }
  }
  return changes
}

/** Entries of one list that the other lacks, each once: a repeated entry means no more than a single one. */
function without(some: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others)
  return [...new Set(some)].filter((one) => !known.has(one))
}

/** Finds names in a grant's document that its tenant does not have. PURE. */
import { describeProblem, describeValue } from '../policy/problem.ts'
import { nearest } from '../policy/spelling.ts'
import { EVERY_UPSTREAM, type GrantDocument } from './grant-document.ts'

const MOST_NAMED = 50

/** The names that a tenant has. */
export interface KnownNames {
  readonly policies: readonly string[]
  readonly servers: readonly string[]
  readonly people: readonly string[]
}

/** Every name that nothing is called by, each with what there is. */
export function unknownNames({ policy, servers, owner }: GrantDocument, known: KnownNames): string[] {
  const problems: string[] = []
  if (policy !== null && !known.policies.includes(policy))
    problems.push(unknown({ pointer: '/policy', kind: 'policy', name: policy }, known.policies))
  for (const [i, server] of (servers === '*' ? [] : servers).entries()) {
    if (server !== EVERY_UPSTREAM && !known.servers.includes(server))
      problems.push(unknown({ pointer: `/servers/${i}`, kind: 'server', name: server }, known.servers))
  }
  if (owner !== null && !known.people.includes(owner))
    problems.push(unknown({ pointer: '/owner', kind: 'person', name: owner }, known.people))
  return problems
}

interface UnknownName {
  readonly pointer: string
  readonly kind: 'policy' | 'server' | 'person'
  readonly name: string
}

function unknown({ pointer, kind, name }: UnknownName, known: readonly string[]): string {
  const found = `the unknown ${kind} ${describeValue(name)}`
  const more = known.length > MOST_NAMED ? ` and ${known.length - MOST_NAMED} more` : ''
  const allowed =
    known.length === 0
      ? `none: this tenant has no ${kind}`
      : `${known.slice(0, MOST_NAMED).join(', ')}${more}`
  return describeProblem({ pointer, found, allowed, nearest: nearest(name, known) })
}

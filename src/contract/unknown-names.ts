/** Finds names in a grant's document that its tenant does not have. PURE. */
import { describeProblem, describeValue } from '../policy/problem.ts'
import { nearest } from '../policy/spelling.ts'
import { EVERY_UPSTREAM } from './grant-document.ts'
import type { GrantDocument } from './tenant.ts'

const MOST_NAMED = 50

/** Every name that nothing is called by, each with what there is. */
export function unknownNames(
  { policy, servers, owner }: GrantDocument,
  policyNames: readonly string[],
  serverNames: readonly string[],
  peopleNames: readonly string[],
): string[] {
  const problems: string[] = []
  if (policy !== null && !policyNames.includes(policy))
    problems.push(unknown('/policy', 'policy', policy, policyNames))
  for (const [i, server] of (servers === '*' ? [] : servers).entries()) {
    if (server !== EVERY_UPSTREAM && !serverNames.includes(server))
      problems.push(unknown(`/servers/${i}`, 'server', server, serverNames))
  }
  if (owner !== null && !peopleNames.includes(owner))
    problems.push(unknown('/owner', 'person', owner, peopleNames))
  return problems
}

function unknown(pointer: string, kind: string, name: string, known: readonly string[]): string {
  const found = `the unknown ${kind} ${describeValue(name)}`
  const more = known.length > MOST_NAMED ? ` and ${known.length - MOST_NAMED} more` : ''
  const allowed =
    known.length === 0
      ? `none: this tenant has no ${kind}`
      : `${known.slice(0, MOST_NAMED).join(', ')}${more}`
  return describeProblem({ pointer, found, allowed, nearest: nearest(name, known) })
}

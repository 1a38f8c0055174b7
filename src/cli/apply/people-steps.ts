/**
 * The order in which people are changed. New admins come before anybody ceases to be one, so that a run that dies always leaves
 * an admin. An address that moves to another person is taken away first, since no two people may have it. PURE.
 */
import type { Json } from '../gateway/api.ts'
import type { CurrentDocuments } from './current-state.ts'
import { personDifferences } from './differences.ts'
import type { WantedPerson } from './wanted.ts'

export interface PersonStep {
  readonly action: 'create' | 'change'
  readonly name: string
  readonly body: Json
  readonly details: readonly string[]
}

/** The changes of people, without deletions, which come at the very end. */
export function peopleSteps(
  people: ReadonlyMap<string, WantedPerson>,
  current: CurrentDocuments,
): PersonStep[] {
  const steps = [...people].flatMap(([name, { document }]): (PersonStep & { rank: number })[] => {
    const now = current.get(name)
    const details = now === undefined ? [] : personDifferences(document, now)
    if (now !== undefined && details.length === 0) return []
    const rank = document.role === 'admin' ? 0 : now?.role === 'admin' ? 2 : 1
    return [{ action: now === undefined ? 'create' : 'change', name, body: document, details, rank }]
  })
  return [
    ...releases(people, current),
    ...steps.toSorted((a, b) => a.rank - b.rank).map(({ rank: _, ...step }) => step),
  ]
}

/** Takes addresses away from people whose address goes to somebody else. */
function releases(people: ReadonlyMap<string, WantedPerson>, current: CurrentDocuments): PersonStep[] {
  const takers = new Map([...people].map(([name, { document }]) => [document.email, name]))
  return [...current].flatMap(([name, { role, email, accounts }]): PersonStep[] => {
    const taker = typeof email === 'string' ? takers.get(email) : undefined
    if (taker === undefined || taker === name) return []
    const body = { role, email: null, accounts }
    return [{ action: 'change', name, body, details: [`email, which ${taker} is to have`] }]
  })
}

/**
 * In which order people are changed. Whoever becomes an admin does so before anybody ceases to be one, so that a run that
 * dies leaves somebody; and an address that goes from one to another is taken away first, since it is nobody's twice. PURE.
 */
import type { Json } from '../admin/api.ts'
import { personDifferences } from './differences.ts'
import type { Things } from './there.ts'
import type { WantedPerson } from './wanted.ts'

export interface PersonStep {
  readonly action: 'create' | 'change'
  readonly name: string
  readonly body: Json
  readonly details: readonly string[]
}

/** What is to be done to people, but for those that go: that is for the end. */
export function peopleSteps(people: ReadonlyMap<string, WantedPerson>, there: Things): PersonStep[] {
  const steps = [...people].flatMap(([name, { document }]): (PersonStep & { rank: number })[] => {
    const now = there.get(name)
    const details = now === undefined ? [] : personDifferences(document, now)
    if (now !== undefined && details.length === 0) return []
    const rank = document.role === 'admin' ? 0 : now?.role === 'admin' ? 2 : 1
    return [{ action: now === undefined ? 'create' : 'change', name, body: document, details, rank }]
  })
  return [
    ...releases(people, there),
    ...steps.toSorted((a, b) => a.rank - b.rank).map(({ rank: _, ...step }) => step),
  ]
}

/** Of people whose address somebody else is to have. */
function releases(people: ReadonlyMap<string, WantedPerson>, there: Things): PersonStep[] {
  const takers = new Map([...people].map(([name, { document }]) => [document.email, name]))
  return [...there].flatMap(([name, { role, email, accounts }]): PersonStep[] => {
    const taker = typeof email === 'string' ? takers.get(email) : undefined
    if (taker === undefined || taker === name) return []
    const body = { role, email: null, accounts }
    return [{ action: 'change', name, body, details: [`email, which ${taker} is to have`] }]
  })
}

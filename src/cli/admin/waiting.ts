/** `--wait`: a command that changes something ends when every grant that it concerns goes by it. */
import type { Option } from '../arguments.ts'
import { type Outcome, PROBLEMS, type World } from '../outcome.ts'
import type { Api, Json } from './api.ts'

export const wait: Option = {
  name: 'wait',
  value: null,
  help: 'until every grant that the change concerns goes by it, for ten minutes at most',
}

const POLL_MS = 1_000
const MOST_POLLS = 600

/** The outcome once nobody in the tenant has yet to be told, or that this took too long. */
export async function untilTold(api: Api, outcome: Outcome, world: World): Promise<Outcome> {
  const data = typeof outcome.data === 'object' && outcome.data !== null ? (outcome.data as Json) : {}
  if (typeof data.pending !== 'number' || data.pending === 0) return outcome
  const all = Number(data.told ?? 0) + data.pending
  for (let polls = 0; polls < MOST_POLLS; polls++) {
    await world.wait(POLL_MS)
    const { pending } = (await api.get('')).body
    if (pending !== 0) continue
    const errors = outcome.errors.filter((line) => line !== pendingLine(data))
    const now = { ...data, told: all, pending: 0 }
    return { ...outcome, lines: [...outcome.lines, `all ${all} grants go by it`], errors, data: now }
  }
  const late = `${api.command}: some of ${all} grants could not be told within ten minutes; they will be as soon as they can be`
  return { ...outcome, code: PROBLEMS, errors: [...outcome.errors, late] }
}

/** What is said of a change that has not come to everybody yet; null where it has. */
export function pendingLine({ told, pending }: Json): string | null {
  if (typeof pending !== 'number' || pending === 0) return null
  const all = typeof told === 'number' ? ` of ${told + pending} grants` : ''
  return `warning: ${pending}${all} could not be told yet, and will be as soon as they can be`
}

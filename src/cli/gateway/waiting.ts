/**
 * `--wait`: a command that changes something ends when every grant that it concerns goes by it. The gateway says of how many
 * grants of the tenant that is not so, not of which: when there is none, this change is everywhere; while there are some,
 * they may be another change's.
 */
import type { Option } from '../kit/arguments.ts'
import { FINE, type Late, type Outcome, PROBLEMS, type World } from '../kit/outcome.ts'
import { type Api, Ended, type Json } from './api.ts'

export const wait: Option = {
  name: 'wait',
  value: null,
  help: 'until every grant of the tenant is told; ten minutes at most, two without progress',
}

const POLL_MS = 1_000
const MOST_POLLS = 600
/** After so many in which no grant was told, those that are left are hardly soon: a dead one is tried for good. */
const MOST_STILL_POLLS = 120
/** A poll that takes longer counts as one that failed. */
const POLL_TIMEOUT_MS = 10_000

/** The outcome, to be printed at once: what it says may be a token, and is had this once. Then it waits. */
export function untilTold(api: Api, outcome: Outcome, world: World): Outcome {
  const data = typeof outcome.data === 'object' && outcome.data !== null ? (outcome.data as Json) : {}
  if (outcome.code !== FINE || typeof data.pending !== 'number' || data.pending === 0) return outcome
  const all = typeof data.told === 'number' ? ` ${data.told + data.pending}` : ''
  return { ...outcome, waits: () => told(api, `all${all} grants`, world) }
}

/** Waits until every grant of the tenant has been told, or is gone. A question that fails meanwhile is asked again. */
async function told(api: Api, grants: string, world: World): Promise<Late> {
  let failure: readonly string[] = []
  let least = Number.POSITIVE_INFINITY
  let left = least
  let still = 0
  for (let polls = 0; polls < MOST_POLLS && still < MOST_STILL_POLLS; polls++) {
    await world.wait(POLL_MS)
    const now = await pendingNow(api)
    if (now.pending === 0) return { code: FINE, errors: [`${grants} go by it`] }
    failure = now.failure
    left = now.pending ?? left
    still = left < least ? 0 : still + 1
    least = Math.min(least, left)
  }
  const late =
    failure.length === 0
      ? `${left} grants of the tenant could not be told yet, of this change or of another; they will be as soon as they can be`
      : `it is done, but whether ${grants} go by it could not be learnt`
  return { code: PROBLEMS, errors: [...failure, `${api.command}: ${late}`] }
}

/** Asks for the number of grants that have yet to be told; where that failed, `failure` says why. */
async function pendingNow(api: Api): Promise<{ pending: number | null; failure: readonly string[] }> {
  try {
    const { pending } = (await api.get('', {}, POLL_TIMEOUT_MS)).body
    if (typeof pending === 'number') return { pending, failure: [] }
    return { pending: null, failure: [`${api.command}: the gateway does not say how many grants are left`] }
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    return { pending: null, failure: error.outcome.errors }
  }
}

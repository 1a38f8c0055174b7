/**
 * Outcomes of calls on their way to their audit rows. No call pays for that: outcomes travel with the next question to the same principal
 * or, when none comes soon, in one message for all. Should the isolate die first, the row says that the outcome is unknown.
 */
import { errorName, log } from '../base/log.ts'
import { principalOf } from '../contract/objects.ts'
import type { Settled } from '../contract/principal.ts'
import type { RequestContext } from './context.ts'

/** Outcomes that nobody else carries leave after so long. */
const QUIET_MS = 500
/** More are not kept for one principal; one that is asked so often carries them away much sooner. */
const MOST_WAITING = 1_000
/** As many go with one question. */
const MOST_AT_ONCE = 100
/** Fewer wait for company: handing them over costs nearly the same for one as for many. */
const FEWEST_AT_ONCE = 16

const waiting = new Map<string, Settled[]>()
/**
 * Principals whose outcomes somebody will take away, and until when that is believed: a request that was stopped before
 * it did must not keep the others waiting for ever.
 */
const leaving = new Map<string, number>()
const BELIEVED_MS = 4 * QUIET_MS

function keyOf({ presented }: Pick<RequestContext, 'presented'>): string {
  return `${presented.tenant}/${presented.grant}`
}

/** Takes what waits for a principal, to be sent along, once it is worth it. */
export function takeOutcomes(context: Pick<RequestContext, 'presented'>): readonly Settled[] {
  const key = keyOf(context)
  return (waiting.get(key)?.length ?? 0) < FEWEST_AT_ONCE ? [] : takeAll(key)
}

function takeAll(key: string): readonly Settled[] {
  const all = waiting.get(key)
  if (all === undefined) return []
  if (all.length > MOST_AT_ONCE) return all.splice(0, MOST_AT_ONCE)
  waiting.delete(key)
  return all
}

/** Puts back what could not be sent. */
export function putBackOutcomes(
  context: Pick<RequestContext, 'presented'>,
  outcomes: readonly Settled[],
): void {
  if (outcomes.length === 0) return
  const key = keyOf(context)
  waiting.set(key, [...outcomes, ...(waiting.get(key) ?? [])].slice(0, MOST_WAITING))
}

/** Remembers how a call ended. */
export function settleLater(context: RequestContext, outcome: Omit<Settled, 'requestId'>): void {
  const key = keyOf(context)
  const settled: Settled = { requestId: context.requestId, ...outcome }
  const all = waiting.get(key)
  if (all === undefined) waiting.set(key, [settled])
  else if (all.length < MOST_WAITING) all.push(settled)
  const nowMs = Date.now()
  if (nowMs < (leaving.get(key) ?? 0)) return
  leaving.set(key, nowMs + BELIEVED_MS)
  context.execution.waitUntil(leaveAfterAWhile(context, key))
}

async function leaveAfterAWhile(context: RequestContext, key: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  leaving.delete(key)
  for (let outcomes = takeAll(key); outcomes.length > 0; outcomes = takeAll(key)) {
    try {
      await principalOf(context).settle(outcomes)
    } catch (error) {
      log('warn', 'principal.after_answer_failed', { request: context.requestId, error: errorName(error) })
      return
    }
  }
}

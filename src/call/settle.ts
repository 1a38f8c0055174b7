/**
 * Settles a call, whatever served it: tells its audit row how it ended, and gives back its charge where it surely did not happen. The
 * answer waits for none of that.
 */
import { isObject } from '../base/json.ts'
import { principalOf } from '../contract/objects.ts'
import type { Admitted, Settled } from '../contract/principal.ts'
import { isOurState } from '../eras/names.ts'
import { afterAnswer } from '../request/admission.ts'
import type { RequestContext } from '../request/context.ts'
import { settleLater } from '../request/outcomes.ts'
import { isRefunded, outcomeOf } from '../upstream/problem.ts'
import type { Ending } from '../upstream/reception.ts'
import { continuationAsked } from './approval-continuation.ts'
import type { TenantCharge } from './judge.ts'

/** A call that was let through. */
export interface UnderWay {
  readonly context: RequestContext
  readonly admitted: Admitted
  readonly ofTenant: TenantCharge
  /** A person has approved it. */
  readonly isApproved: boolean
  readonly startedAtMs: number
}

/** Says how an upstream's answer ended; to be called once. */
export function settling(call: UnderWay): (ending: Ending) => void {
  return (ending) => {
    const { context, isApproved, startedAtMs } = call
    settleLater(context, settledFrom(ending, startedAtMs))
    if (ending.kind === 'failed' && isRefunded(ending.problem)) giveBack(call, ending.problem.status !== null)
    // An approved call is not done before its server has been told what it asks for.
    const question = isApproved ? questionIn(ending) : null
    if (question !== null) afterAnswer(context, () => reopen(context, question))
  }
}

/**
 * Gives back what a call was charged that surely did not happen.
 *
 * @param isAnswered its server has answered, if only to refuse it
 */
export function giveBack({ context, admitted, ofTenant }: UnderWay, isAnswered = false): void {
  if (admitted.charged) afterAnswer(context, (principal) => principal.refund(context.requestId, isAnswered))
  context.execution.waitUntil(ofTenant.abandon())
}

/**
 * The outcome of a call, for its audit row. Where the client may resume the stream nobody learns it: that is said at once, because a row
 * that waits for its outcome holds back all behind it (decision 23).
 */
export function settledFrom(ending: Ending, startedAtMs: number): Omit<Settled, 'requestId'> {
  const latencyMs = Date.now() - startedAtMs
  switch (ending.kind) {
    case 'failed':
      return { outcome: outcomeOf(ending.problem), upstreamStatus: ending.problem.status, latencyMs }
    case 'paused':
      return { outcome: 'unknown', upstreamStatus: ending.status, latencyMs }
    case 'answered': {
      const { message, status } = ending
      const outcome =
        message === 'cut' || message.error === undefined
          ? message !== 'cut' && message.result?.isError === true
            ? 'tool_error'
            : 'result'
          : 'rpc_error'
      return { outcome, upstreamStatus: status, latencyMs }
    }
  }
}

/**
 * The result by which a server wants to be told something before it makes the call (MCP 2026-07-28, multi round-trip
 * requests); null for any other answer.
 */
function questionIn(ending: Ending): Readonly<Record<string, unknown>> | null {
  if (ending.kind !== 'answered' || ending.message === 'cut') return null
  const { result } = ending.message
  // A call that waits in the gateway goes on there; it must not be made anew.
  const isAsking =
    isObject(result) && result.resultType === 'input_required' && !isOurState(result.requestState)
  return isAsking ? result : null
}

/** Lets the call that answers exactly this question go on. */
async function reopen(context: RequestContext, question: Readonly<Record<string, unknown>>): Promise<void> {
  const continuation = await continuationAsked(question)
  if (continuation !== null) await principalOf(context).reopenApproval(context.requestId, continuation)
}

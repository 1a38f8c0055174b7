/** The wait for the person who has to approve a call. */
import { isObject } from '../base/json.ts'
import { errorName, log } from '../base/log.ts'
import { principalOf } from '../contract/objects.ts'
import type { HeldAnswer } from '../contract/principal.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'

/**
 * The time that the retry of a client waits for the person that it has sent to the link. It is within the minute that clients
 * wait for an answer (the protocol's own packages: 60 s).
 */
export const WAIT_MS = 20_000

/** The name of our question among the `inputRequests` of a result (MCP 2026-07-28, multi round-trip requests). */
export const QUESTION = 'approval'

/** The time that a retry waits for the news of the question that it answers, which it may overtake. */
const OVERTAKEN_MS = 2_000

/**
 * Waits for a person to decide, where that is worth while, and says whether to ask the principal again. A client that comes back from
 * the link before anybody has decided is let wait (MCP 2026-07-28, elicitation: the server may block until the request is
 * fulfilled), and so is one that answers its server before the principal has heard that the server asked.
 */
export async function afterDecision(
  context: RequestContext,
  message: RequestMessage,
  held: HeldAnswer,
): Promise<boolean> {
  const waitMs = waitFor(message, held)
  if (waitMs === 0) return false
  try {
    await principalOf(context).waitForDecision(held.approval.id, waitMs)
  } catch (error) {
    log('warn', 'approval.wait_failed', { request: context.requestId, error: errorName(error) })
    return false
  }
  // To hang up is to cancel in this era: nobody wants the call any more.
  return !context.http.signal.aborted
}

function waitFor(message: RequestMessage, { approval: { id, state }, stopped }: HeldAnswer): number {
  if (stopped) return 0
  if (state === 'used') return OVERTAKEN_MS
  return state === 'pending' && hasBeenAsked(message, id) && wasAccepted(message) ? WAIT_MS : 0
}

/** Whether this is the retry of a call that was answered with the link. */
export function hasBeenAsked({ era, body }: RequestMessage, id: string): boolean {
  return era === 'stateless' && body.params?.requestState === id
}

function wasAccepted({ body }: RequestMessage): boolean {
  const answers = body.params?.inputResponses
  const ours = isObject(answers) ? answers[QUESTION] : undefined
  return !isObject(ours) || ours.action === 'accept'
}

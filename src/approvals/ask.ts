/** Asks the principal for a call that a person may have to approve. */
import { askPlanned, type Passage, type Planned, principalOf } from '../gateway/admission.ts'
import type { RequestMessage } from '../gateway/message.ts'
import { errorName, log } from '../log.ts'
import { isObject } from '../policy/json.ts'
import { grantOfApproval } from './id.ts'

/**
 * How long the retry of a client waits for the person that it has sent to the link. Within the minute that clients
 * wait for an answer (the protocol's own packages: 60 s).
 */
export const WAIT_MS = 20_000

/** The name of our question among the `inputRequests` of a result (MCP 2026-07-28, multi round-trip requests). */
export const QUESTION = 'approval'

/**
 * As `askPlanned`. A client that comes back from the link before anybody has decided is let wait for a while (MCP
 * 2026-07-28, elicitation: the server may block until the request is fulfilled).
 */
export async function askApproved<P extends Planned>(
  passage: Passage,
  message: RequestMessage,
  plan: Parameters<typeof askPlanned<P>>[1],
): ReturnType<typeof askPlanned<P>> {
  const asked = await askPlanned(passage, plan)
  const { admission } = asked
  if (admission.kind !== 'approval' || admission.approval.state !== 'pending') return asked
  const { id } = admission.approval
  if (!hasBeenAsked(message, id) || !wasAccepted(message)) return asked
  try {
    await principalOf(passage).waitForDecision(id, WAIT_MS)
  } catch (error) {
    log('warn', 'approval.wait_failed', { request: passage.requestId, error: errorName(error) })
    return asked
  }
  // To hang up is to cancel in this era: nobody wants the call any more.
  return passage.http.signal.aborted ? asked : askPlanned(passage, plan)
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

/** Whether `requestState` is the gateway's own: then neither it nor the answers beside it are for a server. */
export function isOwnState(requestState: unknown): boolean {
  return typeof requestState === 'string' && grantOfApproval(requestState) !== null
}

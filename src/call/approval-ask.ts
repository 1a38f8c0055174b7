/** Asks the principal for a call that a person may have to approve. */
import { grantOfApproval } from '../approvals/id.ts'
import { isObject } from '../base/json.ts'
import { errorName, log } from '../base/log.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { HeldAnswer } from '../contract/principal.ts'
import { askPlanned, type Planned } from '../request/admission.ts'
import { principalOf, type RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import type { Answers } from './approval-continuation.ts'

/**
 * How long the retry of a client waits for the person that it has sent to the link. Within the minute that clients
 * wait for an answer (the protocol's own packages: 60 s).
 */
export const WAIT_MS = 20_000

/** The name of our question among the `inputRequests` of a result (MCP 2026-07-28, multi round-trip requests). */
export const QUESTION = 'approval'

/** How long a retry that overtakes the news of what it answers waits for it. */
const OVERTAKEN_MS = 2_000

/**
 * As `askPlanned`. A client that comes back from the link before anybody has decided is let wait for a while (MCP
 * 2026-07-28, elicitation: the server may block until the request is fulfilled), and so is one that answers its server
 * before the principal has heard that the server asked.
 *
 * @param plan is told whether that its server has asked may not be known yet
 */
export async function askApproved<P extends Planned>(
  context: RequestContext,
  message: RequestMessage,
  plan: (config: CompiledConfig, isEarly: boolean) => P | Promise<P>,
): ReturnType<typeof askPlanned<P>> {
  const asked = await askPlanned(context, (config) => plan(config, answersIn(message) !== null))
  const waitMs = asked.admission.kind === 'approval' ? waitFor(message, asked.admission) : 0
  if (asked.admission.kind !== 'approval' || waitMs === 0) return asked
  try {
    await principalOf(context).waitForDecision(asked.admission.approval.id, waitMs)
  } catch (error) {
    log('warn', 'approval.wait_failed', { request: context.requestId, error: errorName(error) })
    return asked
  }
  // To hang up is to cancel in this era: nobody wants the call any more.
  return context.http.signal.aborted ? asked : askPlanned(context, (config) => plan(config, false))
}

function waitFor(message: RequestMessage, { approval: { id, state }, stopped }: HeldAnswer): number {
  if (stopped) return 0
  if (state === 'used') return OVERTAKEN_MS
  return state === 'pending' && hasBeenAsked(message, id) && wasAccepted(message) ? WAIT_MS : 0
}

/** What the call answers of what a server has asked, or null; answers to the gateway's own question are no such thing. */
export function answersIn({ era, body }: RequestMessage): Answers | null {
  const { inputResponses, requestState } = body.params ?? {}
  if (era !== 'stateless' || isOwnState(requestState)) return null
  return inputResponses === undefined && requestState === undefined ? null : { inputResponses, requestState }
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

/**
 * Cancellations that reach another isolate than the one that brings the request to its server. A request that takes long asks its
 * principal for them; whoever gets one that is about nothing here tells the principal. Plain calls do neither.
 */
import { isRpcId, type RpcId } from '../base/rpc.ts'
import type { Conversation } from '../bridge/conversation.ts'
import { forget } from '../bridge/partner.ts'
import { type CancellableRequest, type Running, runningAs } from '../bridge/running.ts'
import { principalOf } from '../contract/objects.ts'
import type { CancellationNotice } from '../contract/principal.ts'
import { afterAnswer } from '../request/admission.ts'
import type { RequestContext } from '../request/context.ts'
import { notify } from '../upstream/notify.ts'

/** A request that is under way for so long is worth a question. */
const LONG_MS = 2_000
/** One question waits for so long; then it is asked anew. */
const WAIT_MS = 60_000
const LONGEST_REASON = 1_000
/** Longer ids, as JSON, are not kept anywhere but with their request. */
const LONGEST_ID = 256

/** Makes a request cancellable by way of other isolates, until it is over: the code that works on it says when it takes long. */
export function withRemoteCancellation(
  conversation: Conversation,
  id: RpcId,
  running: Running,
): CancellableRequest {
  const { context } = conversation
  const { transport } = context
  if (transport === null || isLong(id)) return { ...running, long: undefined, timeLong: () => {} }
  const fromMs = Date.now()
  let isListening = false
  const listen = async () => {
    let isOver = false
    running.onEnd(() => {
      isOver = true
    })
    while (!isOver) {
      const asked = {
        credential: context.presented.credential,
        transport,
        id: JSON.stringify(id),
        requestId: context.requestId,
        ageMs: Date.now() - fromMs,
        mostMs: WAIT_MS,
      }
      const taken = await principalOf(context).waitForTakingBack(asked)
      if (taken !== null && !isOver) return cancelHere(conversation, id, taken)
    }
  }
  const call = () => {
    if (isListening) return
    isListening = true
    // A principal that cannot be asked, or knows no such thing yet, is not asked again: the request goes on as it would have.
    void listen().catch(() => {})
  }
  let hasTimer = false
  return {
    ...running,
    long: { afterMs: LONG_MS, call },
    timeLong: () => {
      if (hasTimer) return
      hasTimer = true
      const timer = setTimeout(call, LONG_MS)
      running.onEnd(() => clearTimeout(timer))
    },
  }
}

/** Tells whether an id, as JSON, is too long to be kept anywhere but with its request. */
function isLong(id: RpcId): boolean {
  if (typeof id === 'number' || (typeof id === 'string' && id.length < LONGEST_ID / 6 - 2)) return false
  return JSON.stringify(id).length > LONGEST_ID
}

async function cancelHere(
  conversation: Conversation,
  id: RpcId,
  { reason }: CancellationNotice,
): Promise<void> {
  const { context, link } = conversation
  const own = runningAs(context, id).filter(
    ({ requestId, server }) => requestId === context.requestId && server === link.config.name,
  )
  for (const { cancel, named } of own) {
    // First: whatever the server does once it has been told, it does for that.
    cancel()
    if (named === null) continue
    const params = { requestId: named.id, ...(reason === null ? {} : { reason }) }
    const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params }
    await notify(link, named.session, body, {
      client: context.http.headers,
      onForgotten: () => forget(conversation, named.session.id),
    })
  }
}

/** Tells the principal of a cancellation that is about nothing in this isolate, behind the answer. */
export function forwardCancellation(
  context: RequestContext,
  params: Readonly<Record<string, unknown>> | undefined,
): void {
  const { transport, presented } = context
  if (transport === null || params === undefined) return
  const { requestId, reason } = params
  if (!isRpcId(requestId) || isLong(requestId)) return
  const said = {
    credential: presented.credential,
    transport,
    id: JSON.stringify(requestId),
    reason: typeof reason === 'string' ? reason.slice(0, LONGEST_REASON) : null,
  }
  afterAnswer(context, (principal) => principal.takeBack(said))
}

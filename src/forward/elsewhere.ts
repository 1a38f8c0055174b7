/**
 * Cancellations that reach another isolate than the one that brings the request to its server. A request that takes long asks its
 * principal for them; whoever gets one that is about nothing here tells the principal. Plain calls do neither.
 */
import type { Conversation } from '../bridge/conversation.ts'
import type { TakenBack } from '../contract/principal.ts'
import { afterAnswer } from '../gateway/admission.ts'
import { type Passage, principalOf } from '../gateway/passage.ts'
import { notify } from '../upstream/notify.ts'
import { isRpcId, type RpcId } from '../upstream/rpc.ts'
import { forget } from './partner.ts'
import { type Running, runningAs } from './running.ts'

/** A request that is under way for so long is worth a question. */
const LONG_MS = 2_000
/** One question waits for so long; then it is asked anew. */
const WAIT_MS = 60_000
const LONGEST_REASON = 1_000
/** Longer ids, as JSON, are not kept anywhere but with their request. */
const LONGEST_ID = 256

/** Has a request heed what other isolates hear, until it is over. */
export function heeding(talk: Conversation, id: RpcId, running: Running): Running {
  const { passage } = talk
  const { transport } = passage
  if (transport === null || JSON.stringify(id).length > LONGEST_ID) return running
  const fromMs = Date.now()
  let isOver = false
  const heed = async () => {
    while (!isOver) {
      const asked = {
        secretHash: passage.claim.secretHash,
        transport,
        id: JSON.stringify(id),
        requestId: passage.requestId,
        ageMs: Date.now() - fromMs,
        mostMs: WAIT_MS,
      }
      const taken = await principalOf(passage).waitForTakingBack(asked)
      if (taken !== null && !isOver) return takeBackHere(talk, id, taken)
    }
  }
  // A principal that cannot be asked, or knows no such thing yet, is not asked again: the request goes on as it would have.
  const timer = setTimeout(() => void heed().catch(() => {}), LONG_MS)
  return {
    ...running,
    end: () => {
      isOver = true
      clearTimeout(timer)
      running.end()
    },
  }
}

async function takeBackHere(talk: Conversation, id: RpcId, { reason }: TakenBack): Promise<void> {
  const { passage, link } = talk
  const own = runningAs(passage, id).filter(
    ({ requestId, server }) => requestId === passage.requestId && server === link.config.name,
  )
  for (const { cancel, named } of own) {
    // First: whatever the server does once it has been told, it does for that.
    cancel()
    if (named === null) continue
    const params = { requestId: named.id, ...(reason === null ? {} : { reason }) }
    const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params }
    await notify(link, named.session, body, passage.http.headers, () => forget(talk, named.session.id))
  }
}

/** Tells the principal of a cancellation that is about nothing in this isolate, behind the answer. */
export function tellElsewhere(passage: Passage, params: Readonly<Record<string, unknown>> | undefined): void {
  const { transport, claim } = passage
  if (transport === null || params === undefined) return
  const { requestId, reason } = params
  if (!isRpcId(requestId) || JSON.stringify(requestId).length > LONGEST_ID) return
  const said = {
    secretHash: claim.secretHash,
    transport,
    id: JSON.stringify(requestId),
    reason: typeof reason === 'string' ? reason.slice(0, LONGEST_REASON) : null,
  }
  afterAnswer(passage, (principal) => principal.takeBack(said))
}

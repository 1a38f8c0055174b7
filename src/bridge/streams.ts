/** Event streams between the eras. */

import type { Partner } from '../forward/partner.ts'
import type { Reached } from '../forward/single.ts'
import type { StreamSource } from '../forward/streams.ts'
import type { RequestMessage } from '../gateway/message.ts'

/** For a GET of the session era: what a server of the stateless era says to a subscriber; null for nothing. */
export async function streamAcross(_at: Reached): Promise<StreamSource | null> {
  return null
}

/** `subscriptions/listen` for a server of the session era. */
export async function listenAcross(
  _at: Reached,
  _message: RequestMessage,
  _partner: Extract<Partner, { era: 'session' }>,
  feed: WebSocket,
): Promise<Response> {
  feed.close(1000)
  return new Response(null, { status: 501 })
}

/** The principal's side of an event stream: a WebSocket that its object may sleep behind. */
import { errorName, log } from '../base/log.ts'
import { writeCredential } from '../contract/credential.ts'
import { principalOf } from '../contract/objects.ts'
import { ADMITTED_HEADER, type AdmitAnswer, type Admitted, FEED_HEADER } from '../contract/principal.ts'
import { type Admission, learn, question } from './admission.ts'
import type { RequestContext } from './context.ts'
import { conclude } from './decided.ts'

/** Asks the principal for a feed: its one call for this request, admission included. */
export async function openFeed(
  context: RequestContext,
): Promise<{ admission: Admission; feed: WebSocket | null }> {
  const { credential, ...rest } = question(context, { kind: 'check' }, null)
  const headers = {
    upgrade: 'websocket',
    // The outcomes of earlier calls would not fit into a header.
    [FEED_HEADER]: JSON.stringify({ ...rest, settled: [], credential: writeCredential(credential) }),
  }
  try {
    const response = await principalOf(context).fetch('http://principal/feed', { headers })
    const feed = response.webSocket
    if (feed === null) {
      const admission = await learn(context, (await response.json()) as AdmitAnswer)
      conclude(context, { kind: 'check' }, admission)
      return { admission, feed: null }
    }
    feed.accept()
    const admitted = JSON.parse(response.headers.get(ADMITTED_HEADER) ?? '') as Admitted
    return { admission: { kind: 'admitted', admitted }, feed }
  } catch (error) {
    log('error', 'principal.unavailable', { request: context.requestId, error: errorName(error) })
    const admission = { kind: 'unavailable' } as const
    conclude(context, { kind: 'check' }, admission)
    return { admission, feed: null }
  }
}

/** Closes a socket that may be closed already. */
export function closeQuietly(socket: WebSocket): void {
  try {
    socket.close(1000)
  } catch {
    // It was closed already.
  }
}

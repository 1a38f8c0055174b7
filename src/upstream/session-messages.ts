/** Messages to a session about an open request: to go on with it, or to cancel it. */
import type { SessionNames } from '../contract/upstream.ts'
import { type Hold, type Sent, send } from './http.ts'
import type { UpstreamLink } from './link.ts'
import { notify } from './notify.ts'
import { requestHeaders } from './request-headers.ts'

/** The rest of a stream that ended early: it is still the same call, so it keeps its place, and its time goes on. */
export function resume(
  link: UpstreamLink,
  session: SessionNames,
  lastEventId: string,
  within: Hold,
): Promise<Sent> {
  const headers = requestHeaders({ client: null, session, lastEventId })
  return send(link, { method: 'GET', headers, within })
}

/** Tells the server that nobody waits for the answer (MCP 2025-11-25, cancellation). */
export async function cancel(link: UpstreamLink, session: SessionNames, requestId: string): Promise<void> {
  const params = { requestId, reason: 'The client hung up' }
  await notify(link, session, { jsonrpc: '2.0', method: 'notifications/cancelled', params }, { client: null })
}

/** Finds out whether the server of an answer has forgotten the session that the request named. */
import type { RpcId } from '../base/rpc.ts'
import type { SessionNames } from '../contract/upstream.ts'
import { verdictOn } from './forgotten.ts'
import { discard, type Sent, send } from './http.ts'
import type { UpstreamLink } from './link.ts'
import { refusalText } from './refusal.ts'
import { requestHeaders } from './request-headers.ts'

type Open = Extract<Sent, { ok: true }>

/**
 * Tells whether the server does not know the session, so that it has not done anything for request `id`, which may be sent again in another
 * one. Lets go of such an answer.
 * @param over called where the session has ended, but the answer stands: the next request needs another session
 */
export async function isForgotten(
  sent: Open,
  session: SessionNames,
  id: RpcId | null,
  over: () => void,
): Promise<boolean> {
  const { response, hold } = sent
  const { status } = response
  if (session.id === null || status < 400) return false
  switch (verdictOn(status, await refusalText(response), id)) {
    case 'known':
      return false
    case 'over':
      over()
      return false
    case 'ambiguous':
      if (await isAlive(sent, session)) return false
      break
    case 'forgotten':
  }
  discard(response)
  hold.end(null)
  return true
}

/**
 * Tells whether the server still knows the session; null where it cannot be asked. It is asked by a `ping`, which every server has to answer
 * (MCP 2025-11-25, ping).
 */
export async function knowsSession(
  link: UpstreamLink,
  session: SessionNames,
  signal?: AbortSignal,
): Promise<boolean | null> {
  const id = crypto.randomUUID()
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: null, session }),
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }),
    isAside: true,
    signal,
  })
  if (!sent.ok) return null
  const { response, hold } = sent
  const isRefused = response.status >= 400
  const verdict = isRefused ? verdictOn(response.status, await refusalText(response), id) : 'known'
  discard(response)
  hold.end(null)
  // A failure says nothing of the session.
  return verdict === 'known' && response.status >= 500 ? null : verdict === 'known'
}

/**
 * Tells whether the server still knows the session, where an answer leaves that open. It is asked by a message that means nothing to
 * it: the cancellation of a request that was never made (MCP 2025-11-25, cancellation: such are ignored).
 */
async function isAlive({ hold: { link } }: Open, session: SessionNames): Promise<boolean> {
  const params = { requestId: crypto.randomUUID() }
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: null, session }),
    body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }),
    isAside: true,
  })
  if (!sent.ok) return true
  const { response } = sent
  const isKnown = response.ok || verdictOn(response.status, await refusalText(response), null) === 'known'
  discard(response)
  sent.hold.end(null)
  return isKnown
}

/** Requests of a server's that nobody but the gateway is there to answer. */
import { codes } from '../base/jsonrpc.ts'
import { isRequest, type RpcMessage } from '../base/rpc.ts'
import type { UpstreamLink } from './link.ts'
import { type Asking, notify } from './notify.ts'

/**
 * Answers a request of the server's that no client is to see: `ping` with the empty result that everybody owes (MCP
 * 2025-11-25, ping), any other with -32601, or the server would wait with its own answer.
 */
export async function decline(
  link: UpstreamLink,
  session: Asking,
  { id, method }: RpcMessage,
): Promise<void> {
  const error = { code: codes.methodNotFound, message: `The client cannot be asked for ${method} here` }
  const answer = method === 'ping' ? { result: {} } : { error }
  await notify(link, session, { jsonrpc: '2.0', id, ...answer }, { client: null })
}

/** Declines every request among a server's messages, behind the reader of the stream. */
export function decliningIn(link: UpstreamLink, session: Asking): (message: RpcMessage) => void {
  return (message) => {
    if (isRequest(message)) link.waitUntil(decline(link, session, message))
  }
}

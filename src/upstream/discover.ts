/** Asks an upstream whether it speaks the stateless era. */
import { identity } from '../version.ts'
import { learnEras } from './health.ts'
import { discard, isJson, problemIn, send } from './http.ts'
import type { UpstreamLink } from './link.ts'
import type { UpstreamProblem } from './problem.ts'
import { readAnswer } from './read-answer.ts'
import { requestHeaders } from './request-headers.ts'
import type { RpcMessage } from './rpc.ts'

export const STATELESS_VERSION = '2026-07-28'
const MOST_BYTES = 1024 * 1024

export type Discovered =
  | { readonly kind: 'discovered'; readonly message: RpcMessage }
  /** It answered, but does not speak this era. */
  | { readonly kind: 'other_era' }
  | { readonly kind: 'failed'; readonly problem: UpstreamProblem }

/** Sends `server/discover` in the gateway's own name. */
export async function discover(link: UpstreamLink, signal?: AbortSignal): Promise<Discovered> {
  const id = 'gatehouse-discover'
  const method = 'server/discover'
  const params = {
    _meta: {
      'io.modelcontextprotocol/protocolVersion': STATELESS_VERSION,
      'io.modelcontextprotocol/clientInfo': { name: identity.name, version: identity.version },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: null, stateless: { method } }),
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
    signal,
  })
  if (!sent.ok) return { kind: 'failed', problem: sent.problem }
  const { response, hold } = sent
  const { status } = response
  // Servers of the session era know neither the method nor a request without a session: they answer 4xx, in whatever
  // form. What they say of credentials or load is no sign of an era.
  const isOtherEra = status >= 400 && status < 500 && status !== 401 && status !== 403 && status !== 429
  if (isOtherEra && (problemIn(response) !== null || !isJson(response))) {
    discard(response)
    hold.end(null)
    learnEras(link, { stateless: false })
    return { kind: 'other_era' }
  }
  const answer = await readAnswer(response, hold, id, MOST_BYTES)
  if (!answer.ok) return { kind: 'failed', problem: answer.problem }
  const versions = answer.message.result?.supportedVersions
  const isStateless = Array.isArray(versions) && versions.includes(STATELESS_VERSION)
  learnEras(link, { stateless: isStateless })
  return isStateless ? { kind: 'discovered', message: answer.message } : { kind: 'other_era' }
}

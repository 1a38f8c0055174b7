/** Asks an upstream whether it speaks the stateless era. */
import { envelopeOf, STATELESS_VERSION } from '../base/revisions.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { declaredIn } from '../contract/declared.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { learnDeclared, learnEras } from './health.ts'
import { discard, isJson, problemIn, send } from './http.ts'
import type { UpstreamLink } from './link.ts'
import { problemOf } from './problem.ts'
import { readAnswer } from './read-answer.ts'
import { requestHeaders } from './request-headers.ts'
import { gatewayProfile } from './session.ts'
import { askForSession } from './session-era.ts'

const MOST_BYTES = 1024 * 1024
const noSign: ReadonlySet<number> = new Set([401, 403, 408, 429])

export type Discovered =
  | { readonly kind: 'discovered'; readonly message: RpcMessage }
  /** It answered, but does not speak this era. */
  | { readonly kind: 'other_era' }
  /** It answered something that says nothing of an era; nothing is learned. */
  | { readonly kind: 'unclear'; readonly problem: UpstreamProblem }
  | { readonly kind: 'failed'; readonly problem: UpstreamProblem }

/** Sends `server/discover` in the gateway's own name. */
export async function discover(link: UpstreamLink, signal?: AbortSignal): Promise<Discovered> {
  const id = crypto.randomUUID()
  const method = 'server/discover'
  const params = { _meta: envelopeOf(gatewayProfile) }
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
  // form. An answer about credentials, time or load is no sign of an era.
  const isRefusal = status >= 400 && status < 500 && !noSign.has(status)
  if (isRefusal && (problemIn(response, link) !== null || !isJson(response))) {
    discard(response)
    hold.end(null)
    return refusedInProse(link, status, signal)
  }
  const answer = await readAnswer(response, hold, { id, mostBytes: MOST_BYTES })
  if (!answer.ok) {
    const isProse = isRefusal && answer.problem.failure === 'not_mcp'
    return isProse ? refusedInProse(link, status, signal) : { kind: 'failed', problem: answer.problem }
  }
  const { error, result } = answer.message
  if (error !== undefined && !isRefusal && !saysUnknown(error.code, status)) {
    const message = `answered server/discover with an error (${error.code})`
    return { kind: 'unclear', problem: problemOf('not_mcp', message, { status, isUndone: true }) }
  }
  const versions = result?.supportedVersions
  const isStateless = Array.isArray(versions) && versions.includes(STATELESS_VERSION)
  if (isStateless) learnDeclared(link, 'stateless', declaredIn(result?.capabilities, STATELESS_VERSION))
  learnEras(link, { stateless: isStateless })
  return isStateless ? { kind: 'discovered', message: answer.message } : { kind: 'other_era' }
}

/**
 * Tells whether a server says by this error that it cannot make sense of the request: it will not later either. With HTTP 5xx
 * only the errors of JSON-RPC itself say so, for any other may pass.
 */
function saysUnknown(code: number, status: number): boolean {
  const isOfJsonRpc = code >= -32_602 && code <= -32_600
  if (status >= 400) return status >= 500 && isOfJsonRpc
  return isOfJsonRpc || (code >= -32_099 && code <= -32_000)
}

/** A page says 404 also where nobody is at home: then it tells only of who speaks the other era at the same time. */
async function refusedInProse(link: UpstreamLink, status: number, signal?: AbortSignal): Promise<Discovered> {
  if (status === 404 && (await askForSession(link, signal)) !== 'speaks') {
    return {
      kind: 'unclear',
      problem: problemOf('http_error', 'answered HTTP 404', { status, isUndone: true }),
    }
  }
  learnEras(link, { stateless: false })
  return { kind: 'other_era' }
}

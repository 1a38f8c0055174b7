/** Chooses the headers of a request to an upstream, by the kind of request. PURE. */
import { STATELESS_VERSION } from '../base/revisions.ts'
import type { UpstreamHeaders } from './headers.ts'

/** All but what the request itself and the server's configuration add. */
export type HeaderChoices = Omit<UpstreamHeaders, 'method' | 'configured'>

export interface RequestHeaders {
  /** Those of the client's own request, or null where the gateway asks for itself. */
  readonly client: Headers | null
  /** In the session era, once there is one. */
  readonly session?: { readonly id: string | null; readonly protocolVersion: string | null }
  /** In the stateless era: what the headers repeat of the body. */
  readonly stateless?: { readonly method: string; readonly name?: string | undefined }
  /** `Mcp-Param-*` that the gateway made itself, instead of the client's. */
  readonly params?: Readonly<Record<string, string>>
  /** For GET: where the client wants to go on. */
  readonly lastEventId?: string | undefined
}

export function requestHeaders(request: RequestHeaders): HeaderChoices {
  const { client, session, stateless, params, lastEventId } = request
  return {
    client,
    protocolVersion: stateless !== undefined ? STATELESS_VERSION : (session?.protocolVersion ?? null),
    sessionId: session?.id ?? null,
    mcpMethod: stateless?.method ?? null,
    mcpName: stateless?.name ?? null,
    params: params ?? null,
    lastEventId: lastEventId ?? null,
  }
}

import { isObject } from '../base/json.ts'
import { sessionEraVersions } from '../base/revisions.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { identity } from '../base/version.ts'
import { declaredIn } from '../contract/declared.ts'
import type { SessionNames, UpstreamProblem } from '../contract/upstream.ts'
import { decliningIn } from './declining.ts'
import { learnDeclared } from './health.ts'
import { discard, send } from './http.ts'
import type { UpstreamLink } from './link.ts'
import { notify } from './notify.ts'
import { problemOf } from './problem.ts'
import { readAnswer } from './read-answer.ts'
import { requestHeaders } from './request-headers.ts'

/** The most bytes of an answer to `initialize`, which is small, instructions included. */
const MOST_BYTES = 1024 * 1024
/** The longest id that is kept and sent back with every request. */
const MOST_ID_CHARS = 1_024
/** The most characters of a revision that a message quotes. */
const MOST_VERSION_CHARS = 40

/** On whose behalf a session is opened: what the client said of itself. */
export interface ClientProfile {
  readonly protocolVersion: string
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly clientInfo: Readonly<Record<string, unknown>>
}

/** The gateway, where no client has said anything of itself. */
export const gatewayProfile: ClientProfile = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: identity.name, version: identity.version },
}

export type Opened =
  | {
      readonly kind: 'opened'
      /** The upstream's `Mcp-Session-Id`, or null where it keeps no sessions. */
      readonly id: string | null
      readonly protocolVersion: string
      /** The whole answer, as it came. */
      readonly message: RpcMessage
    }
  /** It answered with an error, by itself no sign of an era (session-era.ts). */
  | { readonly kind: 'refused'; readonly message: RpcMessage; readonly status: number }
  | { readonly kind: 'failed'; readonly problem: UpstreamProblem }

/** Initializes a session. `params` are the client's own where there is one. */
export async function openSession(
  link: UpstreamLink,
  params: Readonly<Record<string, unknown>>,
  client: Headers | null,
  signal?: AbortSignal,
): Promise<Opened> {
  const id = crypto.randomUUID()
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client }),
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params }),
    signal,
  })
  if (!sent.ok) return { kind: 'failed', problem: sent.problem }
  const sessionId = sent.response.headers.get('mcp-session-id')
  const asking = { id: sessionId, protocolVersion: null }
  const answer = await readAnswer(sent.response, sent.hold, {
    id,
    mostBytes: MOST_BYTES,
    onRequest: decliningIn(link, asking),
  })
  if (!answer.ok) return { kind: 'failed', problem: answer.problem }
  const { message } = answer
  if (message.result === undefined) return { kind: 'refused', message, status: answer.status }
  const { protocolVersion, capabilities } = message.result
  const isReadable = typeof protocolVersion === 'string' && isObject(capabilities)
  if (!isReadable || (sessionId?.length ?? 0) > MOST_ID_CHARS) {
    const problem = problemOf('not_mcp', 'answered initialize with something else', { status: answer.status })
    return { kind: 'failed', problem }
  }
  // A client that does not know the revision that the server has chosen disconnects (MCP 2025-11-25, lifecycle, version negotiation).
  if (!sessionEraVersions.includes(protocolVersion)) {
    link.waitUntil(closeSession(link, { id: sessionId, protocolVersion: gatewayProfile.protocolVersion }))
    const found = JSON.stringify(protocolVersion.slice(0, MOST_VERSION_CHARS))
    const message = `answered initialize with the revision ${found}, which the gateway does not know`
    const problem = problemOf('not_mcp', message, { status: answer.status, isUndone: true })
    return { kind: 'failed', problem }
  }
  learnDeclared(link, 'session', declaredIn(capabilities, protocolVersion))
  return { kind: 'opened', id: sessionId, protocolVersion, message }
}

/** Says that the session is ready for use, as a client must after `initialize` (MCP 2025-11-25, lifecycle). */
export async function announce(link: UpstreamLink, session: SessionNames): Promise<UpstreamProblem | null> {
  return notify(link, session, { jsonrpc: '2.0', method: 'notifications/initialized' }, { client: null })
}

/** Ends a session upstream; what it answers does not matter. */
export async function closeSession(link: UpstreamLink, session: SessionNames): Promise<void> {
  if (session.id === null) return
  const sent = await send(link, {
    method: 'DELETE',
    headers: requestHeaders({ client: null, session }),
    isAside: true,
  })
  if (!sent.ok) return
  discard(sent.response)
  sent.hold.end(null)
}

/**
 * The headers of a request to an upstream, made from nothing: what the client sent is passed on only where it is
 * named here. Its Authorization, its cookies and everything about its own connection stay behind. PURE.
 */
import { identity } from '../version.ts'

/** `Mcp-Param-*` of one request; a tool that declares more is none that a client can call. */
const MOST_PARAM_HEADERS = 32
const MOST_PARAM_CHARS = 8 * 1024

export interface RequestHeaders {
  /** Those of the client's own request, or null where the gateway asks for itself. */
  readonly client: Headers | null
  /** In the session era, once there is one. */
  readonly session?: { readonly id: string | null; readonly protocolVersion: string }
  /** In the stateless era: what the headers repeat of the body. */
  readonly stateless?: { readonly method: string; readonly name?: string | undefined }
  /** `Mcp-Param-*` that the gateway made itself, instead of the client's. */
  readonly params?: Readonly<Record<string, string>>
  /** For GET: where the client wants to go on. */
  readonly lastEventId?: string | undefined
}

const STATELESS_VERSION = '2026-07-28'
const base: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'user-agent': `${identity.name}/${identity.version}`,
}

export function requestHeaders(request: RequestHeaders): Record<string, string> {
  const { client, session, stateless, params, lastEventId } = request
  const headers: Record<string, string> = { ...base }
  if (session !== undefined) {
    headers['mcp-protocol-version'] = session.protocolVersion
    if (session.id !== null) headers['mcp-session-id'] = session.id
  }
  if (stateless !== undefined) {
    headers['mcp-protocol-version'] = STATELESS_VERSION
    headers['mcp-method'] = stateless.method
    if (stateless.name !== undefined) headers['mcp-name'] = encodeHeaderValue(stateless.name)
    Object.assign(headers, params ?? (client === null ? {} : paramHeadersOf(client)))
  }
  if (lastEventId !== undefined) headers['last-event-id'] = lastEventId
  if (client !== null) Object.assign(headers, traceOf(client))
  return headers
}

/**
 * A value as a header may carry it: plain, or wrapped where it would not survive (MCP 2026-07-28, Streamable HTTP,
 * value encoding).
 */
export function encodeHeaderValue(text: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/i.test(text)
  if (isPlain) return text
  return `=?base64?${new TextEncoder().encode(text).toBase64()}?=`
}

function paramHeadersOf(client: Headers): Record<string, string> {
  const found: Record<string, string> = {}
  let count = 0
  let chars = 0
  for (const [name, value] of client) {
    if (!name.startsWith('mcp-param-')) continue
    count += 1
    chars += name.length + value.length
    // The upstream refuses a call whose headers are not complete, so nothing slips by where the rest is cut.
    if (count > MOST_PARAM_HEADERS || chars > MOST_PARAM_CHARS) break
    found[name] = value
  }
  return found
}

/** The trace that the call is part of (W3C Trace Context), where it has the right shape. */
function traceOf(client: Headers): Record<string, string> {
  const traceparent = client.get('traceparent')
  if (traceparent === null || !/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}/.test(traceparent))
    return {}
  const tracestate = client.get('tracestate')
  return { traceparent, ...(tracestate === null || tracestate.length > 512 ? {} : { tracestate }) }
}

/**
 * The headers of a request to an upstream: built from nothing, so that what is not named here does not pass; above
 * all not the client's token and cookies. PURE.
 */

import { encodeHeaderValue } from '../base/header-value.ts'
import { identity } from '../base/version.ts'

export { encodeHeaderValue } from '../base/header-value.ts'
export {
  declaredParamHeaders,
  type ParamHeader,
  paramHeaderProblem,
  paramHeaders,
} from './param-headers.ts'

const PARAM = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]+$/
const MOST_PARAMS = 32
/** Name and value together, in characters: of one such header, and of all. */
const LONGEST_PARAM = 4 * 1024
const LONGEST_PARAMS = 16 * 1024

/** The parts that the headers are made of. Null where there is none. */
export interface UpstreamHeaders {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** The client's request: `Mcp-Param-*` and the trace are taken from it, and nothing else. */
  readonly client: Headers | null
  /** The revision that is spoken with the upstream. */
  readonly protocolVersion: string | null
  /** The upstream's own session. */
  readonly sessionId: string | null
  /** Stateless era: what `Mcp-Method` and `Mcp-Name` say, as the upstream knows it, not encoded. */
  readonly mcpMethod: string | null
  readonly mcpName: string | null
  /** Stateless era: arguments in headers (`paramHeaders`); null: those that the client sent. */
  readonly params: Readonly<Record<string, string>> | null
  /** The last event of the upstream's that arrived. */
  readonly lastEventId: string | null
  /** The headers that the administrator has configured, opened. Reserved names are left out. */
  readonly configured: Readonly<Record<string, string>>
}

/** The headers of one request, by lower-case name. */
export function upstreamRequestHeaders(input: UpstreamHeaders): Record<string, string> {
  const { method, client, protocolVersion, sessionId, mcpMethod, mcpName, params, lastEventId } = input
  const headers: Record<string, string> = { 'user-agent': `${identity.name}/${identity.version}` }
  if (client !== null) Object.assign(headers, trace(client))
  for (const [name, value] of Object.entries(input.configured)) {
    if (!isReservedHeader(name)) headers[name.toLowerCase()] = value
  }
  if (method === 'POST') headers['content-type'] = 'application/json'
  if (method !== 'DELETE') {
    headers.accept = method === 'POST' ? 'application/json, text/event-stream' : 'text/event-stream'
  }
  if (protocolVersion !== null) headers['mcp-protocol-version'] = protocolVersion
  if (sessionId !== null) headers['mcp-session-id'] = sessionId
  if (lastEventId !== null && isPlain(lastEventId)) headers['last-event-id'] = lastEventId
  if (mcpMethod === null) return headers
  headers['mcp-method'] = encodeHeaderValue(mcpMethod)
  if (mcpName !== null) headers['mcp-name'] = encodeHeaderValue(mcpName)
  for (const [name, value] of Object.entries(params ?? (client === null ? {} : clientParams(client)))) {
    headers[name.toLowerCase()] = value
  }
  return headers
}

const reserved: ReadonlySet<string> = new Set([
  ...[
    'accept',
    'content-type',
    'content-length',
    'content-encoding',
    'accept-encoding',
    'last-event-id',
    'host',
  ],
  // Hop by hop: RFC 9110, section 7.6.1.
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'expect',
  ],
])

/** Tells whether a header belongs to the protocol or the connection, so that nobody can configure it. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase()
  return reserved.has(lower) || lower.startsWith('mcp-')
}

/**
 * Returns the arguments that the client repeats in headers: at most 32, of 4 KiB each and 16 KiB in all, in the order of their names.
 * More are left out, and the upstream answers that they are missing.
 */
function clientParams(client: Headers): Record<string, string> {
  const params: Record<string, string> = {}
  let count = 0
  let size = 0
  client.forEach((value, name) => {
    const length = name.length + value.length
    if (!PARAM.test(name) || !isPlain(value) || length > LONGEST_PARAM) return
    if (count === MOST_PARAMS || size + length > LONGEST_PARAMS) return
    count += 1
    size += length
    params[name] = value
  })
  return params
}

/** W3C Trace Context, and Baggage, within the sizes that the two promise to carry. */
function trace(client: Headers): Record<string, string> {
  const headers: Record<string, string> = {}
  const parent = client.get('traceparent')
  if (parent !== null && isTraceParent(parent)) {
    headers.traceparent = parent
    const state = client.get('tracestate')
    if (state !== null && isTraceState(state)) headers.tracestate = state
  }
  const baggage = client.get('baggage')
  if (baggage !== null && isBaggage(baggage)) headers.baggage = baggage
  return headers
}

/** Trace Context, section 3.2: later versions may have more behind the flags; version 00 has not. */
function isTraceParent(text: string): boolean {
  const found = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[\x21-\x7E]{1,200})?$/.exec(text)
  if (found === null) return false
  const [, version, traceId = '', parentId = '', rest] = found
  if (version === 'ff' || (version === '00' && rest !== undefined)) return false
  return !/^0+$/.test(traceId) && !/^0+$/.test(parentId)
}

/** Trace Context, section 3.3.1. */
function isTraceState(text: string): boolean {
  if (text.length > 512) return false
  const members = text.split(',').map((member) => member.trim())
  if (members.length > 32) return false
  return members.every((member) =>
    /^(?:[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2B\x2D-\x3C\x3E-\x7E]{1,256})?$/.test(member),
  )
}

/** Baggage, section 3.3.1: names are tokens, values and properties visible ASCII. */
function isBaggage(text: string): boolean {
  if (text.length > 8192) return false
  const members = text.split(',').map((member) => member.trim())
  if (members.length > 64) return false
  return members.every((member) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[\t\x20\x21\x23-\x5B\x5D-\x7E]*$/.test(member),
  )
}

function isPlain(value: string): boolean {
  return /^[\x20-\x7E]{1,8192}$/.test(value)
}

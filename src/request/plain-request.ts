/**
 * Recognises requests in the form that nearly all have. The schemas of the protocol package come to the same at fifty times the cost:
 * they look whether a request is an answer first, and make an error of each thing that it is not. They read all other requests.
 */
import type { InboundModernRoute, JSONRPCRequest } from '@modelcontextprotocol/server'
import { isObject } from '../base/json.ts'
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '../base/protocol.ts'
import { sessionEraVersions, statelessEraVersions } from '../base/revisions.ts'

/** The protocol package's view of such a request, as far as it is needed. */
export type PlainRoute =
  | { readonly kind: 'legacy'; readonly reason: 'no-claim' }
  | (InboundModernRoute & { readonly messageKind: 'request' })

interface Headers {
  readonly protocolVersion: string | null
  readonly method: string | null
}

const sessionEra: PlainRoute = { kind: 'legacy', reason: 'no-claim' }

const members: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params'])

/** Returns the request's era, or null: the schemas must decide. */
export function plainRoute(body: unknown, headers: Headers): PlainRoute | null {
  if (!isPlainRequest(body)) return null
  const { params, method } = body
  const meta: unknown = isObject(params) ? params._meta : undefined
  if (meta !== undefined && !isPlainMeta(meta)) return null
  const { protocolVersion } = headers
  if (meta === undefined || meta[PROTOCOL_VERSION_META_KEY] === undefined) {
    const isSessionEra = protocolVersion === null || sessionEraVersions.includes(protocolVersion)
    return isSessionEra && method !== 'initialize' ? sessionEra : null
  }
  if (protocolVersion === null || !statelessEraVersions.includes(protocolVersion)) return null
  const isSame = meta[PROTOCOL_VERSION_META_KEY] === protocolVersion
  if (!isSame || (headers.method !== null && headers.method !== method)) return null
  if (!introduced.has(introductionIn(meta))) return null
  return {
    kind: 'modern',
    messageKind: 'request',
    message: body,
    classification: { era: 'modern', revision: protocolVersion },
  }
}

/** Remembers that the schemas have taken what a client says of itself in a request: its next one says the same. */
export function noteIntroduction(body: unknown): void {
  const meta = isObject(body) && isObject(body.params) ? body.params._meta : undefined
  if (!isObject(meta)) return
  const text = introductionIn(meta)
  if (text.length > LONGEST_INTRODUCTION) return
  if (introduced.size >= MOST_INTRODUCTIONS) introduced.clear()
  introduced.add(text)
}

/** Introductions that fit the schemas, as JSON. */
const introduced = new Set<string>()
const MOST_INTRODUCTIONS = 500
const LONGEST_INTRODUCTION = 2_048

/** The introduction that every request must carry (MCP 2026-07-28, basic, `_meta`). */
const envelope = [CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY]

function introductionIn(meta: Readonly<Record<string, unknown>>): string {
  // In an object, so that nothing said and null are two.
  return JSON.stringify({
    info: meta[CLIENT_INFO_META_KEY],
    capabilities: meta[CLIENT_CAPABILITIES_META_KEY],
  })
}

function isPlainRequest(body: unknown): body is JSONRPCRequest {
  if (!isObject(body) || body.jsonrpc !== '2.0' || typeof body.method !== 'string') return false
  const { id, params } = body
  if (typeof id !== 'string' && !Number.isSafeInteger(id)) return false
  if (params !== undefined && !isObject(params)) return false
  for (const name in body) if (!members.has(name)) return false
  return true
}

/** `_meta` of texts alone, but for what a client says of itself and a token that may be a number. */
function isPlainMeta(meta: unknown): meta is Readonly<Record<string, unknown>> {
  if (!isObject(meta)) return false
  for (const key in meta) {
    const value = meta[key]
    if (typeof value === 'string' ? isShaped(key) : !isNamed(key, value)) return false
  }
  return true
}

/** Keys of the protocol's whose texts must be certain ones. */
function isShaped(key: string): boolean {
  return key.includes('modelcontextprotocol') && key !== PROTOCOL_VERSION_META_KEY
}

function isNamed(key: string, value: unknown): boolean {
  return key === 'progressToken' ? Number.isSafeInteger(value) : envelope.includes(key)
}

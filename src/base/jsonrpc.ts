/** JSON-RPC answers that the gateway gives itself. PURE. */
import { isLiteral, type NumberLiteral } from './exact-json.ts'

/** Codes of JSON-RPC 2.0 (5.1) and of MCP's own range. */
export const codes = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internalError: -32_603,
  /** Not about one message: size, media type, method, overload. */
  transport: -32_000,
  /** The session is over (Streamable HTTP, session era). */
  sessionNotFound: -32_001,
  /** MCP up to 2025-11-25, resources; later revisions use invalidParams. */
  resourceNotFound: -32_002,
  /** MCP 2026-07-28, HeaderMismatch. */
  headerMismatch: -32_020,
  /** MCP 2025-11-25, URLElicitationRequired; 2026-07-28 has results that ask instead. */
  urlElicitationRequired: -32_042,
  /** MCP 2026-07-28, UnsupportedProtocolVersion. */
  unsupportedVersion: -32_022,
} as const

/** A literal where JavaScript would write the number in another way. */
export type RequestId = string | number | NumberLiteral

/** A refusal of one HTTP request before any tool has seen it. */
export interface Refusal {
  readonly status: number
  readonly code: number
  readonly message: string
  readonly data?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** When it may pass. Most clients keep the body of an HTTP error alone, so it stands there as well as in the header. */
  readonly retryAfterSeconds?: number
}

/** The refusal as a JSON-RPC error; `id` is null where the request's own could not be read (JSON-RPC 2.0, 5). */
export function refusalResponse(refusal: Refusal, id: RequestId | null): Response {
  const { code, message, data, retryAfterSeconds: seconds } = refusal
  const error =
    seconds === undefined
      ? { code, message, ...(data === undefined ? {} : { data }) }
      : { code, message: `${message} (in ${seconds} s)`, data: { retry_after_seconds: seconds } }
  const retry: Record<string, string> = seconds === undefined ? {} : { 'retry-after': String(seconds) }
  const headers = { 'content-type': 'application/json', ...retry, ...refusal.headers }
  return new Response(JSON.stringify({ jsonrpc: '2.0', id, error }), { status: refusal.status, headers })
}

/** The id of something that may be a JSON-RPC request, else null. */
export function idOf(body: unknown): RequestId | null {
  if (typeof body !== 'object' || body === null || !('id' in body)) return null
  const { id } = body
  return typeof id === 'string' || typeof id === 'number' || isLiteral(id) ? id : null
}

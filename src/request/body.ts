import { isDeeperThan } from '../base/depth.ts'
import { codes, type Refusal } from '../base/jsonrpc.ts'
import type { Env } from '../contract/env.ts'
import type { HeaderTexts } from './header-texts.ts'
import { loadProtocol } from './protocol.ts'

/** Larger bodies are not read to their end, unless MAX_BODY_BYTES says otherwise. */
const DEFAULT_MAX_BODY_BYTES = 1024 * 1024
/** Cloudflare itself lets larger bodies through than an isolate should hold. */
const LARGEST_MAX_BODY_BYTES = 16 * 1024 * 1024
/** Deeper JSON is not parsed. No tool here needs a tenth of it. */
export const MAX_JSON_DEPTH = 64

export type Body =
  | {
      readonly ok: true
      readonly value: unknown
      /** As it came. */
      readonly text: string
    }
  | { readonly ok: false; readonly refusal: Refusal }

/** Returns the problem with MAX_BODY_BYTES, or null. */
export function bodyLimitProblem({ MAX_BODY_BYTES: text }: Env): string | null {
  if (text === undefined || (/^[1-9]\d*$/.test(text) && Number(text) <= LARGEST_MAX_BODY_BYTES)) return null
  return `MAX_BODY_BYTES is ${JSON.stringify(text)}; allowed: a whole number from 1 to ${LARGEST_MAX_BODY_BYTES}`
}

/** The largest body, in bytes; a setting that cannot be meant leaves the default in force. */
function maxBodyBytes(env: Env): number {
  const text = env.MAX_BODY_BYTES
  return text === undefined || bodyLimitProblem(env) !== null ? DEFAULT_MAX_BODY_BYTES : Number(text)
}

/** Reads and parses the body of a POST, within the limits. Never throws. */
export async function readBody(
  request: Request,
  env: Env,
  headers: HeaderTexts = request.headers,
): Promise<Body> {
  const maxBytes = maxBodyBytes(env)
  const contentType = headers.get('content-type') ?? null
  if (contentType !== 'application/json' && !(await loadProtocol()).isJsonContentType(contentType)) {
    return refuse(415, codes.transport, 'Content-Type must be application/json')
  }
  let text: string
  try {
    const read = await readWithin(request, maxBytes, headers.get('content-length') ?? null)
    if (read === null) return refuse(413, codes.transport, `The body is larger than ${maxBytes} bytes`)
    text = read
  } catch {
    return refuse(400, codes.parseError, 'The body could not be read')
  }
  if (isDeeperThan(text, MAX_JSON_DEPTH)) {
    return refuse(400, codes.invalidRequest, `The JSON is nested deeper than ${MAX_JSON_DEPTH} levels`)
  }
  try {
    return { ok: true, value: JSON.parse(text) as unknown, text }
  } catch {
    return refuse(400, codes.parseError, 'The body is not valid JSON')
  }
}

/** The body as text, or null where it is larger. One whose length is declared, which it cannot exceed, is read at once. */
async function readWithin(
  request: Request,
  maxBytes: number,
  declared: string | null,
): Promise<string | null> {
  if (declared !== null && /^\d{1,15}$/.test(declared)) {
    return Number(declared) > maxBytes ? null : request.text()
  }
  const read = await (await loadProtocol()).readRequestBody(request, maxBytes)
  return read.tooLarge ? null : read.text
}

function refuse(status: number, code: number, message: string): Body {
  return { ok: false, refusal: { status, code, message } }
}

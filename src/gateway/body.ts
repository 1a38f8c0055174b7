import { isJsonContentType, readRequestBody } from '@modelcontextprotocol/server'
import { codes, type Refusal } from './jsonrpc.ts'

/** Larger bodies are not read to their end. */
export const MAX_BODY_BYTES = 1024 * 1024
/** Deeper JSON is not parsed. No tool here needs a tenth of it. */
export const MAX_JSON_DEPTH = 64

export type Body =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly refusal: Refusal }

/** Reads and parses the body of a POST, within the limits. Never throws. */
export async function readBody(request: Request): Promise<Body> {
  if (!isJsonContentType(request.headers.get('content-type'))) {
    return refuse(415, codes.transport, 'Content-Type must be application/json')
  }
  let text: string
  try {
    const read = await readRequestBody(request, MAX_BODY_BYTES)
    if (read.tooLarge) return refuse(413, codes.transport, `The body is larger than ${MAX_BODY_BYTES} bytes`)
    text = read.text
  } catch {
    return refuse(400, codes.parseError, 'The body could not be read')
  }
  if (isDeeperThan(text, MAX_JSON_DEPTH)) {
    return refuse(400, codes.invalidRequest, `The JSON is nested deeper than ${MAX_JSON_DEPTH} levels`)
  }
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch {
    return refuse(400, codes.parseError, 'The body is not valid JSON')
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Counts nesting on the text, before anything recursive sees it. Text that is not JSON may answer either way. */
export function isDeeperThan(text: string, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (inString) {
      if (char === BACKSLASH) i++
      else if (char === QUOTE) inString = false
    } else if (char === QUOTE) {
      inString = true
    } else if (char === 0x7b || char === 0x5b) {
      depth++
      if (depth > limit) return true
    } else if (char === 0x7d || char === 0x5d) {
      depth--
    }
  }
  return false
}

function refuse(status: number, code: number, message: string): Body {
  return { ok: false, refusal: { status, code, message } }
}

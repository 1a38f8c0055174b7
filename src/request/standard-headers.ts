/**
 * The headers that a stateless-era request repeats from its body, so that a router that reads the header and a server that reads the body
 * see the same call (MCP 2026-07-28, Streamable HTTP, standard request headers). PURE.
 */
import { decodeHeaderValue } from '../base/header-value.ts'
import { codes, type Refusal } from '../base/jsonrpc.ts'
import type { MessageHeaders } from './message.ts'

/** The part of the body that `Mcp-Name` repeats, by method. */
const nameSources: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
])

/** Refuses a message that lacks one of the headers, or whose headers name something else than its body. */
export function standardHeaderRefusal(
  method: string,
  params: unknown,
  headers: MessageHeaders,
): Refusal | null {
  if (headers.protocolVersion === null) return mismatch('the header MCP-Protocol-Version is missing')
  if (headers.method === null) return mismatch('the header Mcp-Method is missing')
  // The classification of the message has checked that the version and the method agree with the body.
  const source = nameSources.get(method)
  if (source === undefined) return null
  const inBody = (params as Record<string, unknown> | undefined)?.[source]
  if (typeof inBody !== 'string') return null
  if (headers.name === null) return mismatch(`the header Mcp-Name is missing; it repeats params.${source}`)
  const inHeader = decodeHeaderValue(headers.name)
  if (inHeader === null) return mismatch('the header Mcp-Name is not valid Base64 inside =?base64?…?=')
  return inHeader === inBody ? null : mismatch(`the header Mcp-Name and params.${source} are not the same`)
}

function mismatch(what: string): Refusal {
  return { status: 400, code: codes.headerMismatch, message: `Headers and body disagree: ${what}` }
}

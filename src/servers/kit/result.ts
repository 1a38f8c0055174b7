/**
 * Tool results of the gateway's own. Some clients give the model the text alone, others the structure instead of the
 * text, so each says everything: both are made here, of one description, and nowhere else. PURE.
 */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { isObject } from '../../base/json.ts'

/** The facts of a result besides its message, by the names that its output schema gives. */
export type Facts = Readonly<Record<string, unknown>>

/**
 * A result. The first block of its text is the message alone, for people and for programs that compare it; the second
 * is the facts as JSON (MCP 2025-06-18, tools, structured content: SHOULD).
 */
export function success(message: string, facts: Facts = {}): CallToolResult {
  return { content: [message, ...serialized(facts)].map(text), structuredContent: { message, ...facts } }
}

/** A result that is somebody else's document: it stands in the text as it stands in the structure. */
export function passedOn(document: Record<string, unknown>): CallToolResult {
  return { content: [text(JSON.stringify(document))], structuredContent: document }
}

/**
 * A tool error: the agent can read it and act on it. `code` is stable. The text is one block, so that no client can pass
 * on a part of it, and says that it is an error, for some clients hide `isError`.
 */
export function failure(code: string, message: string, facts: Facts = {}): CallToolResult {
  return {
    isError: true,
    content: [text(`${message}\nError: ${JSON.stringify({ code, ...facts })}`)],
    structuredContent: { error: { code, message, ...facts } },
  }
}

/** `_meta` key of what the gateway says of a call that it refused; an upstream tool's structure is its own. */
export const ERROR_META_KEY = 'gatehouse/error'

/**
 * The same tool error for an upstream's tool, without `structuredContent`: that belongs to the tool's own output schema,
 * which clients check even of errors. Programs find it in `_meta`; the text says everything as ever.
 */
export function withoutStructure({ structuredContent, ...result }: CallToolResult): CallToolResult {
  const error = isObject(structuredContent) ? structuredContent.error : undefined
  return error === undefined ? result : { ...result, _meta: { ...result._meta, [ERROR_META_KEY]: error } }
}

function serialized(facts: Facts): string[] {
  return Object.keys(facts).length === 0 ? [] : [JSON.stringify(facts)]
}

function text(said: string): { type: 'text'; text: string } {
  return { type: 'text', text: said }
}

/** Tool results: the same facts once as text for the model and once structured for the program. */
import type { CallToolResult } from '@modelcontextprotocol/server'

/** A result whose text is `text` and whose structure is `structured`. */
export function success(text: string, structured: Record<string, unknown>): CallToolResult {
  return { content: [{ type: 'text', text }], structuredContent: structured }
}

/**
 * A tool error: the agent can read it and act on it. `code` is stable; `details` are for programs.
 */
export function failure(
  code: string,
  message: string,
  details: Record<string, unknown> = {},
): CallToolResult {
  return {
    isError: true,
    content: [{ type: 'text', text: message }],
    structuredContent: { error: { code, message, ...details } },
  }
}

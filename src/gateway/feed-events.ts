/** What a session's client hears on its event stream, of what its principal says over a feed. PURE. */
import { DECIDED } from '../principal/feed-messages.ts'
import { messageEvent } from '../upstream/reception.ts'

/** The event; null for what is for the gateway alone. */
export function sessionEvent(message: string): string | null {
  if (message === 'tools_changed') return notification('notifications/tools/list_changed')
  if (!message.startsWith(DECIDED)) return null
  // MCP 2025-11-25, elicitation: what the client was sent to a link for is done, so it may try again.
  const params = { elicitationId: message.slice(DECIDED.length) }
  return notification('notifications/elicitation/complete', params)
}

function notification(method: string, params?: object): string {
  return messageEvent({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) })
}

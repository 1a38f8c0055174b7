/** Turns the principal's messages on a feed into events of a session's client. PURE. */
import { DECIDED, LOST } from '../contract/feed-messages.ts'
import { messageEvent } from '../upstream/reception.ts'

/**
 * The event; null for what is for the gateway alone.
 * @param expose what a resource of a server is called on this stream
 */
export function sessionEvent(
  message: string,
  expose: (server: string, uri: string) => string = (_, uri) => uri,
): string | null {
  if (message === 'tools_changed') return notification('notifications/tools/list_changed')
  if (message.startsWith(LOST)) {
    const [server = '', ...uri] = message.slice(LOST.length).split(':')
    // It may have changed since, and its server will not say so any more: the client reads it and asks for it again.
    return notification('notifications/resources/updated', { uri: expose(server, uri.join(':')) })
  }
  if (!message.startsWith(DECIDED)) return null
  // MCP 2025-11-25, elicitation: what the client was sent to a link for is done, so it may try again.
  const params = { elicitationId: message.slice(DECIDED.length) }
  return notification('notifications/elicitation/complete', params)
}

function notification(method: string, params?: object): string {
  return messageEvent({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) })
}

/**
 * Open event streams. Each is a WebSocket from the Worker that serves the stream, accepted with hibernation:
 * a principal that only waits is evicted from memory and its streams stay.
 */
import { type FeedMessage, LOGIN_CHANGED } from '../../contract/feed-messages.ts'

/** The purpose of a socket; survives hibernation as its attachment. */
interface Attachment {
  /** The transport whose stream it is, or null for a subscription of the stateless era. */
  readonly transport: string | null
  /** The login that the transport's requests belonged to when this was last looked at. */
  readonly login: string | null
}

const TAG_ALL = 'feed'

export function acceptFeed(
  ctx: DurableObjectState,
  socket: WebSocket,
  { transport, login }: { readonly transport: string | null; readonly login: string | null },
): void {
  ctx.acceptWebSocket(socket, transport === null ? [TAG_ALL] : [TAG_ALL, transportTag(transport)])
  socket.serializeAttachment({ transport, login } satisfies Attachment)
}

/** Says `message` once on every transport and on every subscription. */
export function announce(ctx: DurableObjectState, message: FeedMessage): void {
  const reached = new Set<string>()
  // Several streams of one transport must not repeat each other (MCP 2025-11-25, transports): newest first.
  for (const socket of ctx.getWebSockets(TAG_ALL).reverse()) {
    const { transport } = socket.deserializeAttachment() as Attachment
    if (transport !== null && reached.has(transport)) continue
    if (say(socket, message) && transport !== null) reached.add(transport)
  }
}

/** Says `message` on the streams of one transport. Each gets it, since only one of them has the upstream's own stream. */
export function announceTo(ctx: DurableObjectState, transport: string, message: FeedMessage): void {
  for (const socket of ctx.getWebSockets(transportTag(transport))) say(socket, message)
}

/** Says `message` on one stream of a transport, the newest that is open. */
export function announceOnce(ctx: DurableObjectState, transport: string, message: FeedMessage): void {
  for (const socket of ctx.getWebSockets(transportTag(transport)).reverse()) if (say(socket, message)) return
}

/** Tells whether the socket took it: one that is being closed is there for a while longer. */
function say(socket: WebSocket, message: FeedMessage): boolean {
  try {
    socket.send(message)
    return true
  } catch {
    return false
  }
}

/** Tells whether a stream of this transport, which there is, is open. */
export function hasFeed(ctx: DurableObjectState, transport: string): boolean {
  return ctx.getWebSockets(transportTag(transport)).some(({ readyState }) => readyState === WebSocket.OPEN)
}

/** The present state of a stream's transport: it has ended, or its requests belong to this login (null: to none). */
export type FeedState = { readonly kind: 'ended' } | { readonly kind: 'live'; readonly login: string | null }

/** Closes the streams of transports that have ended, and says on the others that the login is another. */
export function updateFeeds(ctx: DurableObjectState, stateOf: (transport: string) => FeedState): void {
  for (const socket of ctx.getWebSockets(TAG_ALL)) {
    const { transport, login = null } = socket.deserializeAttachment() as Attachment
    if (transport === null) continue
    const state = stateOf(transport)
    if (state.kind === 'ended') socket.close(1000, 'session ended')
    else if (state.login !== login && say(socket, LOGIN_CHANGED))
      socket.serializeAttachment({ transport, login: state.login } satisfies Attachment)
  }
}

/** The transport whose stream it is, or null for a subscription of the stateless era. */
export function transportOf(socket: WebSocket): string | null {
  return (socket.deserializeAttachment() as Attachment | null)?.transport ?? null
}

/** Closes every stream: what opened them is no good any more. */
export function closeAllFeeds(ctx: DurableObjectState): void {
  for (const socket of ctx.getWebSockets(TAG_ALL)) socket.close(1008, 'revoked')
}

function transportTag(transport: string): string {
  return `transport:${transport}`
}

/** JSON for a header's value, which holds nothing beyond ASCII safely (RFC 9110, 5.5). */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

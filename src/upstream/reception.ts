/** The way in which an answer is passed on, and its end. PURE. */
import type { RpcId, RpcMessage } from '../base/rpc.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import type { Marked } from './event-marks.ts'
import type { IdPair } from './id-pair.ts'

/** The end of an answer. */
export type Ending =
  /** `cut` for an answer that was too long to be looked at. */
  | { readonly kind: 'answered'; readonly message: RpcMessage | 'cut'; readonly status: number }
  /** The stream ended without an answer, but the client may resume it. */
  | { readonly kind: 'paused'; readonly status: number }
  | { readonly kind: 'failed'; readonly problem: UpstreamProblem }

/** The changes to a server's messages on their way to the client. */
export interface Rewriting {
  /** Null for a message that the client is not to see. */
  readonly message: (message: RpcMessage) => RpcMessage | null
  /** Changes an event's id, so that a stream is resumed at the server that it came from. */
  readonly eventId: (id: string) => string
}

/** Every message as it comes, each in an event of its own. */
export const unchanged: Rewriting = { message: (message) => message, eventId: (id) => id }

export interface Reception {
  /** The request's id, as it was sent. */
  readonly id: RpcId
  /** The client's own id of the request, which the answer gets on its way; absent where it was sent under that. */
  readonly client?: RpcId
  /** The tag of the session in which it was sent: what the server asks on the way is named by it. Absent where it has none. */
  readonly asker?: string | undefined
  /**
   * The client may come back with `Last-Event-ID` for the rest of a stream whose events have ids. In the session era alone: the
   * stateless era has no GET to come back with (MCP 2026-07-28, Streamable HTTP).
   */
  readonly mayResume: boolean
  /** The client takes event streams, as every client of Streamable HTTP does. */
  readonly acceptsEvents: () => boolean
  /** The answer to give instead when there is a problem. */
  readonly failure: (problem: UpstreamProblem) => RpcMessage
  /** Called once, when the last byte has gone by or nothing more will come. */
  readonly onEnd: (ending: Ending) => void
  /** Null where the server's messages pass unchanged, and are not held. */
  readonly rewriting: Rewriting | null
  readonly headers?: Readonly<Record<string, string>>
  /** The gateway reads the answer in the client's stead: requests of the server's on the way it answers itself, at once. */
  readonly isRead?: boolean
  /** Aborts when the client has gone: of a stream that nobody reads any more the runtime says nothing else. */
  readonly gone?: AbortSignal
}

/** The ids of a request that was sent under one of ours; null for one that was not. */
export function pairOf({ id, client }: Reception): IdPair | null {
  return client === undefined ? null : { sent: id, client }
}

/** Returns the marks of the answer's events. */
export function markedOf(reception: Reception): Marked {
  return { pair: pairOf(reception), asker: reception.asker ?? null }
}

/** The same, which does something only the first time. */
export function once<T>(work: (value: T) => void): (value: T) => void {
  let isDone = false
  return (value) => {
    if (isDone) return
    isDone = true
    work(value)
  }
}

export const eventHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/**
 * Ends an unfinished event so that nobody takes it for a message.
 * @param isInLine true where the stream stands within a line. Otherwise a line end of ours would be the empty line that makes the event
 * whole.
 */
export function abandoned(isInLine: boolean): string {
  return `${isInLine ? '\n' : ''}event: abandoned\n\n`
}

export function messageEvent(message: object): string {
  return eventOf(JSON.stringify(message))
}

/** The event of a message that is written already. */
export function eventOf(json: string): string {
  return `event: message\ndata: ${json}\n\n`
}

/** The way to deliver an answer to the client, and the listeners for its end. */
export type Delivery = Omit<Reception, 'id' | 'client' | 'asker' | 'mayResume'>

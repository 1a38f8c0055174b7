/**
 * The stream of a session upstream that calls of stateless-era clients share, on which its server speaks outside of their own
 * streams: SDKs send a question there that does not name the call which it is for. It belongs to the call that is under way in the
 * session, where there is one alone; of several nobody can say which, and it is refused at once.
 */
import { isAnswer, isRequest, type RpcMessage } from '../base/rpc.ts'
import type { AttendLine } from '../contract/exchange.ts'
import type { SessionNames } from '../contract/upstream.ts'
import { decline } from '../upstream/declining.ts'
import { isEventStream, send } from '../upstream/http.ts'
import { LineWriter } from '../upstream/lines.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { MessageReader } from '../upstream/message-reader.ts'
import { requestHeaders } from '../upstream/request-headers.ts'

/** Statuses of servers that have no such stream. */
const noStream: ReadonlySet<number> = new Set([404, 405, 501])

/** The time that the stream stays open when no call is under way, so that the next one need not wait for it. */
const IDLE_MS = 10_000

export class Attendance {
  /** The link of the latest call, since its server's credentials may have changed since the first. */
  #link!: UpstreamLink
  readonly #session: SessionNames
  readonly #calls = new Set<LineWriter<AttendLine>>()
  /** Settles when the stream is open, or there is none. */
  #opening: Promise<void> | null = null
  #stream: AbortController | null = null
  /** The server has none. */
  #isNone = false
  #idle: ReturnType<typeof setTimeout> | null = null

  constructor(session: SessionNames) {
    this.#session = session
  }

  /** Tells whether a call is under way. */
  get isAttended(): boolean {
    return this.#calls.size > 0
  }

  /** Attends a call until `signal` aborts or the body is let go. The body brings the server's messages for it; first, that it may begin. */
  attend(link: UpstreamLink, signal: AbortSignal): ReadableStream<Uint8Array> {
    this.#link = link
    if (this.#idle !== null) clearTimeout(this.#idle)
    const call: LineWriter<AttendLine> = new LineWriter(signal, () => this.#left(call))
    this.#calls.add(call)
    this.#opening ??= this.#open()
    this.#link.waitUntil(this.#opening.then(() => call.write({ kind: 'ready' })))
    return call.body
  }

  #left(call: LineWriter<AttendLine>): void {
    this.#calls.delete(call)
    if (this.#calls.size === 0) this.#idle = setTimeout(() => this.#close(), IDLE_MS)
  }

  #close(): void {
    this.#stream?.abort()
    this.#stream = null
    if (!this.#isNone) this.#opening = null
  }

  async #open(): Promise<void> {
    const abort = new AbortController()
    this.#stream = abort
    const open = (lastEventId?: string) =>
      send(this.#link, {
        method: 'GET',
        headers: requestHeaders({ client: null, session: this.#session, lastEventId }),
        isEndless: true,
        signal: abort.signal,
      })
    const sent = await open()
    if (!sent.ok) return this.#lost(abort)
    const reader = new MessageReader(sent, null, open)
    if (!sent.response.ok || !isEventStream(sent.response)) {
      // Should 404 mean that the session is forgotten, the next one has an attendance of its own.
      this.#isNone = noStream.has(sent.response.status)
      reader.close(null)
      return this.#lost(abort)
    }
    this.#link.waitUntil(this.#read(reader, abort))
  }

  /** The next call tries again. */
  #lost(abort: AbortController): void {
    if (this.#stream === abort) this.#close()
  }

  async #read(reader: MessageReader, abort: AbortController): Promise<void> {
    try {
      for (;;) for (const message of await reader.next()) this.#take(message)
    } catch {
      // It is over, or was let go.
    }
    reader.close(null)
    this.#lost(abort)
  }

  #take(message: RpcMessage): void {
    if (isAnswer(message)) return
    const [call, ...others] = this.#calls
    // A question that is taken back may have been given to any of them.
    if (message.method === 'notifications/cancelled')
      for (const one of this.#calls) one.write({ kind: 'said', message })
    else if (call !== undefined && others.length === 0) call.write({ kind: 'said', message })
    else if (isRequest(message)) this.#link.waitUntil(decline(this.#link, this.#session, message))
  }
}

/**
 * An event stream to the client: events of the gateway, from the principal's feed, and events of one upstream server, which go on in
 * another session with the server where the first is renewed.
 */
import { isSource, letGo, notNow, type Opened, type StreamSource } from '../bridge/stream-source.ts'
import { closeQuietly } from '../request/feed.ts'
import { eventHeaders } from '../upstream/reception.ts'
import { EventWatch } from '../upstream/watch.ts'
import { Pauses } from './pauses.ts'

/** A comment now and then keeps proxies from cutting the stream, and finds out whether the client is still there. */
const KEEP_ALIVE_MS = 15_000

/** Tells how a stream goes over to another session with its server, as that is renewed or the client logs in anew. */
export interface Following {
  readonly key: string | null
  /** The result of the first attempt: where the stream may come later, it is asked for again. */
  readonly opened: Opened
  readonly isNews: (said: string) => boolean
  /**
   * Returns the present session, with its stream; `same`: it is the known one; null: it could not be found out. Where `known` is
   * undefined, the stream is asked for whatever the session.
   */
  readonly renew: (
    known: string | null | undefined,
  ) => Promise<{ readonly key: string | null; readonly opened: Opened } | 'same' | null>
}

export interface StreamOptions {
  /** Aborts when the client hangs up. */
  readonly signal: AbortSignal
  /** The event for a message of the principal's feed; null: the client gets none. */
  readonly eventOf: (said: string) => string | null
  readonly following?: Following | null
}

/**
 * Joins the principal's feed and the upstream's stream into one response. It ends with the feed, for the right to the stream has then
 * ended, and with the upstream's stream, so that the client comes back to where that can be resumed; one that broke off breaks off
 * here, too. It goes on where `following` finds another session with the server.
 */
export function streamOf(feed: WebSocket, source: StreamSource | null, options: StreamOptions): Response {
  let stream: EventStream | null = null
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      stream = new EventStream(controller, feed, options)
      stream.begin(source)
    },
    pull: () => stream?.resume(),
    cancel: () => stream?.stop(),
  })
  return new Response(body, { headers: eventHeaders })
}

class EventStream {
  readonly #controller: ReadableStreamDefaultController<Uint8Array>
  readonly #feed: WebSocket
  readonly #options: StreamOptions
  readonly #following: Following | null
  readonly #encoder = new TextEncoder()
  readonly #watch = new EventWatch(null)
  readonly #pauses = new Pauses()
  /** Events of the gateway that wait for the end of an event of the server. */
  readonly #waiting: string[] = []
  /** The session that the stream is of. */
  #key: string | null
  #source: StreamSource | null = null
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null
  /** Renewals are done one after the other. */
  #renewals = Promise.resolve()
  #again: ReturnType<typeof setTimeout> | null = null
  #keepAlive: ReturnType<typeof setInterval> | null = null
  #isOver = false
  #resume: (() => void) | null = null

  constructor(
    controller: ReadableStreamDefaultController<Uint8Array>,
    feed: WebSocket,
    options: StreamOptions,
  ) {
    this.#controller = controller
    this.#feed = feed
    this.#options = options
    this.#following = options.following ?? null
    this.#key = this.#following?.key ?? null
  }

  begin(source: StreamSource | null): void {
    const { signal, eventOf } = this.#options
    const finish = () => this.#finish()
    this.#write(': open\n\n')
    this.#keepAlive = setInterval(() => {
      if (!this.#watch.isInEvent) this.#write(': keep-alive\n\n')
    }, KEEP_ALIVE_MS)
    this.#feed.addEventListener('message', ({ data }) => {
      const said = String(data)
      this.#say(eventOf(said))
      if (this.#following?.isNews(said)) this.#renew(() => {})
    })
    this.#feed.addEventListener('close', finish)
    this.#feed.addEventListener('error', (error) => this.#breakOff(error))
    signal.addEventListener('abort', finish)
    this.#attach(source)
    if (this.#following !== null) this.#askAgain(this.#following.opened)
    // The feed may have been closed while the server was asked.
    if (this.#feed.readyState !== WebSocket.READY_STATE_OPEN) finish()
  }

  /** Goes on reading, as the client has taken what it was sent. */
  resume(): void {
    this.#resume?.()
  }

  stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#resume?.()
    if (this.#again !== null) clearTimeout(this.#again)
    clearInterval(this.#keepAlive)
    closeQuietly(this.#feed)
    this.#reader?.cancel().catch(() => {})
    this.#source?.end()
  }

  #finish(): void {
    if (this.#isOver) return
    this.stop()
    try {
      this.#controller.close()
    } catch {
      // The client was first.
    }
  }

  #breakOff(error: unknown): void {
    if (this.#isOver) return
    this.stop()
    this.#controller.error(error)
  }

  #write(text: string): void {
    if (this.#isOver) return
    try {
      this.#controller.enqueue(this.#encoder.encode(text))
    } catch {
      this.#finish()
    }
  }

  /** Writes an event of the gateway between the upstream's events, never inside of one. */
  #say(text: string | null): void {
    if (text === null) return
    if (this.#watch.isInEvent) this.#waiting.push(text)
    else this.#write(text)
  }

  #attach(source: StreamSource | null): void {
    this.#source = source
    const reader = source?.body.getReader() ?? null
    this.#reader = reader
    if (reader !== null) void this.#pump(reader)
  }

  async #pump(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    const isCurrent = () => !this.#isOver && reader === this.#reader
    let otherwise = () => this.#finish()
    try {
      for (let read = await reader.read(); !read.done && isCurrent(); read = await reader.read()) {
        // A client that reads slowly must not fill our memory with what it has not read.
        if ((this.#controller.desiredSize ?? 1) <= 0)
          await new Promise<void>((resolve) => {
            this.#resume = resolve
          })
        if (!isCurrent()) break
        this.#controller.enqueue(read.value)
        this.#watch.push(decoder.decode(read.value, { stream: true }))
        if (!this.#watch.isInEvent)
          for (const text of this.#waiting.splice(0)) this.#controller.enqueue(this.#encoder.encode(text))
      }
    } catch (error) {
      // The upstream broke off, or the client did: either way this session's stream is over.
      otherwise = () => this.#breakOff(error)
    }
    if (isCurrent()) this.#renew(otherwise)
  }

  /** Goes over to the present session, or does `otherwise` where there is no other one. */
  #renew(otherwise: () => void): void {
    this.#renewals = this.#renewals
      .then(() => this.#goOver())
      .then(
        (isOther) => (isOther ? undefined : otherwise()),
        () => this.#finish(),
      )
  }

  /** Goes over to the present session. Returns false where that is the known one, or could not be found out. */
  async #goOver(isAgain = false): Promise<boolean> {
    const renewed = (await this.#following?.renew(isAgain ? undefined : this.#key)) ?? null
    if (renewed === null && isAgain) this.#askAgain(notNow)
    if (renewed === null || renewed === 'same') return false
    const { key, opened } = renewed
    if (this.#isOver || this.#watch.isInEvent) {
      letGo(opened)
      // Half an event cannot be taken back: the client comes back.
      this.#finish()
      return true
    }
    const [reader, source] = [this.#reader, this.#source]
    this.#key = key
    this.#attach(isSource(opened) ? opened : null)
    reader?.cancel().catch(() => {})
    source?.end()
    this.#askAgain(opened)
    return true
  }

  /** Asks again, after a pause, for a stream that may come later. */
  #askAgain(opened: Opened): void {
    if (this.#again !== null) clearTimeout(this.#again)
    if (this.#isOver || isSource(opened) || opened === 'none') return
    this.#again = setTimeout(() => {
      this.#renewals = this.#renewals
        .then(() => (this.#isOver || this.#reader !== null ? true : this.#goOver(true)))
        .then(
          () => {},
          () => this.#finish(),
        )
    }, this.#pauses.next(opened.againInMs))
  }
}

/** One stream to the client, made of whole events from several servers, each of which may come, break off and come back. */
import type { Reached } from '../bridge/conversation.ts'
import { isSource, notNow, type Opened, type StreamSource } from '../bridge/stream-source.ts'
import type { FeedMessage } from '../contract/feed-messages.ts'
import type { UpstreamSession } from '../contract/principal.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { closeQuietly } from '../request/feed.ts'
import { EventRewriter } from '../upstream/receive-events.ts'
import { eventHeaders, type Rewriting } from '../upstream/reception.ts'
import { isSameServer } from '../upstream/server-key.ts'
import { Pauses, pause } from './pauses.ts'

const KEEP_ALIVE_MS = 15_000
/** The most that may wait for a client that reads slowly; beyond it the stream is ended, and the client comes back. */
export const MOST_WAITING_CHARS = 4 * 1024 * 1024
/** Streams of servers that are opened for one stream of a client, again ones included: the platform allows its invocation 1,000 requests. */
const MOST_OPENED = 400

/** The way in which a server's stream is opened, and the changes to its messages. */
export interface Joining {
  /** Opens it behind the event of that id, where there is one. `onRenewed`: another session with the server has taken its place. */
  readonly open: (
    at: Reached,
    lastEventId: string | undefined,
    onRenewed: (session: UpstreamSession) => void,
  ) => Promise<Opened>
  readonly rewriting: Rewriting
  /** The event behind which the client wants to go on. */
  readonly lastEventId: string | undefined
}

/** It ends with the principal's feed. */
export class MergedStream {
  readonly #encoder = new TextEncoder()
  readonly #feed: WebSocket
  readonly #members = new Map<string, Member>()
  /** The servers that may be joined, by name; null while that is not known. */
  #reach: ReadonlyMap<string, UpstreamConfig> | null = null
  #held: string[] | null
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  #keepAlive: ReturnType<typeof setInterval> | null = null
  #changes = Promise.resolve()
  #opened = 0
  #isOver = false

  constructor(
    feed: WebSocket,
    signal: AbortSignal,
    {
      isHeld,
      eventOf,
    }: {
      /** Nothing is sent before `begin`. */
      readonly isHeld: boolean
      /** The client's event for a message of the principal; null where the client hears nothing of it. */
      readonly eventOf: (said: string) => string | null
    },
  ) {
    this.#feed = feed
    this.#held = isHeld ? [] : null
    const finish = () => this.#finish()
    this.hear((message) => this.say(eventOf(message)))
    feed.addEventListener('close', finish)
    feed.addEventListener('error', finish)
    signal.addEventListener('abort', finish)
  }

  /** Calls `listener` with what the principal says. */
  hear(listener: (message: string) => void): void {
    this.#feed.addEventListener('message', ({ data }) => {
      if (!this.#isOver) listener(String(data))
    })
  }

  /** Runs `work` whenever the principal says `change`, which is that what is reached may be another; one after the other. */
  onChange(work: () => Promise<void>, change: FeedMessage = 'tools_changed'): void {
    this.hear((message) => {
      if (message !== change) return
      this.#changes = this.#changes.then(work).catch(() => this.#finish())
    })
  }

  /**
   * Joins a server, and joins it again whenever its stream ends. Settles when that was tried once.
   * @param key names the member: the server, or one of several sessions with it
   */
  join(at: Reached, joining: Joining, key = at.upstream.name): Promise<void> {
    if (this.#isOver || !this.#reaches(at.upstream)) return Promise.resolve()
    const known = this.#members.get(key)
    if (known?.isOf(at)) return Promise.resolve()
    known?.leave()
    return new Promise((resolve) => {
      const counted = { ...joining, open: this.#counting(joining.open) }
      const member: Member = new Member(at, counted, (text) => this.say(text), resolve)
      this.#members.set(key, member)
      void member.stay().then(() => {
        if (this.#members.get(key) === member) this.#members.delete(key)
      })
    })
  }

  /** The stream ends where too many were opened for it: its client comes back with another. */
  #counting(open: Joining['open']): Joining['open'] {
    return async (at, lastEventId, onRenewed) => {
      this.#opened += 1
      if (this.#opened <= MOST_OPENED) return open(at, lastEventId, onRenewed)
      this.#finish()
      return 'none'
    }
  }

  /** Leaves a member: there is nothing to hear of it now. */
  leave(key: string): void {
    this.#members.get(key)?.leave()
    this.#members.delete(key)
  }

  /** Leaves all servers but these, and joins no others. */
  keep(reached: readonly Reached[]): void {
    this.#reach = new Map(reached.map(({ upstream }) => [upstream.name, upstream]))
    for (const [key, member] of this.#members) {
      if (this.#reaches(member.upstream)) continue
      this.#members.delete(key)
      member.leave()
    }
  }

  /** Tells whether a server of that name is still the one that it was. */
  #reaches(upstream: UpstreamConfig): boolean {
    if (this.#reach === null) return true
    const now = this.#reach.get(upstream.name)
    return now !== undefined && isSameServer(now, upstream)
  }

  /** Says this first, and what was held back. */
  begin(text: string): void {
    const held = this.#held ?? []
    this.#held = null
    for (const one of [text, ...held]) this.say(one)
  }

  say(text: string | null): void {
    if (text === null || text === '' || this.#isOver) return
    if (this.#held === null) this.#write(text)
    else this.#held.push(text)
  }

  #write(text: string): void {
    if (this.#controller === null) return
    try {
      this.#controller.enqueue(this.#encoder.encode(text))
    } catch {
      this.#finish()
      return
    }
    if ((this.#controller.desiredSize ?? 0) < -MOST_WAITING_CHARS) this.#finish()
  }

  response(): Response {
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
          if (this.#isOver) {
            controller.close()
            return
          }
          this.#write(': open\n\n')
          this.#keepAlive = setInterval(() => this.#write(': keep-alive\n\n'), KEEP_ALIVE_MS)
        },
        cancel: () => this.#finish(),
      },
      { highWaterMark: 0, size: (piece) => piece?.byteLength ?? 0 },
    )
    return new Response(body, { headers: eventHeaders })
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#keepAlive)
    closeQuietly(this.#feed)
    for (const member of this.#members.values()) member.leave()
    this.#members.clear()
    try {
      this.#controller?.close()
    } catch {
      // The client was first.
    }
  }
}

/** A server while it is part of the stream, whether its own stream is open or is to be opened again. */
class Member {
  #at: Reached
  readonly #joining: Joining
  readonly #say: (text: string) => void
  readonly #tried: () => void
  readonly #left = new AbortController()

  constructor(at: Reached, joining: Joining, say: (text: string) => void, tried: () => void) {
    this.#at = at
    this.#joining = joining
    this.#say = say
    this.#tried = tried
  }

  get upstream(): UpstreamConfig {
    return this.#at.upstream
  }

  /** Tells whether it is the same server, and the same session with it; one without an id is told by the login. */
  isOf({ upstream, admitted, context }: Reached): boolean {
    const id = admitted.upstream?.id
    const isSame = id === this.#at.admitted.upstream?.id && (id || context.login === this.#at.context.login)
    return isSameServer(upstream, this.upstream) && Boolean(isSame)
  }

  leave(): void {
    this.#left.abort()
    this.#tried()
  }

  /** Settles when it has been left, or has no stream. */
  async stay(): Promise<void> {
    const { signal } = this.#left
    let { lastEventId } = this.#joining
    const pauses = new Pauses()
    const onRenewed = (session: UpstreamSession) => {
      this.#at = { ...this.#at, admitted: { ...this.#at.admitted, upstream: session } }
      // The other session's events are not known to this one.
      lastEventId = undefined
    }
    while (!signal.aborted) {
      const at = { ...this.#at, signal }
      const opened = await this.#joining.open(at, lastEventId, onRenewed).catch(() => notNow)
      this.#tried()
      if (opened === 'none') return
      const fromMs = Date.now()
      if (isSource(opened)) lastEventId = (await this.#pump(opened)) ?? lastEventId
      pauses.lasted(Date.now() - fromMs)
      await pause(pauses.next(isSource(opened) ? null : opened.againInMs), signal)
    }
  }

  /** Passes the stream on until it ends or is left. Returns the id of its last event. */
  async #pump({ body, end }: StreamSource): Promise<string | null> {
    const { signal } = this.#left
    const rewriter = new EventRewriter(this.#joining.rewriting)
    const decoder = new TextDecoder()
    const reader = body.getReader()
    const cancel = () => void reader.cancel().catch(() => {})
    signal.addEventListener('abort', cancel)
    // It was left while the stream was opened.
    if (signal.aborted) cancel()
    try {
      for (let read = await reader.read(); !read.done && !signal.aborted; read = await reader.read())
        this.#say(rewriter.push(decoder.decode(read.value, { stream: true })))
    } catch {
      // The server broke off; the others go on.
    }
    signal.removeEventListener('abort', cancel)
    cancel()
    end()
    return rewriter.lastEventId
  }
}

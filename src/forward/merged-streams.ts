/** Event streams of everything that a grant reaches: what the gateway says, and what each server says, in one. */
import type { Passage } from '../gateway/admission.ts'
import { answer } from '../gateway/answer.ts'
import { closeQuietly, openFeed } from '../gateway/feed.ts'
import { known } from '../gateway/known.ts'
import type { RequestMessage } from '../gateway/message.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import { splitUri } from '../upstream/names.ts'
import { EventRewriter } from '../upstream/receive-events.ts'
import type { Rewriting } from '../upstream/reception.ts'
import { eventHeaders, messageEvent } from '../upstream/reception.ts'
import type { RpcMessage } from '../upstream/rpc.ts'
import { reachAll } from './lists.ts'
import { rewritingFor, splitEventId } from './rewriting.ts'
import { type Reached, reach } from './single.ts'
import { listen, type StreamSource, sourceOf, toolsChangedFor } from './streams.ts'

const KEEP_ALIVE_MS = 15_000
/** How many events may wait for a client that reads slowly; after that its stream is ended, and it comes back. */
const MOST_WAITING_CHARS = 4 * 1024 * 1024

/** The principal says this once a session with a server has been opened: its stream can be joined. */
export const UPSTREAM_OPENED = 'upstream:'

/** GET in the session era. */
export async function openMergedStream(passage: Passage): Promise<Response> {
  const { admission, feed } = await openFeed(passage)
  return answer(admission, null, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    const merged = new MergedStream(feed, passage.http.signal, () =>
      messageEvent({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' }),
    )
    const join = async (at: Reached) => {
      if (at.admitted.upstream === null) return
      const source = await sourceOf(at, ownEventId(passage, at.upstream.name))
      if (source !== null) merged.join(at.upstream, source, rewritingFor(at.upstream.name))
    }
    feed.addEventListener('message', ({ data }) => {
      const server = String(data).startsWith(UPSTREAM_OPENED)
        ? String(data).slice(UPSTREAM_OPENED.length)
        : ''
      if (server === '' || merged.has(server)) return
      void reach(passage, server, 'session', undefined).then((reached) =>
        reached.ok ? join(reached.at) : undefined,
      )
    })
    const joinAll = async () => {
      const reached = await reachAll(passage, { era: 'session', params: undefined, id: null })
      if (!reached.ok) return
      merged.keep(reached.all)
      await Promise.all(reached.all.filter(({ upstream }) => !merged.has(upstream.name)).map(join))
    }
    merged.onChange(joinAll)
    // Where there are no servers, nobody is asked. One that is added is said by the feed.
    if (known(passage.claim.key)?.upstreams.size !== 0) await joinAll()
    return merged.response()
  })
}

/** The last event that the client had of this server. */
function ownEventId({ http }: Passage, server: string): string | undefined {
  const last = splitEventId(http.headers.get('last-event-id') ?? '')
  return last?.server === server ? last.id : undefined
}

/** `subscriptions/listen` in the stateless era. */
export async function listenToAll(passage: Passage, message: RequestMessage): Promise<Response> {
  const { admission, feed } = await openFeed(passage)
  return answer(admission, message.id, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    const merged = new MergedStream(feed, passage.http.signal, () => toolsChangedFor(message))
    merged.say(messageEvent(acknowledged(message)))
    const join = async (at: Reached) => {
      const response = await listen(at, ownSubscription(message, at.upstream.name))
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
      if (!isStream || response.body === null) return
      const rewriting = rewritingFor(at.upstream.name)
      merged.join(at.upstream, { body: response.body, end: () => {} }, subscribed(rewriting))
    }
    const joinAll = async () => {
      const { params } = message.body
      const reached = await reachAll(passage, { era: 'stateless', params, id: message.id })
      if (!reached.ok) return
      merged.keep(reached.all)
      await Promise.all(reached.all.filter(({ upstream }) => !merged.has(upstream.name)).map(join))
    }
    merged.onChange(joinAll)
    await joinAll()
    return merged.response()
  })
}

/** The notifications that this client is promised: those that it asked for and that somebody here may send. */
function acknowledged({ id, body }: RequestMessage): RpcMessage {
  const { notifications } = (body.params ?? {}) as { notifications?: Record<string, unknown> }
  const params = { notifications: notifications ?? {}, _meta: { [SUBSCRIPTION_META_KEY]: id } }
  return { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params }
}

const SUBSCRIPTION_META_KEY = 'io.modelcontextprotocol/subscriptionId'

/** The part of a subscription that one server can serve: its own resources, by its own URIs. */
function ownSubscription(message: RequestMessage, server: string): RequestMessage {
  const params = (message.body.params ?? {}) as Record<string, unknown>
  const notifications = (params.notifications ?? {}) as { resourceSubscriptions?: unknown }
  const uris = Array.isArray(notifications.resourceSubscriptions) ? notifications.resourceSubscriptions : []
  const own = uris.flatMap((uri) => {
    const found = typeof uri === 'string' ? splitUri(uri) : null
    return found?.server === server ? [found.uri] : []
  })
  const { resourceSubscriptions: _, ...rest } = notifications
  const asked = own.length === 0 ? rest : { ...rest, resourceSubscriptions: own }
  return {
    ...message,
    body: { ...message.body, params: { ...params, notifications: asked } },
  } as RequestMessage
}

/** A server's own acknowledgement and farewell are not the client's: it has one subscription, with the gateway. */
function subscribed(rewriting: Rewriting): Rewriting {
  return {
    ...rewriting,
    message: (message) =>
      message.method === undefined || message.method === 'notifications/subscriptions/acknowledged'
        ? null
        : rewriting.message(message),
  }
}

/** A server's stream while it is part of the client's. */
interface Joined {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>
  readonly end: () => void
  /** The server as it was configured. */
  readonly url: string
}

/** One stream to the client, made of whole events from several sources. It ends with the principal's feed. */
class MergedStream {
  readonly #encoder = new TextEncoder()
  readonly #feed: WebSocket
  readonly #sources = new Map<string, Joined>()
  readonly #early: string[] = [': open\n\n']
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  #keepAlive: ReturnType<typeof setInterval> | null = null
  #isOver = false

  constructor(feed: WebSocket, signal: AbortSignal, changed: () => string | null) {
    this.#feed = feed
    const finish = () => this.#finish()
    feed.addEventListener('message', ({ data }) => {
      if (data === 'tools_changed') this.say(changed())
    })
    feed.addEventListener('close', finish)
    feed.addEventListener('error', finish)
    signal.addEventListener('abort', finish)
  }

  has(server: string): boolean {
    return this.#sources.has(server)
  }

  /** Runs `work` whenever what the grant reaches may have changed. Servers that it no longer reaches must go. */
  onChange(work: () => Promise<void>): void {
    this.#feed.addEventListener('message', ({ data }) => {
      if (data === 'tools_changed' && !this.#isOver) work().catch(() => this.#finish())
    })
  }

  /** Adds a server's stream. When that ends, the others go on. */
  join({ name, url }: UpstreamConfig, source: StreamSource, rewriting: Rewriting): void {
    if (this.#isOver || this.#sources.has(name)) {
      source.body.cancel().catch(() => {})
      source.end()
      return
    }
    const joined = { reader: source.body.getReader(), end: source.end, url }
    this.#sources.set(name, joined)
    void this.#pump(name, joined, new EventRewriter(rewriting))
  }

  /** Leaves the streams of all servers but these. */
  keep(reached: readonly Reached[]): void {
    const urls = new Map(reached.map(({ upstream }) => [upstream.name, upstream.url]))
    for (const [server, joined] of this.#sources)
      if (urls.get(server) !== joined.url) this.#leave(server, joined)
  }

  say(text: string | null): void {
    if (text === null || text === '' || this.#isOver) return
    if (this.#controller === null) {
      this.#early.push(text)
      return
    }
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
          for (const text of this.#early.splice(0)) this.say(text)
          if (this.#isOver) controller.close()
          else this.#keepAlive = setInterval(() => this.say(': keep-alive\n\n'), KEEP_ALIVE_MS)
        },
        cancel: () => this.#finish(),
      },
      { highWaterMark: 0, size: (piece) => piece?.byteLength ?? 0 },
    )
    return new Response(body, { headers: eventHeaders })
  }

  async #pump(server: string, joined: Joined, rewriter: EventRewriter): Promise<void> {
    const decoder = new TextDecoder()
    const { reader } = joined
    const isJoined = () => this.#sources.get(server) === joined
    try {
      for (let read = await reader.read(); !read.done && isJoined(); read = await reader.read()) {
        this.say(rewriter.push(decoder.decode(read.value, { stream: true })))
      }
    } catch {
      // The server broke off; the others go on.
    }
    if (isJoined()) this.#leave(server, joined)
  }

  #leave(server: string, { reader, end }: Joined): void {
    this.#sources.delete(server)
    reader.cancel().catch(() => {})
    end()
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#keepAlive)
    closeQuietly(this.#feed)
    for (const [server, joined] of this.#sources) this.#leave(server, joined)
    try {
      this.#controller?.close()
    } catch {
      // The client was first.
    }
  }
}

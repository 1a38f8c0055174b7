/** Event streams of one upstream server: its own events, and what the gateway itself has to say, in one. */
import { SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server'
import { sessionAmong } from '../bridge/mark.ts'
import { streamAcross, subscribeAcross } from '../bridge/streams.ts'
import type { Passage } from '../gateway/admission.ts'
import { answer } from '../gateway/answer.ts'
import { closeQuietly, openFeed } from '../gateway/feed.ts'
import { sessionEvent } from '../gateway/feed-events.ts'
import type { RequestMessage } from '../gateway/message.ts'
import { isObject } from '../json.ts'
import type { FeedMessage } from '../principal/feed-messages.ts'
import { hasBatches } from '../revisions.ts'
import { type IdPair, markOf, restored, StreamIds, splitMarked } from '../upstream/answer-ids.ts'
import { discard, isEventStream, type Sent, send } from '../upstream/http.ts'
import { problemOf, type UpstreamProblem } from '../upstream/problem.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import { EventRewriter } from '../upstream/receive-events.ts'
import { eventHeaders, messageEvent, type Rewriting, unchanged } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import type { RpcMessage } from '../upstream/rpc.ts'
import { EventWatch } from '../upstream/watch.ts'
import { isSameServer } from '../upstream/which.ts'
import { rpcFailure } from './deliver.ts'
import { findPartner } from './partner.ts'
import { outgoing, type Reached, reach, talkAt } from './single.ts'

/** A comment now and then keeps proxies from cutting the stream, and finds out whether the client is still there. */
const KEEP_ALIVE_MS = 15_000

/** GET in the session era: what the server says without being asked. */
export async function openSingleStream(passage: Passage, server: string): Promise<Response> {
  const reached = await reach(passage, server, 'session', undefined)
  if (!reached.ok) return reached.response
  const { at } = reached
  const { admission, feed } = await openFeed(passage)
  return answer(admission, null, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    endWithServer(feed, at, passage)
    const source = await resumed(at, passage.http.headers.get('last-event-id') ?? undefined)
    const again = async () => {
      const renewed = await reach(passage, server, 'session', undefined)
      return renewed.ok ? openOrNull(await sourceOf(renewed.at, undefined)) : null
    }
    return streamOf(feed, openOrNull(source), passage.http.signal, (said) => sessionEvent(said), {
      on: `upstream:${server}`,
      open: again,
    })
  })
}

/** The server's stream, behind the event of that id, where there is one: the answer that follows it has the client's id. */
async function resumed(at: Reached, last: string | undefined): ReturnType<typeof sourceOf> {
  const marked = last === undefined ? null : splitMarked(last)
  const source = await sourceOf(at, marked?.id ?? last)
  return marked === null || typeof source === 'string' ? source : withClientIds(source, marked.pair)
}

function withClientIds({ body, end }: StreamSource, pair: IdPair): StreamSource {
  const ids = new StreamIds(pair, markOf(pair))
  const changing = new TransformStream<Uint8Array, Uint8Array>({
    transform: (piece, controller) => controller.enqueue(ids.push(piece)),
    flush: (controller) => controller.enqueue(ids.end()),
  })
  return { body: body.pipeThrough(changing), end }
}

function openOrNull(source: StreamSource | 'none' | 'failed'): StreamSource | null {
  return typeof source === 'string' ? null : source
}

/** Closes the feed, and with it the stream, once the grant reaches the server no longer, or another one in its place. */
function endWithServer(feed: WebSocket, { upstream, client }: Reached, passage: Passage): void {
  feed.addEventListener('message', ({ data }) => {
    if ((data as FeedMessage) !== 'tools_changed') return
    void reach(passage, upstream.name, client.era, undefined).then(
      (again) => {
        if (!again.ok || !isSameServer(again.at.upstream, upstream)) closeQuietly(feed)
      },
      () => closeQuietly(feed),
    )
  })
}

/** The server's own stream. `none`: it has none; `failed`: it may have one later. */
export async function sourceOf(
  at: Reached,
  lastEventId: string | undefined,
): Promise<StreamSource | 'none' | 'failed'> {
  const session = sessionAmong(at.admitted.upstream)
  if (session === null) return streamAcross(at)
  const sent = await send(at.link, {
    method: 'GET',
    headers: requestHeaders({ client: at.passage.http.headers, session, lastEventId }),
    isEndless: true,
    signal: at.signal,
  })
  if (!sent.ok) return 'failed'
  const source = sourceFrom(sent)
  if (source !== null) return hasBatches(session.protocolVersion) ? takenApart(source) : source
  discard(sent.response)
  sent.hold.end(null)
  // A server without a stream answers 405, which is no fault (MCP 2025-11-25, listening for messages).
  return sent.response.status >= 500 || sent.response.status === 429 ? 'failed' : 'none'
}

/** Events that come from an upstream. */
export interface StreamSource {
  readonly body: ReadableStream<Uint8Array>
  readonly end: () => void
}

function sourceFrom({ response, hold }: Extract<Sent, { ok: true }>): StreamSource | null {
  if (!response.ok || !isEventStream(response) || response.body === null) return null
  return { body: response.body, end: () => hold.end(null) }
}

/** The same with an event for each message, where several may come in one array. */
function takenApart(source: StreamSource): StreamSource {
  return rewritten(source, unchanged)
}

function rewritten({ body, end }: StreamSource, rewriting: Rewriting): StreamSource {
  const rewriter = new EventRewriter(rewriting)
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  const events = new TransformStream<Uint8Array, Uint8Array>({
    transform: (piece, controller) => {
      const text = rewriter.push(decoder.decode(piece, { stream: true }))
      if (text !== '') controller.enqueue(encoder.encode(text))
    },
  })
  return { body: body.pipeThrough(events), end }
}

/** What becomes of a subscription at one server. */
export type Subscription =
  | { readonly kind: 'open'; readonly source: StreamSource }
  | {
      readonly kind: 'refused'
      readonly message: RpcMessage
      readonly status: number
      /** It is the server's own word: there is no use in asking again. */
      readonly isFinal: boolean
    }

/** `subscriptions/listen` in the stateless era. */
export async function listen(at: Reached, message: RequestMessage): Promise<Response> {
  const { passage } = at
  const { admission, feed } = await openFeed(passage)
  return answer(admission, message.id, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    endWithServer(feed, at, passage)
    const subscription = await subscribe(at, message)
    if (subscription.kind === 'open')
      return streamOf(feed, subscription.source, passage.http.signal, subscriberEvent(message))
    closeQuietly(feed)
    return Response.json(subscription.message, { status: subscription.status })
  })
}

/** A refusal is small. */
const MOST_REFUSAL_BYTES = 64 * 1024

/** Subscribes at the server alone: what the gateway itself says is not in it. */
export async function subscribe(at: Reached, message: RequestMessage): Promise<Subscription> {
  const { passage, link } = at
  const refused = (problem: UpstreamProblem): Subscription => ({
    kind: 'refused',
    message: rpcFailure(message.id, at.upstream.name, problem),
    status: 200,
    isFinal: false,
  })
  const found = await findPartner(talkAt(at))
  if (!found.ok) return refused(found.problem)
  if (found.partner.era === 'session') {
    const across = await subscribeAcross(at, message)
    return 'failure' in across ? refused(across) : { kind: 'open', source: across }
  }
  const pair = { sent: crypto.randomUUID(), client: message.id }
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: passage.http.headers, stateless: { method: message.method } }),
    body: JSON.stringify({ ...outgoing(message), id: pair.sent }),
    isEndless: true,
    signal: at.signal ?? passage.http.signal,
  })
  if (!sent.ok) return refused(sent.problem)
  const source = sourceFrom(sent)
  if (source !== null) return { kind: 'open', source: named(source, pair) }
  // It is no stream, so it may not last as long as it likes.
  const { hold, response } = sent
  const { idleSeconds } = link.config
  const late = problemOf('timeout', `took more than ${idleSeconds} seconds to refuse`)
  const bound = setTimeout(() => hold.watchdog.stop(late), idleSeconds * 1_000)
  const read = await readAnswer(response, hold, pair.sent, MOST_REFUSAL_BYTES)
  clearTimeout(bound)
  if (!read.ok) return refused(read.problem)
  return { kind: 'refused', message: restored(read.message, pair), status: read.status, isFinal: true }
}

/** A subscription is named by the id of its request: the client's own, as its client knows it. */
function named(source: StreamSource, pair: IdPair): StreamSource {
  return rewritten(source, {
    message: (message) => ofSubscription(restored(message, pair), pair),
    eventId: (id) => id,
  })
}

function ofSubscription(message: RpcMessage, { sent, client }: IdPair): RpcMessage {
  const { params } = message
  const meta = params?._meta
  if (!isObject(meta) || meta[SUBSCRIPTION_ID_META_KEY] !== sent) return message
  return { ...message, params: { ...params, _meta: { ...meta, [SUBSCRIPTION_ID_META_KEY]: client } } }
}

/** What a subscriber hears of what the principal says: that tools have changed, where it asked for that (MCP 2026-07-28, subscriptions). */
export function subscriberEvent(message: RequestMessage): (said: string) => string | null {
  return (said) => (said === 'tools_changed' ? toolsChangedFor(message) : null)
}

function toolsChangedFor({ id, body }: RequestMessage): string | null {
  const { notifications } = (body.params ?? {}) as { notifications?: { toolsListChanged?: unknown } }
  if (notifications?.toolsListChanged !== true) return null
  const params = { _meta: { [SUBSCRIPTION_ID_META_KEY]: id } }
  return messageEvent({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params })
}

/**
 * One stream of what the principal and the upstream say. Where there is no source yet, the principal's word `later.on`
 * says that it can be opened. It ends with the principal's feed, for what opened it is then no
 * good any more, and with the upstream's stream, so that the client comes back to where that can be resumed. One that broke off
 * breaks off here, too.
 */
export function streamOf(
  feed: WebSocket,
  source: StreamSource | null,
  signal: AbortSignal,
  eventOf: (said: string) => string | null,
  later: { readonly on: FeedMessage; readonly open: () => Promise<StreamSource | null> } | null = null,
): Response {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const watch = new EventWatch(null)
  let current = source
  let reader = source?.body.getReader() ?? null
  const waiting: string[] = []
  let keepAlive: ReturnType<typeof setInterval> | null = null
  let isOver = false
  let goOn: (() => void) | null = null

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const finish = () => {
        if (isOver) return
        stop()
        try {
          controller.close()
        } catch {
          // The client was first.
        }
      }
      const breakOff = (error: unknown) => {
        if (isOver) return
        stop()
        controller.error(error)
      }
      const write = (text: string) => {
        if (isOver) return
        try {
          controller.enqueue(encoder.encode(text))
        } catch {
          finish()
        }
      }
      /** Between the upstream's events, never inside of one. */
      const say = (text: string | null) => {
        if (text === null) return
        if (watch.isInEvent) waiting.push(text)
        else write(text)
      }
      const attach = (found: StreamSource | null) => {
        if (found === null) return
        if (isOver || reader !== null) {
          found.body.cancel().catch(() => {})
          found.end()
          return
        }
        current = found
        reader = found.body.getReader()
        void pump(reader, controller, finish, breakOff)
      }
      write(': open\n\n')
      keepAlive = setInterval(() => {
        if (!watch.isInEvent) write(': keep-alive\n\n')
      }, KEEP_ALIVE_MS)
      feed.addEventListener('message', ({ data }) => {
        say(eventOf(String(data)))
        if (later !== null && data === later.on && reader === null) later.open().then(attach, () => {})
      })
      feed.addEventListener('close', finish)
      feed.addEventListener('error', breakOff)
      signal.addEventListener('abort', finish)
      if (reader !== null) void pump(reader, controller, finish, breakOff)
      // It was closed while the server was asked.
      if (feed.readyState !== WebSocket.READY_STATE_OPEN) finish()
    },
    pull: () => goOn?.(),
    cancel: () => stop(),
  })

  async function pump(
    from: ReadableStreamDefaultReader<Uint8Array>,
    controller: ReadableStreamDefaultController<Uint8Array>,
    finish: () => void,
    breakOff: (error: unknown) => void,
  ): Promise<void> {
    try {
      for (let read = await from.read(); !read.done && !isOver; read = await from.read()) {
        // A client that reads slowly must not fill our memory with what it has not read.
        if ((controller.desiredSize ?? 1) <= 0) await new Promise<void>((resolve) => (goOn = resolve))
        controller.enqueue(read.value)
        watch.push(decoder.decode(read.value, { stream: true }))
        if (!watch.isInEvent) for (const text of waiting.splice(0)) controller.enqueue(encoder.encode(text))
      }
    } catch (error) {
      // The upstream broke off, or the client did: either way the stream is over.
      return breakOff(error)
    }
    finish()
  }

  function stop(): void {
    if (isOver) return
    isOver = true
    goOn?.()
    clearInterval(keepAlive)
    closeQuietly(feed)
    reader?.cancel().catch(() => {})
    current?.end()
  }

  return new Response(body, { headers: eventHeaders })
}

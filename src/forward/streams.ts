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
import { type FeedMessage, LOGIN_CHANGED } from '../principal/feed-messages.ts'
import { hasBatches } from '../revisions.ts'
import { type IdPair, markOf, restored, StreamIds, splitMarked } from '../upstream/answer-ids.ts'
import { wishesFor } from '../upstream/declared.ts'
import { declaredOf } from '../upstream/health.ts'
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
    const renew = async (known: string | null) => {
      const renewed = await reach(passage, server, 'session', undefined)
      if (!renewed.ok) return null
      const key = keyOf(renewed.at)
      if (key === known) return 'same'
      return { key, source: key === null ? null : openOrNull(await sourceOf(renewed.at, undefined)) }
    }
    const isNews = (said: string) => said === `upstream:${server}` || said === LOGIN_CHANGED
    const following = { key: keyOf(at), isNews, renew }
    return streamOf(feed, openOrNull(source), passage.http.signal, (said) => sessionEvent(said), following)
  })
}

/** Names the session with the server that a stream is of; null: there is none. One without an id is told by the login. */
function keyOf({ admitted: { upstream }, passage }: Reached): string | null {
  return upstream === null ? null : (upstream.id ?? `login:${passage.login}`)
}

/** How a stream goes over to another session with its server, as that is renewed or the client's login is another. */
interface Following {
  readonly key: string | null
  readonly isNews: (said: string) => boolean
  /** The session that counts now, with its stream; `same`: it is the known one; null: nobody can say. */
  readonly renew: (
    known: string | null,
  ) => Promise<{ readonly key: string | null; readonly source: StreamSource | null } | 'same' | null>
}

/** The server's stream, behind the event of that id, where there is one: the answer that follows it has the client's id. */
async function resumed(at: Reached, last: string | undefined): ReturnType<typeof sourceOf> {
  const marked = last === undefined ? null : splitMarked(last)
  const source = await sourceOf(at, marked?.id ?? last)
  return marked === null || typeof source === 'string' ? source : withClientIds(source, marked.pair)
}

function withClientIds({ body, end }: StreamSource, pair: IdPair): StreamSource {
  const ids = new StreamIds(pair, () => markOf(pair))
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
    const subscription = await subscribe(at, message, false)
    if (subscription.kind === 'open')
      return streamOf(feed, subscription.source, passage.http.signal, subscriberEvent(message))
    closeQuietly(feed)
    return Response.json(subscription.message, { status: subscription.status })
  })
}

/** A refusal is small. */
const MOST_REFUSAL_BYTES = 64 * 1024

/**
 * Subscribes at the server alone, for what it has declared: what the gateway itself says is not in it.
 * @param isOneOfMany then a server that can tell nothing of what is wanted is left alone
 */
export async function subscribe(
  at: Reached,
  message: RequestMessage,
  isOneOfMany: boolean,
): Promise<Subscription> {
  const { passage, link } = at
  const refused = (problem: UpstreamProblem): Extract<Subscription, { kind: 'refused' }> => ({
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
  const { params = {}, ...request } = outgoing(message)
  const { notifications } = params as { notifications?: Readonly<Record<string, unknown>> }
  const wishes = wishesFor(notifications ?? {}, declaredOf(link, 'stateless'))
  if (isOneOfMany && Object.keys(wishes).length === 0) {
    const silent = problemOf('undeclared', 'has declared nothing that it could tell', { isUndone: true })
    return { ...refused(silent), isFinal: true }
  }
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: passage.http.headers, stateless: { method: message.method } }),
    body: JSON.stringify({ ...request, id: pair.sent, params: { ...params, notifications: wishes } }),
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
 * One stream of what the principal and the upstream say. It ends with the principal's feed, for what opened it is then no
 * good any more, and with the upstream's stream, so that the client comes back to where that can be resumed; one that broke
 * off breaks off here, too. It goes on where another session with the server has taken the place of the one that the stream
 * was of, as `following` tells.
 */
export function streamOf(
  feed: WebSocket,
  source: StreamSource | null,
  signal: AbortSignal,
  eventOf: (said: string) => string | null,
  following: Following | null = null,
): Response {
  const encoder = new TextEncoder()
  const watch = new EventWatch(null)
  let key = following?.key ?? null
  let current: StreamSource | null = null
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null
  let renewals = Promise.resolve()
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
        current = found
        const mine = found?.body.getReader() ?? null
        reader = mine
        if (mine === null) return
        const over = (otherwise: () => void) => {
          if (!isOver && mine === reader) renew(otherwise)
        }
        void pump(
          mine,
          controller,
          () => over(finish),
          (error) => over(() => breakOff(error)),
        )
      }
      /** Goes over to the session that counts now; false where that is the one that was known, or nobody can say. */
      const goOver = async (): Promise<boolean> => {
        const renewed = (await following?.renew(key)) ?? null
        if (renewed === null || renewed === 'same') return false
        if (isOver || watch.isInEvent) {
          letGo(renewed.source)
          // Half an event cannot be taken back: the client comes back.
          finish()
          return true
        }
        const [left, before] = [reader, current]
        key = renewed.key
        attach(renewed.source)
        left?.cancel().catch(() => {})
        before?.end()
        return true
      }
      const renew = (otherwise: () => void) => {
        renewals = renewals.then(goOver).then((isOther) => (isOther ? undefined : otherwise()), finish)
      }
      write(': open\n\n')
      keepAlive = setInterval(() => {
        if (!watch.isInEvent) write(': keep-alive\n\n')
      }, KEEP_ALIVE_MS)
      feed.addEventListener('message', ({ data }) => {
        const said = String(data)
        say(eventOf(said))
        if (following?.isNews(said)) renew(() => {})
      })
      feed.addEventListener('close', finish)
      feed.addEventListener('error', breakOff)
      signal.addEventListener('abort', finish)
      attach(source)
      // It was closed while the server was asked.
      if (feed.readyState !== WebSocket.READY_STATE_OPEN) finish()
    },
    pull: () => goOn?.(),
    cancel: () => stop(),
  })

  async function pump(
    from: ReadableStreamDefaultReader<Uint8Array>,
    controller: ReadableStreamDefaultController<Uint8Array>,
    ended: () => void,
    brokeOff: (error: unknown) => void,
  ): Promise<void> {
    const decoder = new TextDecoder()
    try {
      for (let read = await from.read(); !read.done && !isOver && from === reader; read = await from.read()) {
        // A client that reads slowly must not fill our memory with what it has not read.
        if ((controller.desiredSize ?? 1) <= 0) await new Promise<void>((resolve) => (goOn = resolve))
        if (isOver || from !== reader) break
        controller.enqueue(read.value)
        watch.push(decoder.decode(read.value, { stream: true }))
        if (!watch.isInEvent) for (const text of waiting.splice(0)) controller.enqueue(encoder.encode(text))
      }
    } catch (error) {
      // The upstream broke off, or the client did: either way this session's stream is over.
      return brokeOff(error)
    }
    ended()
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

function letGo(source: StreamSource | null): void {
  source?.body.cancel().catch(() => {})
  source?.end()
}

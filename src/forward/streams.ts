/** Event streams of one upstream server: its own events, and what the gateway itself has to say, in one. */
import { SUBSCRIPTION_ID_META_KEY } from '@modelcontextprotocol/server'
import { isObject } from '../base/json.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { type Reached, talkAt } from '../bridge/conversation.ts'
import { findPartner } from '../bridge/partner.ts'
import {
  isSource,
  letGo,
  notNow,
  type Opened,
  rewritten,
  type StreamSource,
  sourceFrom,
} from '../bridge/stream-source.ts'
import { subscribeAcross } from '../bridge/streams.ts'
import { wishesFor } from '../contract/declared.ts'
import { type FeedMessage, LOGIN_CHANGED } from '../contract/feed-messages.ts'
import type { UpstreamSession } from '../contract/principal.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { answer } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import { closeQuietly, openFeed } from '../request/feed.ts'
import { sessionEvent } from '../request/feed-events.ts'
import type { RequestMessage } from '../request/message.ts'
import { splitMarked } from '../upstream/event-marks.ts'
import { declaredOf } from '../upstream/health.ts'
import { send } from '../upstream/http.ts'
import { type IdPair, restored } from '../upstream/id-pair.ts'
import { problemOf } from '../upstream/problem.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import { eventHeaders, messageEvent } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { EventWatch } from '../upstream/watch.ts'
import { isSameServer } from '../upstream/which.ts'
import { rpcFailure } from './deliver.ts'
import { sourceOf } from './own-stream.ts'
import { Pauses } from './pauses.ts'
import { outgoing, reach } from './reached.ts'

/** A comment now and then keeps proxies from cutting the stream, and finds out whether the client is still there. */
const KEEP_ALIVE_MS = 15_000

/** GET in the session era: what the server says without being asked. */
export async function openSingleStream(context: RequestContext, server: string): Promise<Response> {
  const last = context.http.headers.get('last-event-id') ?? undefined
  const asker = last === undefined ? null : (splitMarked(last)?.asker ?? null)
  /** The session that the client was hearing of when it left, while that is live; else the one of its login. */
  const reachOwn = async () => {
    const named =
      asker === null
        ? null
        : await reach(context, server, { era: 'session', params: undefined, id: null, about: { asker } })
    const isLive = named?.ok === true && named.at.admitted.upstream !== null
    return isLive ? named : reach(context, server, { era: 'session', params: undefined })
  }
  const reached = await reachOwn()
  if (!reached.ok) return reached.response
  const { at } = reached
  const { admission, feed } = await openFeed(context)
  return answer(admission, null, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    endWithServer(feed, at, context)
    const open = async (reached: Reached, lastEventId?: string) => {
      let key = keyOf(reached)
      const onRenewed = (upstream: UpstreamSession) => {
        key = keyOf({ ...reached, admitted: { ...reached.admitted, upstream } })
      }
      const opened = await sourceOf(reached, lastEventId, onRenewed)
      return { key, opened }
    }
    const renew: Following['renew'] = async (known) => {
      const renewed = await reachOwn()
      if (!renewed.ok) return null
      const key = keyOf(renewed.at)
      if (key === known) return 'same'
      return key === null ? { key, opened: 'none' } : open(renewed.at)
    }
    const isNews = (said: string) => said === `upstream:${server}` || said === LOGIN_CHANGED
    const { key, opened } = await open(at, last)
    const source = isSource(opened) ? opened : null
    const following = { key, opened, isNews, renew }
    return streamOf(feed, source, {
      signal: context.http.signal,
      eventOf: (said) => sessionEvent(said),
      following,
    })
  })
}

/** Names the session with the server that a stream is of; null: there is none. One without an id is told by the login. */
function keyOf({ admitted: { upstream }, context }: Reached): string | null {
  return upstream === null ? null : (upstream.id ?? `login:${context.login}`)
}

/** How a stream goes over to another session with its server, as that is renewed or the client's login is another. */
interface Following {
  readonly key: string | null
  /** What came of the first attempt: where the stream may come later, it is asked for again. */
  readonly opened: Opened
  readonly isNews: (said: string) => boolean
  /**
   * The session that counts now, with its stream; `same`: it is the known one; null: nobody can say. `known` undefined: the stream
   * is asked for whatever the session.
   */
  readonly renew: (
    known: string | null | undefined,
  ) => Promise<{ readonly key: string | null; readonly opened: Opened } | 'same' | null>
}

/** Closes the feed, and with it the stream, once the grant reaches the server no longer, or another one in its place. */
function endWithServer(feed: WebSocket, { upstream, client }: Reached, context: RequestContext): void {
  feed.addEventListener('message', ({ data }) => {
    if ((data as FeedMessage) !== 'tools_changed') return
    void reach(context, upstream.name, { era: client.era, params: undefined }).then(
      (again) => {
        if (!again.ok || !isSameServer(again.at.upstream, upstream)) closeQuietly(feed)
      },
      () => closeQuietly(feed),
    )
  })
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
      /** When to ask again, where the server has said so; in milliseconds. */
      readonly againInMs: number | null
    }

/** `subscriptions/listen` in the stateless era. */
export async function listen(at: Reached, message: RequestMessage): Promise<Response> {
  const { context } = at
  const { admission, feed } = await openFeed(context)
  return answer(admission, message.id, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    endWithServer(feed, at, context)
    const subscription = await subscribe(at, message, false)
    if (subscription.kind === 'open')
      return streamOf(feed, subscription.source, {
        signal: context.http.signal,
        eventOf: subscriberEvent(message),
      })
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
  const { context, link } = at
  const refused = (problem: UpstreamProblem): Extract<Subscription, { kind: 'refused' }> => ({
    kind: 'refused',
    message: rpcFailure(message.id, at.upstream.name, problem),
    status: 200,
    isFinal: false,
    againInMs: problem.retryAfterSeconds === null ? null : problem.retryAfterSeconds * 1_000,
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
    headers: requestHeaders({ client: context.http.headers, stateless: { method: message.method } }),
    body: JSON.stringify({ ...request, id: pair.sent, params: { ...params, notifications: wishes } }),
    isEndless: true,
    signal: at.signal ?? context.http.signal,
  })
  if (!sent.ok) return refused(sent.problem)
  const source = sourceFrom(sent)
  if (source !== null) return { kind: 'open', source: named(source, pair) }
  // It is no stream, so it may not last as long as it likes.
  const { hold, response } = sent
  const { idleSeconds } = link.config
  const late = problemOf('timeout', `took more than ${idleSeconds} seconds to refuse`)
  const bound = setTimeout(() => hold.watchdog.stop(late), idleSeconds * 1_000)
  const read = await readAnswer(response, hold, { id: pair.sent, mostBytes: MOST_REFUSAL_BYTES })
  clearTimeout(bound)
  if (!read.ok) return refused(read.problem)
  const answered = restored(read.message, pair)
  return { kind: 'refused', message: answered, status: read.status, isFinal: true, againInMs: null }
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
  {
    signal,
    eventOf,
    following = null,
  }: {
    readonly signal: AbortSignal
    readonly eventOf: (said: string) => string | null
    readonly following?: Following | null | undefined
  },
): Response {
  const encoder = new TextEncoder()
  const watch = new EventWatch(null)
  let key = following?.key ?? null
  let current: StreamSource | null = null
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null
  let renewals = Promise.resolve()
  const pauses = new Pauses()
  let again: ReturnType<typeof setTimeout> | null = null
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
      const goOver = async (isAgain = false): Promise<boolean> => {
        const renewed = (await following?.renew(isAgain ? undefined : key)) ?? null
        if (renewed === null && isAgain) askAgain(notNow)
        if (renewed === null || renewed === 'same') return false
        const { opened } = renewed
        if (isOver || watch.isInEvent) {
          letGo(opened)
          // Half an event cannot be taken back: the client comes back.
          finish()
          return true
        }
        const [left, before] = [reader, current]
        key = renewed.key
        attach(isSource(opened) ? opened : null)
        left?.cancel().catch(() => {})
        before?.end()
        askAgain(opened)
        return true
      }
      /** Asks for a stream that may come later, one thing after the other. */
      const askAgain = (opened: Opened) => {
        if (again !== null) clearTimeout(again)
        if (isOver || isSource(opened) || opened === 'none') return
        again = setTimeout(() => {
          renewals = renewals
            .then(() => (isOver || reader !== null ? true : goOver(true)))
            .then(() => {}, finish)
        }, pauses.next(opened.againInMs))
      }
      const renew = (otherwise: () => void) => {
        renewals = renewals
          .then(() => goOver())
          .then((isOther) => (isOther ? undefined : otherwise()), finish)
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
      if (following !== null) askAgain(following.opened)
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
    if (again !== null) clearTimeout(again)
    clearInterval(keepAlive)
    closeQuietly(feed)
    reader?.cancel().catch(() => {})
    current?.end()
  }

  return new Response(body, { headers: eventHeaders })
}

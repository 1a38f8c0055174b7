/** Event streams of one upstream server: its own events, and what the gateway itself has to say, in one. */

import { sessionAmong } from '../bridge/mark.ts'
import { listenAcross, streamAcross } from '../bridge/streams.ts'
import type { Passage } from '../gateway/admission.ts'
import { answer } from '../gateway/answer.ts'
import { closeQuietly, openFeed } from '../gateway/feed.ts'
import type { RequestMessage } from '../gateway/message.ts'
import type { FeedMessage } from '../principal/feeds.ts'
import { discard, type Hold, isEventStream, type Sent, send } from '../upstream/http.ts'
import { eventHeaders, messageEvent } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { EventWatch } from '../upstream/watch.ts'
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
    const source = await sourceOf(at, passage.http.headers.get('last-event-id') ?? undefined)
    endWithServer(feed, at, passage)
    return streamOf(feed, source, passage.http.signal, toolsChanged)
  })
}

/** Closes the feed, and with it the stream, once the grant reaches the server no longer, or another one in its place. */
function endWithServer(feed: WebSocket, { upstream, client }: Reached, passage: Passage): void {
  feed.addEventListener('message', ({ data }) => {
    if ((data as FeedMessage) !== 'tools_changed') return
    void reach(passage, upstream.name, client.era, undefined).then(
      (again) => {
        if (!again.ok || again.at.upstream.url !== upstream.url) closeQuietly(feed)
      },
      () => closeQuietly(feed),
    )
  })
}

/** The server's own stream, or null where it has none. */
export async function sourceOf(at: Reached, lastEventId: string | undefined): Promise<StreamSource | null> {
  const session = sessionAmong(at.admitted.upstream)
  if (session === null) return streamAcross(at)
  const sent = await send(at.link, {
    method: 'GET',
    headers: requestHeaders({ client: at.passage.http.headers, session, lastEventId }),
    isEndless: true,
  })
  return sourceFrom(sent)
}

/** Events that come from an upstream. */
export interface StreamSource {
  readonly body: ReadableStream<Uint8Array>
  readonly end: () => void
}

/** A server without a stream answers 405, which is no fault (MCP 2025-11-25, listening for messages). */
export function sourceFrom(sent: Sent): StreamSource | null {
  if (!sent.ok) return null
  const { response, hold } = sent
  if (!response.ok || !isEventStream(response) || response.body === null) {
    discard(response)
    hold.end(null)
    return null
  }
  return { body: response.body, end: () => hold.end(null) }
}

/** `subscriptions/listen` in the stateless era. */
export async function listen(at: Reached, message: RequestMessage): Promise<Response> {
  const { passage, link } = at
  const found = await findPartner(talkAt(at))
  if (!found.ok) return Response.json(rpcFailure(message.id, at.upstream.name, found.problem))
  const { admission, feed } = await openFeed(passage)
  return answer(admission, message.id, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    if (found.partner.era === 'session') return listenAcross(at, message, found.partner, feed)
    const sent = await send(link, {
      method: 'POST',
      headers: requestHeaders({ client: passage.http.headers, stateless: { method: message.method } }),
      body: JSON.stringify(outgoing(message)),
      isEndless: true,
      signal: passage.http.signal,
    })
    if (!sent.ok) {
      closeQuietly(feed)
      return Response.json(rpcFailure(message.id, at.upstream.name, sent.problem))
    }
    if (!isEventStream(sent.response)) {
      closeQuietly(feed)
      return passSmall(sent.response, sent.hold)
    }
    const source = sourceFrom(sent)
    if (source === null) return new Response(null, { status: 502 })
    endWithServer(feed, at, passage)
    return streamOf(feed, source, passage.http.signal, () => toolsChangedFor(message))
  })
}

/** A refusal of the stream: small, and the server's own. */
async function passSmall(response: Response, hold: Hold): Promise<Response> {
  const text = (await response.text().catch(() => '')).slice(0, 64 * 1024)
  hold.end(null)
  return new Response(text, { status: response.status, headers: { 'content-type': 'application/json' } })
}

function toolsChanged(): string {
  return messageEvent({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
}

/** As a subscriber hears it, if that is among what it asked for (MCP 2026-07-28, subscriptions). */
export function toolsChangedFor({ id, body }: RequestMessage): string | null {
  const { notifications } = (body.params ?? {}) as { notifications?: { toolsListChanged?: unknown } }
  if (notifications?.toolsListChanged !== true) return null
  const params = { _meta: { 'io.modelcontextprotocol/subscriptionId': id } }
  return messageEvent({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params })
}

/**
 * One stream of what the principal and the upstream say. It ends with the principal's feed, for what opened it is then no
 * good any more, and with the upstream's stream, so that the client comes back to where that can be resumed.
 */
export function streamOf(
  feed: WebSocket,
  source: StreamSource | null,
  signal: AbortSignal,
  changed: () => string | null,
): Response {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const watch = new EventWatch(null)
  const reader = source?.body.getReader() ?? null
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
      write(': open\n\n')
      keepAlive = setInterval(() => {
        if (!watch.isInEvent) write(': keep-alive\n\n')
      }, KEEP_ALIVE_MS)
      feed.addEventListener('message', ({ data }) => {
        if ((data as FeedMessage) === 'tools_changed') say(changed())
      })
      feed.addEventListener('close', finish)
      feed.addEventListener('error', finish)
      signal.addEventListener('abort', finish)
      if (reader !== null) void pump(reader, controller, finish)
    },
    pull: () => goOn?.(),
    cancel: () => stop(),
  })

  async function pump(
    from: ReadableStreamDefaultReader<Uint8Array>,
    controller: ReadableStreamDefaultController<Uint8Array>,
    finish: () => void,
  ): Promise<void> {
    try {
      for (let read = await from.read(); !read.done && !isOver; read = await from.read()) {
        // A client that reads slowly must not fill our memory with what it has not read.
        if ((controller.desiredSize ?? 1) <= 0) await new Promise<void>((resolve) => (goOn = resolve))
        controller.enqueue(read.value)
        watch.push(decoder.decode(read.value, { stream: true }))
        if (!watch.isInEvent) for (const text of waiting.splice(0)) controller.enqueue(encoder.encode(text))
      }
    } catch {
      // The upstream broke off, or the client did: either way the stream is over.
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
    source?.end()
  }

  return new Response(body, { headers: eventHeaders })
}

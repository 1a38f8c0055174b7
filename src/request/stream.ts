/**
 * Event streams. The Worker holds the client's stream; the principal speaks to it over a WebSocket that
 * hibernates, so that an idle stream keeps no object in memory.
 */
import type { ServerEvent, ServerEventBus } from '@modelcontextprotocol/server'
import type { FeedMessage } from '../contract/feed-messages.ts'
import { answer } from './answer.ts'
import type { RequestContext } from './context.ts'
import { closeQuietly, openFeed } from './feed.ts'
import { sessionEvent } from './feed-events.ts'
import type { RequestMessage } from './message.ts'
import { serveRequest } from './serve.ts'

/** A comment now and then keeps proxies from cutting the stream, and finds out whether the client is still there. */
const KEEP_ALIVE_MS = 15_000

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** GET in the session era: notifications that belong to no request. Ends when the session does. */
export async function openStream(context: RequestContext): Promise<Response> {
  const { admission, feed } = await openFeed(context)
  return answer(admission, null, () => {
    if (feed === null) return new Response(null, { status: 503 })
    return new Response(eventStream(feed, context.http.signal), { headers: streamHeaders })
  })
}

/** `subscriptions/listen` in the stateless era. */
export async function openSubscription(context: RequestContext, message: RequestMessage): Promise<Response> {
  const { admission, feed } = await openFeed(context)
  return answer(admission, message.id, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    const response = await serveRequest(message, context.http, { bus: feedBus(feed) })
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
    if (!isStream || response.body === null) {
      feed.close(1000)
      return response
    }
    return new Response(untilClosed(response.body, feed), {
      status: response.status,
      headers: response.headers,
    })
  })
}

function eventStream(feed: WebSocket, signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let keepAlive: ReturnType<typeof setInterval> | null = null
  const stop = () => {
    clearInterval(keepAlive)
    closeQuietly(feed)
  }
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string) => {
        try {
          controller.enqueue(encoder.encode(text))
        } catch {
          stop()
        }
      }
      const finish = () => {
        stop()
        try {
          controller.close()
        } catch {
          // The client was first.
        }
      }
      write(': open\n\n')
      keepAlive = setInterval(() => write(': keep-alive\n\n'), KEEP_ALIVE_MS)
      feed.addEventListener('message', ({ data }) => {
        const said = sessionEvent(String(data))
        if (said !== null) write(said)
      })
      feed.addEventListener('close', finish)
      feed.addEventListener('error', finish)
      signal.addEventListener('abort', finish)
    },
    cancel: stop,
  })
}

/** The feed as the source of events that the protocol code listens to. */
function feedBus(feed: WebSocket): ServerEventBus {
  const listeners = new Set<(event: ServerEvent) => void>()
  feed.addEventListener('message', ({ data }) => {
    if ((data as FeedMessage) !== 'tools_changed') return
    for (const listener of listeners) listener({ kind: 'tools_list_changed' })
  })
  return {
    publish: (event) => {
      for (const listener of listeners) listener(event)
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) closeQuietly(feed)
      }
    },
  }
}

/** Ends the stream as soon as the feed ends, so that a revoked grant gets nothing more. */
function untilClosed(body: ReadableStream<Uint8Array>, feed: WebSocket): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    start(controller) {
      feed.addEventListener('close', () => {
        void reader.cancel().catch(() => {})
        try {
          controller.close()
        } catch {
          // The client was first.
        }
      })
    },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) closeIfOpen(controller)
      else controller.enqueue(value)
    },
    async cancel(reason) {
      closeQuietly(feed)
      await reader.cancel(reason)
    },
  })
}

function closeIfOpen(controller: ReadableStreamDefaultController<Uint8Array>): void {
  try {
    controller.close()
  } catch {
    // The feed was first.
  }
}

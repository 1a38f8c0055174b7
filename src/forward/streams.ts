/** Event streams of one upstream server, which carry the gateway's own events as well. */
import type { Reached } from '../bridge/conversation.ts'
import { isSource } from '../bridge/stream-source.ts'
import { type FeedMessage, LOGIN_CHANGED } from '../contract/feed-messages.ts'
import type { UpstreamSession } from '../contract/principal.ts'
import { answer } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import { closeQuietly, openFeed } from '../request/feed.ts'
import { sessionEvent } from '../request/feed-events.ts'
import type { RequestMessage } from '../request/message.ts'
import { splitMarked } from '../upstream/event-marks.ts'
import { isSameServer } from '../upstream/server-key.ts'
import { type Following, streamOf } from './event-stream.ts'
import { sourceOf } from './own-stream.ts'
import { reach } from './reached.ts'
import { subscribe, subscriberEvent } from './subscribing.ts'

/** Answers GET in the session era: the messages that the server sends outside of requests. */
export async function openSingleStream(context: RequestContext, server: string): Promise<Response> {
  const last = context.http.headers.get('last-event-id') ?? undefined
  const asker = last === undefined ? null : (splitMarked(last)?.asker ?? null)
  /** Returns the session whose stream the client left, while that is live; else the session of its login. */
  const reachOwn = async () => {
    const named =
      asker === null
        ? null
        : await reach(context, server, { era: 'session', params: undefined, id: null, about: { asker } })
    const isLive = named?.ok === true && named.at.admitted.upstream !== null
    // Refused once is refused: it would be for the same reason.
    if (isLive || named?.ok === false) return named
    return reach(context, server, { era: 'session', params: undefined })
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

/** Names the session with the server that a stream is of; null: there is none. A session without an id is named by the login. */
function keyOf({ admitted: { upstream }, context }: Reached): string | null {
  return upstream === null ? null : (upstream.id ?? `login:${context.login}`)
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

/** Answers `subscriptions/listen` in the stateless era. */
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

/** Event streams of everything that a grant reaches: what the gateway says, and what each server says, in one. */
import { SUBSCRIPTION_ID_META_KEY } from '../base/protocol.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { findPartner } from '../bridge/partner.ts'
import { isWatchable } from '../bridge/watchable.ts'
import { LOGIN_CHANGED } from '../contract/feed-messages.ts'
import { exposeUri, splitUri } from '../names/tools.ts'
import { answer } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import { closeQuietly, openFeed } from '../request/feed.ts'
import { sessionEvent } from '../request/feed-events.ts'
import { known } from '../request/known.ts'
import type { RequestMessage } from '../request/message.ts'
import { splitMarked } from '../upstream/event-marks.ts'
import type { Rewriting } from '../upstream/reception.ts'
import { messageEvent } from '../upstream/reception.ts'
import { forEachServer } from './each-server.ts'
import { reachAll } from './lists.ts'
import { MergedStream } from './many-sources.ts'
import { sourceOf } from './own-stream.ts'
import { partAt, reach } from './reached.ts'
import { rewritingFor, splitEventId } from './rewriting.ts'
import { subscribe, subscriberEvent } from './subscribing.ts'
import { withAllowedResources } from './watched-resources.ts'

/** The principal says this once a session with a server has been opened: its stream can be joined. */
export const UPSTREAM_OPENED = 'upstream:'

/** The time that the acknowledgement of a subscription waits for servers that are still being joined. */
const ACKNOWLEDGED_MS = 1_000

/** GET in the session era. Servers are joined behind it. */
export async function openMergedStream(context: RequestContext): Promise<Response> {
  const { admission, feed } = await openFeed(context)
  return answer(admission, null, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    const merged = new MergedStream(feed, context.http.signal, {
      isHeld: false,
      eventOf: (said) => sessionEvent(said, exposeUri),
    })
    const origin = splitEventId(context.http.headers.get('last-event-id') ?? '')
    const asker = origin === null ? null : (splitMarked(origin.id)?.asker ?? null)
    const join = async (at: Reached, key = at.upstream.name) => {
      const { name } = at.upstream
      const { upstream } = at.admitted
      // A stream that was opened in another login is not this one's.
      if (upstream === null) return merged.leave(key)
      const isOrigin = origin?.server === name && (asker === null || upstream.tag === asker)
      await merged.join(
        at,
        {
          open: sourceOf,
          rewriting: rewritingFor(name, isOrigin ? origin.request : null),
          lastEventId: isOrigin ? origin.id : undefined,
        },
        key,
      )
    }
    /** The rest of a stream in the session of another login than that of the connection, while that is live. */
    const joinOrigin = async (reached: readonly Reached[]) => {
      if (origin === null || asker === null) return
      if (reached.some(({ admitted }) => admitted.upstream?.tag === asker)) return
      const named = await reach(context, origin.server, {
        era: 'session',
        params: undefined,
        id: null,
        about: { asker },
      })
      const key = `${origin.server}~`
      if (named.ok && named.at.admitted.upstream !== null) return join(named.at, key)
      merged.leave(key)
      // The session has ended since. The client goes on listening, so another is opened, and joined once the principal says so.
      const own = reached.find(({ upstream }) => upstream.name === origin.server)
      if (own?.admitted.upstream === null) await findPartner(conversationAt(own))
    }
    merged.hear((message) => {
      if (!message.startsWith(UPSTREAM_OPENED)) return
      const server = message.slice(UPSTREAM_OPENED.length)
      void reach(context, server, { era: 'session', params: undefined })
        .then((reached) => (reached.ok ? joinEach([reached.at], join) : undefined))
        .catch(() => {})
    })
    const joinAll = async () => {
      const reached = await reachAll(context, { era: 'session', params: undefined, id: null })
      // The server's right to the stream cannot be checked any more.
      if (!reached.ok) return closeQuietly(feed)
      merged.keep(reached.all)
      void joinEach(reached.all, join)
      void joinOrigin(reached.all).catch(() => {})
    }
    merged.onChange(joinAll)
    merged.onChange(joinAll, LOGIN_CHANGED)
    // Without servers nobody is asked. A server that is added is announced by the feed.
    if (known(context.presented.key)?.upstreams.size !== 0) joinAll().catch(() => closeQuietly(feed))
    return merged.response()
  })
}

/** Joins each server, none of which keeps another from being joined. */
function joinEach(all: readonly Reached[], join: (at: Reached) => Promise<void>): Promise<unknown> {
  return forEachServer<Reached, void>(all, partAt, join, () => {})
}

/** `subscriptions/listen` in the stateless era. */
export async function listenToAll(context: RequestContext, given: RequestMessage): Promise<Response> {
  const message = await withAllowedResources(context, given, null)
  const { admission, feed } = await openFeed(context)
  return answer(admission, message.id, async () => {
    if (feed === null) return new Response(null, { status: 503 })
    const merged = new MergedStream(feed, context.http.signal, {
      isHeld: true,
      eventOf: subscriberEvent(message),
    })
    let caller: RequestContext['caller'] = null
    const join = (at: Reached) => {
      const { name } = at.upstream
      caller = at.context.caller
      const open = async (server: Reached) => {
        // Opened again long after it was decided; who calls may be another since.
        const mayWatch = (uri: string) => isWatchable({ ...context, caller }, name, uri)
        const subscription = await subscribe(server, ownSubscription(message, name, mayWatch), true)
        if (subscription.kind === 'open') return subscription.source
        return subscription.isFinal ? ('none' as const) : { againInMs: subscription.againInMs }
      }
      return merged.join(at, {
        open,
        rewriting: subscribed(rewritingFor(name, null)),
        lastEventId: undefined,
      })
    }
    /** Settles when what the grant reaches is known; `joined`: when each server was tried once. */
    const joinAll = async (): Promise<{ readonly joined: Promise<unknown> }> => {
      const { params } = message.body
      const reached = await reachAll(context, { era: 'stateless', params, id: message.id })
      if (!reached.ok) {
        closeQuietly(feed)
        return { joined: Promise.resolve() }
      }
      merged.keep(reached.all)
      return { joined: joinEach(reached.all, join) }
    }
    merged.onChange(async () => void (await joinAll()))
    // A client that is told of its subscription relies on it; a slow server is not waited for.
    const soon = new Promise<void>((resolve) => setTimeout(resolve, ACKNOWLEDGED_MS))
    const joined = joinAll().then((all) => all.joined)
    Promise.race([joined, soon]).then(
      () => merged.begin(messageEvent(acknowledged(message))),
      () => closeQuietly(feed),
    )
    return merged.response()
  })
}

/** The notifications that this client is promised: those that it asked for and that somebody here may send. */
function acknowledged({ id, body }: RequestMessage): RpcMessage {
  const { notifications } = (body.params ?? {}) as { notifications?: Record<string, unknown> }
  const params = { notifications: notifications ?? {}, _meta: { [SUBSCRIPTION_ID_META_KEY]: id } }
  return { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params }
}

/** The part of a subscription that one server can serve: its own resources, by its own URIs, as far as they may be watched. */
function ownSubscription(
  message: RequestMessage,
  server: string,
  mayWatch: (uri: string) => boolean,
): RequestMessage {
  const params = (message.body.params ?? {}) as Record<string, unknown>
  const notifications = (params.notifications ?? {}) as { resourceSubscriptions?: unknown }
  const uris = Array.isArray(notifications.resourceSubscriptions) ? notifications.resourceSubscriptions : []
  const own = uris.flatMap((uri) => {
    const found = typeof uri === 'string' ? splitUri(uri) : null
    return found?.server === server && mayWatch(found.uri) ? [found.uri] : []
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
      message.method === 'notifications/subscriptions/acknowledged' ? null : rewriting.message(message),
  }
}

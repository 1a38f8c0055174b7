/** The Worker's part of the messages that a session-era client gets from a server of the stateless era unasked. */
import { errorName, log } from '../base/log.ts'
import { paths, type Subscribe, type WatchFor } from '../contract/exchange.ts'
import { exchangeObjects } from '../contract/objects.ts'
import { MOST_RESOURCES } from '../eras/for-session.ts'
import type { Client } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { ownerOf } from './exchange-call.ts'
import type { StreamSource } from './stream-source.ts'
import { isWatchable } from './watchable.ts'

const LONGEST_URI = 2_048

/**
 * Returns the object for all unasked messages of one server to a transport. It outlasts a login and a logout, as a server's session keeps
 * a client's preferences: a server without sessions keeps nothing in which two accounts could meet.
 */
function objectOf({ presented, transport }: RequestContext, { env, config }: UpstreamLink) {
  const { name, incarnation = '', url } = config
  return exchangeObjects(env, presented.tenant).getByName(
    JSON.stringify([ownerOf(presented), transport, name, incarnation, url]),
  )
}

/** Returns the watched resources there that the policy withholds by now: each subscription tells a server all that is watched. */
async function withheldFrom(context: RequestContext, link: UpstreamLink): Promise<readonly string[]> {
  const response = await objectOf(context, link).fetch(`http://exchange${paths.watched}`, {
    method: 'POST',
    body: '{}',
  })
  const uris = (await response.json()) as readonly string[]
  return uris.filter((uri) => !isWatchable(context, link.config.name, uri))
}

/** Opens the stream, or returns null where that cannot be. */
export async function openWatch(
  context: RequestContext,
  link: UpstreamLink,
  { capabilities, clientInfo }: Client,
): Promise<StreamSource | null> {
  // The object does not notice that a body is let go of; it does notice the signal.
  const abort = new AbortController()
  try {
    const terms: WatchFor = {
      tenant: link.tenant,
      config: link.config,
      hops: link.hops,
      client: { capabilities, clientInfo },
      withheld: await withheldFrom(context, link),
    }
    const { ok, body } = await objectOf(context, link).fetch(`http://exchange${paths.watch}`, {
      method: 'POST',
      body: JSON.stringify(terms),
      signal: abort.signal,
    })
    return ok && body !== null ? { body, end: () => abort.abort() } : null
  } catch (error) {
    log('warn', 'exchange.lost', { tenant: link.tenant, server: link.config.name, error: errorName(error) })
    return null
  }
}

/** Watches a resource, or no longer. Returns why not, or null. */
export async function watchResource(
  context: RequestContext,
  link: UpstreamLink,
  { uri, isWatched }: { readonly uri: string; readonly isWatched: boolean },
): Promise<string | null> {
  if (uri.length > LONGEST_URI)
    return `params.uri: found ${uri.length} characters; allowed: at most ${LONGEST_URI}`
  const kept = await withheldFrom(context, link)
  // That one was decided with this request.
  const withheld = kept.filter((it) => it !== uri)
  const subscribe: Subscribe = { tenant: link.tenant, uri, isWatched, withheld }
  const response = await objectOf(context, link).fetch(`http://exchange${paths.subscribe}`, {
    method: 'POST',
    body: JSON.stringify(subscribe),
  })
  if (response.status === 503)
    return 'The watched resources of the session cannot be stored now; try again later'
  return response.ok
    ? null
    : `A session can watch ${MOST_RESOURCES} resources of a server at once; unsubscribe from some`
}

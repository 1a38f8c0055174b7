/**
 * A client's preferences at a server: resources whose updates it subscribes to, and the level from which it gets log messages. They last
 * as long as its connection or its login. The server keeps them with its session, of which the client knows nothing; therefore they are
 * stored, and sent again in a session that takes the place of another. The principal's call and table say `wish`.
 */
import { isObject } from '../base/json.ts'
import { log } from '../base/log.ts'
import { principalOf } from '../contract/objects.ts'
import type { Preference, Preferences } from '../contract/principal.ts'
import type { SessionNames, UpstreamConfig } from '../contract/upstream.ts'
import { afterAnswer } from '../request/admission.ts'
import type { RequestContext } from '../request/context.ts'
import { decliningIn } from '../upstream/declining.ts'
import { send } from '../upstream/http.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import type { Delivery } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import type { Conversation } from './conversation.ts'
import { isWatchable } from './watchable.ts'

/** The time in which a new session is sent its preferences before it is used; those that are not done by then count as lost. */
const LONGEST_MS = 5_000
const AT_ONCE = 6
const MOST_BYTES = 64 * 1024

/** Returns the preference in a request, where it lasts longer than the answer; null for any other request. */
export function preferenceIn(method: string, params: unknown): Preference | null {
  const { uri, level } = isObject(params) ? params : {}
  switch (method) {
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return typeof uri === 'string'
        ? { kind: 'resource', uri, isWatched: method === 'resources/subscribe' }
        : null
    case 'logging/setLevel':
      return typeof level === 'string' ? { kind: 'level', level } : null
    default:
      return null
  }
}

/**
 * has the principal remember what the client asks of a server, once the server has agreed. Other requests pass unchanged.
 * @param context of a request that was admitted: what is asked is its login's
 */
export function rememberingPreference(
  context: RequestContext,
  upstream: UpstreamConfig,
  { method, params }: { readonly method: string; readonly params?: unknown },
  delivery: Delivery,
): Delivery {
  const preference = preferenceIn(method, params)
  if (preference === null) return delivery
  return {
    ...delivery,
    onEnd: (ending) => {
      delivery.onEnd(ending)
      const isGranted =
        ending.kind === 'answered' && ending.message !== 'cut' && ending.message.result !== undefined
      if (isGranted) rememberPreference(context, upstream, preference)
    },
  }
}

/** `upstream` null: of all servers that the connection reaches. */
export function rememberPreference(
  context: RequestContext,
  upstream: UpstreamConfig | null,
  preference: Preference,
): void {
  const { presented, transport, login } = context
  if (transport === null) return
  afterAnswer(context, (principal) =>
    principal.wishUpstream({
      credential: presented.credential,
      transport,
      login,
      server: upstream?.name ?? null,
      incarnation: upstream?.incarnation ?? '',
      url: upstream?.url ?? '',
      wish: preference,
    }),
  )
}

/** Sends a new session the client's earlier preferences. The client is told of those that the server does not grant again. */
export async function sendPreferences(
  { context, link }: Conversation,
  session: SessionNames,
  { level, uris }: Preferences,
  capabilities: unknown,
): Promise<void> {
  const { logging, resources } = isObject(capabilities) ? capabilities : {}
  const signal = AbortSignal.timeout(LONGEST_MS)
  const ask = (method: string, params: object) => request(link, session, { method, params, signal })
  if (level !== null && isObject(logging)) await ask('logging/setLevel', { level })
  const canWatch = isObject(resources) && resources.subscribe === true
  // A resource that the policy withholds by now, or from the present login, is not asked for again.
  const waiting = uris.filter((uri) => canWatch && isWatchable(context, link.config.name, uri))
  const lost: string[] = uris.filter((uri) => !waiting.includes(uri))
  const work = async () => {
    for (let uri = waiting.shift(); uri !== undefined; uri = waiting.shift())
      if (!(await ask('resources/subscribe', { uri }))) lost.push(uri)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const { transport, presented } = context
  if (lost.length === 0 || transport === null) return
  const server = link.config.name
  log('warn', 'upstream.updates_lost', { tenant: link.tenant, server, resources: lost.length })
  // Before the answer, so that nobody relies on it.
  await principalOf(context)
    .loseUpdates({ credential: presented.credential, transport, server, uris: lost })
    .catch(() => {})
}

async function request(
  link: UpstreamLink,
  session: SessionNames,
  {
    method,
    params,
    signal,
  }: {
    readonly method: string
    readonly params: object
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  const id = crypto.randomUUID()
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: null, session }),
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
    // It goes along with the request that needs the session.
    isAside: true,
    signal,
  })
  if (!sent.ok) return false
  const answer = await readAnswer(sent.response, sent.hold, {
    id,
    mostBytes: MOST_BYTES,
    onRequest: decliningIn(link, session),
  })
  return answer.ok && answer.message.result !== undefined
}

/** All that a grant reaches, behind one URL: `/mcp`. Upstream names carry their server's prefix and find back by it. */
import { isObject } from '../base/json.ts'
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { preferenceIn, rememberPreference } from '../bridge/preferences.ts'
import type { RunningRequest } from '../bridge/running.ts'
import { listSecondsOf } from '../contract/upstream.ts'
import { logLevels } from '../eras/meta.ts'
import { split, splitUri } from '../names/tools.ts'
import { ask } from '../request/admission.ts'
import { answer } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import type { Message, RequestMessage } from '../request/message.ts'
import type { EntryKind } from '../upstream/entries.ts'
import { forEachServer } from './each-server.ts'
import { inquire } from './inquire.ts'
import { listEverything, reachAll } from './lists.ts'
import { addressed, cancel, cancelledBy, passOn } from './pass-on.ts'
import { deliveryOf, outgoing, partAt, reach } from './reached.ts'
import { readUpstream } from './read.ts'
import { readsIn } from './reads.ts'
import { forwardCancellation } from './remote-cancellations.ts'
import { type Concerning, concerning, rewritingFor, splitId } from './rewriting.ts'

const lists: Readonly<Record<string, EntryKind>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
}

/** Answers a request, other than a call of a tool, that upstream servers have a part in; null for one that is the gateway's own. */
export function requestToUpstreams(
  context: RequestContext,
  message: RequestMessage,
): Promise<Response> | null {
  const { method } = message
  const params: Readonly<Record<string, unknown>> = message.body.params ?? {}
  const list = Object.hasOwn(lists, method) ? lists[method] : undefined
  if (list !== undefined) return listEverything(context, message, list)
  switch (method) {
    case 'prompts/get': {
      const named = splitName(params.name)
      return named === null ? null : readAt(context, message, named.server, { ...params, name: named.name })
    }
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe': {
      if (!readsIn(message.era, method)) return null
      const found = typeof params.uri === 'string' ? splitUri(params.uri) : null
      return found === null ? null : readAt(context, message, found.server, { ...params, uri: found.uri })
    }
    case 'completion/complete': {
      const found = ownRef(params.ref)
      return found === null ? null : readAt(context, message, found.server, { ...params, ref: found.ref })
    }
    case 'logging/setLevel':
      // The stateless era has no such method: each request names its own level.
      return message.era === 'session' ? toEveryServer(context, message) : null
    default:
      return null
  }
}

function splitName(name: unknown): { server: string; name: string } | null {
  return typeof name === 'string' ? split(name) : null
}

/** Finds the subject of a completion: a prompt by name, or a resource template by URI (MCP, completion). */
function ownRef(ref: unknown): { server: string; ref: Record<string, unknown> } | null {
  if (!isObject(ref)) return null
  const named = ref.type === 'ref/prompt' ? splitName(ref.name) : null
  if (named !== null) return { server: named.server, ref: { ...ref, name: named.name } }
  const found = ref.type === 'ref/resource' && typeof ref.uri === 'string' ? splitUri(ref.uri) : null
  return found === null ? null : { server: found.server, ref: { ...ref, uri: found.uri } }
}

/** Reads at one server, by its own names. */
function readAt(
  context: RequestContext,
  message: RequestMessage,
  server: string,
  params: Readonly<Record<string, unknown>>,
): Promise<Response> {
  const rewriting = rewritingFor(server, message.id)
  return readUpstream(context, message, {
    server,
    params,
    rewriting,
    unreachable: () => notFound(message, server),
  })
}

function notFound({ era, id, method }: RequestMessage, server: string): Response {
  const isResource = method.startsWith('resources/')
  return refusalResponse(
    {
      status: 200,
      code: isResource && era === 'session' ? codes.resourceNotFound : codes.invalidParams,
      message: `There is no server "${server}" that this grant may reach`,
    },
    id,
  )
}

/**
 * Passes a request on to every server, opening a session where there is none: what is asked holds for later ones, too. It
 * succeeds whatever they say.
 */
async function toEveryServer(context: RequestContext, message: RequestMessage): Promise<Response> {
  const reached = await reachAll(context, { era: message.era, params: message.body.params, id: message.id })
  if (!reached.ok) return reached.response
  await forEachServer<Reached, unknown>(
    reached.all,
    partAt,
    (one) => {
      const at = { ...one, signal: AbortSignal.timeout(listSecondsOf(one.upstream) * 1_000) }
      return inquire(conversationAt(at), outgoing(message), deliveryOf(at, message))
    },
    () => null,
  )
  const preference = preferenceIn(message.method, message.body.params)
  if (preference?.kind === 'level' && logLevels.includes(preference.level))
    rememberPreference(reached.context, null, preference)
  return Response.json({ jsonrpc: '2.0', id: message.id, result: {} })
}

/** Passes on what is not answered. An answer goes to the server that asked; a notification to all that may care. */
export async function tellUpstreams(
  context: RequestContext,
  message: Extract<Message, { kind: 'notification' | 'response' }>,
): Promise<Response> {
  const accepted = () => new Response(null, { status: 202 })
  if (message.kind === 'response') {
    const asked = splitId((message.body as { id?: unknown }).id)
    const own = { ...message, body: { ...message.body, id: asked?.id } as typeof message.body }
    const { about, message: worded } = addressed(context, own)
    const reached = await reach(context, asked?.server ?? '', {
      era: message.era,
      params: undefined,
      id: null,
      about,
    })
    // An answer to nobody is dropped, but only after the principal has been asked.
    if (!reached.ok) return reached.response.status === 404 ? accepted() : reached.response
    return passOn(reached.at, worded, about.asker)
  }
  const one = concerning(message.body.method, message.body.params)
  const cancelled = one === null ? cancelledBy(context, message) : null
  if (cancelled !== null) return cancelAll(context, message, cancelled)
  if (one !== null) return tellOne(context, message, one)
  const { about } = addressed(context, message)
  const reached = await reachAll(context, { era: message.era, params: message.body.params, id: null, about })
  if (!reached.ok) return reached.response
  // Each session has been announced to its server when it was opened.
  if (message.body.method === 'notifications/initialized') return accepted()
  const reachable = reached.all.filter(
    ({ admitted: { upstream, upstreams = [] } }) => upstream !== null || upstreams.length > 0,
  )
  // Nobody waits for a server that is slow to take note.
  context.execution.waitUntil(
    forEachServer<Reached, unknown>(
      reachable,
      partAt,
      (at) => passOn(at, message),
      () => null,
    ),
  )
  return accepted()
}

/** Passes a message about one server's request on to that server. */
async function tellOne(
  context: RequestContext,
  message: Extract<Message, { kind: 'notification' }>,
  { server, params }: Concerning,
): Promise<Response> {
  const accepted = () => new Response(null, { status: 202 })
  if (server === null) return answer(await ask(context, { kind: 'check' }), null, accepted)
  const own = { ...message, body: { ...message.body, params } as typeof message.body }
  const { about, message: worded } = addressed(context, own)
  const reached = await reach(context, server, { era: message.era, params, id: null, about })
  if (!reached.ok) return reached.response.status === 404 ? accepted() : reached.response
  const isLost = about.asker !== undefined && reached.at.admitted.upstream === null
  const passing = passOn(reached.at, worded, about.asker)
  if (isLost) return passing
  // Nobody waits for a server that is slow to take note.
  context.execution.waitUntil(passing)
  return accepted()
}

/** Cancels a request where it is under way, and nowhere else. */
async function cancelAll(
  context: RequestContext,
  message: Extract<Message, { kind: 'notification' }>,
  running: readonly RunningRequest[],
): Promise<Response> {
  const accepted = () => new Response(null, { status: 202 })
  if (running.length === 0)
    return answer(await ask(context, { kind: 'check' }), null, () => {
      forwardCancellation(context, message.body.params)
      return accepted()
    })
  const reached = await Promise.all(
    running.map(async (request) => ({
      request,
      at: await reach(context, request.server, { era: message.era, params: undefined }),
    })),
  )
  const [refusal] = reached.flatMap(({ at }) => (at.ok || at.response.status === 404 ? [] : [at.response]))
  if (refusal !== undefined) return refusal
  // Nobody waits for a server that is slow to take note.
  const cancelled = reached.map(({ request, at }) => (at.ok ? cancel(at.at, request, message) : undefined))
  context.execution.waitUntil(Promise.all(cancelled))
  return accepted()
}

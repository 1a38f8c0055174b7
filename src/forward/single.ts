/** One upstream server alone, at `/mcp/<server>`: its names unchanged, transparent but for policy. */
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Admitted, AskedUpstream } from '../contract/principal.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { problem } from '../errors.ts'
import { acceptsEvents } from '../gateway/accept.ts'
import { admittedIn, askPlanned, type Passage } from '../gateway/admission.ts'
import { answer, refuse } from '../gateway/answer.ts'
import { codes, type RequestId, refusalResponse } from '../gateway/jsonrpc.ts'
import type { Message, RequestMessage } from '../gateway/message.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { callUpstream } from './call.ts'
import { type Client, ownerOf, sessionClient, statelessClient } from './client.ts'
import { type Delivery, deliver, rpcFailure } from './deliver.ts'
import type { Part } from './each-server.ts'
import { tellElsewhere } from './elsewhere.ts'
import { initializeUpstream } from './initialize.ts'
import { discoverUpstream } from './introduce.ts'
import { linkFor } from './link-for.ts'
import { listingOf, listReadable } from './list-readable.ts'
import { listTools } from './list-tools.ts'
import type { Conversation } from './partner.ts'
import { readUpstream } from './read.ts'
import { readsIn } from './reads.ts'
import { listen } from './streams.ts'
import { paramsWithoutTasks } from './tasks.ts'
import { addressed, takeBack, takenBackBy, tell } from './tell.ts'
import { withAllowedResources } from './watched-resources.ts'
import { remembering } from './wishes.ts'

/** What is passed on undecided: it neither acts nor reads. A method that is neither here nor decided is not passed on. */
const passed: ReadonlySet<string> = new Set(['ping', 'logging/setLevel'])

/** Answers one message to `server`. */
export async function dispatchSingle(
  passage: Passage,
  server: string,
  message: Exclude<Message, { kind: 'batch' }>,
  id: RequestId | null,
): Promise<Response> {
  switch (message.kind) {
    case 'refused':
      return refuse(passage, message.refusal, id, message.isCall ? '(request)' : null)
    case 'notification':
    case 'response': {
      const { about, message: told } = addressed(passage, message)
      const params = told.kind === 'notification' ? told.body.params : undefined
      const reached = await reach(passage, server, told.era, params, null, about)
      if (!reached.ok) return reached.response
      if (about.asker !== undefined) return tell(reached.at, told, about.asker)
      const taken = message.kind === 'notification' ? takenBackBy(passage, message) : null
      if (taken === null || message.kind === 'response') return tell(reached.at, message)
      if (taken.length === 0) tellElsewhere(passage, message.body.params)
      const own = taken.filter((request) => request.server === server)
      await Promise.all(own.map((request) => takeBack(reached.at, request, message)))
      return new Response(null, { status: 202 })
    }
    case 'request':
      return dispatchRequest(passage, server, message)
  }
}

async function dispatchRequest(passage: Passage, server: string, message: RequestMessage): Promise<Response> {
  const { method, era } = message
  if (method === 'tools/call') {
    const find = (config: CompiledConfig) => {
      const upstream = config.upstreams.get(server)
      const { name } = message.body.params as { name: string }
      return upstream === undefined ? null : { upstream, tool: name }
    }
    return callUpstream(passage, message, find, null)
  }
  if (readsIn(era, method)) {
    const params: Readonly<Record<string, unknown>> = message.body.params ?? {}
    return readUpstream(passage, message, { server, params, rewriting: null, unreachable })
  }
  if (method === 'initialize' && era === 'session') return initializeUpstream(passage, server, message)
  const reached = await reach(passage, server, era, message.body.params, message.id)
  if (!reached.ok) return reached.response
  const { at } = reached
  if (method === 'tools/list') return listTools(at, message)
  const listed = listingOf(method)
  if (listed !== null) return listReadable(at, message, listed)
  if (method === 'server/discover' && era === 'stateless') return discoverUpstream(at, message)
  if (method === 'subscriptions/listen' && era === 'stateless')
    return listen(at, await withAllowedResources(passage, message, server))
  if (!passed.has(method)) return unknownMethod(message)
  const request = outgoing(message)
  return deliver(talkAt(at), request, remembering(at.passage, at.upstream, request, deliveryOf(at, message)))
}

/** A request that has been admitted, and the server that it is for. */
export interface Reached {
  readonly passage: Passage
  readonly config: CompiledConfig
  readonly upstream: UpstreamConfig
  readonly link: UpstreamLink
  readonly admitted: Admitted
  readonly client: Client
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal
}

/** Asks the principal for a request that the policy has no say in, and finds its server. */
export async function reach(
  passage: Passage,
  server: string,
  era: Client['era'],
  params: unknown,
  id: RequestId | null = null,
  about: Omit<AskedUpstream, 'server' | 'owner'> = {},
): Promise<
  { readonly ok: true; readonly at: Reached } | { readonly ok: false; readonly response: Response }
> {
  const owner = era === 'session' ? null : ownerOf(statelessClient(params))
  const { admission, config } = await askPlanned(passage, (current) => ({
    intent: { kind: 'check' } as const,
    upstream: current.upstreams.has(server) ? { server, owner, ...about } : null,
  }))
  if (admission.kind !== 'admitted' || config === null)
    return { ok: false, response: await answer(admission, id, unreachable) }
  const upstream = config.upstreams.get(server)
  if (upstream === undefined) return { ok: false, response: unreachable() }
  const { admitted } = admission
  const link = await linkFor(passage, admitted.tenant, upstream)
  if ('failure' in link) {
    const response =
      id === null ? new Response(null, { status: 202 }) : Response.json(rpcFailure(id, server, link))
    return { ok: false, response }
  }
  const client = era === 'session' ? sessionClient(admitted) : statelessClient(params)
  const within = admittedIn(passage, admitted)
  return { ok: true, at: { passage: within, config, upstream, link, admitted, client } }
}

/** The same words for a server that does not exist and one that this grant may not reach. */
export function unreachable(): Response {
  return problem(404, 'Not found', 'There is no server of this name that this grant may reach.')
}

export function talkAt({ passage, client, link, admitted, signal }: Reached): Conversation {
  return { passage, client, link, known: admitted.upstream, signal }
}

/** Whose part of the work for several servers it is. */
export function partAt({ link, upstream }: Reached): Part {
  return { tenant: link.tenant, server: upstream.name }
}

export function outgoing({ id, method, body }: RequestMessage) {
  const { params } = body
  return {
    jsonrpc: '2.0',
    id,
    method,
    ...(params === undefined ? {} : { params: paramsWithoutTasks(params) }),
  } as const
}

/** How a request that is no call is answered where its server gives no answer. */
export function deliveryOf({ passage, upstream }: Reached, { id }: RequestMessage): Delivery {
  return {
    acceptsEvents: () => acceptsEvents(passage.http),
    gone: passage.http.signal,
    failure: (why) => rpcFailure(id, upstream.name, why),
    onEnd: () => {},
    rewriting: null,
  }
}

export function unknownMethod({ era, id, method }: RequestMessage): Response {
  const status = era === 'stateless' ? 404 : 200
  const refusal = { status, code: codes.methodNotFound, message: `Method not found: ${method}` }
  return refusalResponse(refusal, id)
}

/** A request that has been admitted for one server: finds the server, and says how its answer is delivered. */

import { problem } from '../base/errors.ts'
import { codes, type RequestId, refusalResponse } from '../base/jsonrpc.ts'
import type { Reached } from '../bridge/conversation.ts'
import type { AskedUpstream } from '../contract/principal.ts'
import { refusalRules } from '../contract/refusal-rules.ts'
import { acceptsEvents } from '../request/accept.ts'
import { admittedIn, askPlanned } from '../request/admission.ts'
import { answer } from '../request/answer.ts'
import type { Client } from '../request/client.ts'
import { ownerOf, sessionClient, statelessClient } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import { concludeRefused } from '../request/decided.ts'
import type { RequestMessage } from '../request/message.ts'
import { paramsWithoutTasks } from '../request/tasks.ts'
import { linkFor } from '../upstream/link.ts'
import type { Delivery } from '../upstream/reception.ts'
import { rpcFailure } from './deliver.ts'
import type { Part } from './each-server.ts'

/** Asks the principal for a request that the policy has no say in, and finds its server. */
export async function reach(
  context: RequestContext,
  server: string,
  {
    era,
    params,
    id = null,
    about = {},
  }: {
    readonly era: Client['era']
    readonly params: unknown
    readonly id?: RequestId | null | undefined
    readonly about?: Omit<AskedUpstream, 'server' | 'owner'> | undefined
  },
): Promise<
  { readonly ok: true; readonly at: Reached } | { readonly ok: false; readonly response: Response }
> {
  const owner = era === 'session' ? null : ownerOf(statelessClient(params))
  const { admission, config } = await askPlanned(context, (current) => ({
    intent: { kind: 'check' } as const,
    upstream: current.upstreams.has(server) ? { server, owner, ...about } : null,
  }))
  if (admission.kind !== 'admitted' || config === null)
    return { ok: false, response: await answer(admission, id, unreachable) }
  const upstream = config.upstreams.get(server)
  if (upstream === undefined) {
    concludeRefused(context, refusalRules.unknownServer)
    return { ok: false, response: unreachable() }
  }
  const { admitted } = admission
  const link = await linkFor(context, admitted.tenant, upstream)
  if ('failure' in link) {
    const response =
      id === null ? new Response(null, { status: 202 }) : Response.json(rpcFailure(id, server, link))
    return { ok: false, response }
  }
  const client = era === 'session' ? sessionClient(admitted) : statelessClient(params)
  const within = admittedIn(context, admitted)
  return { ok: true, at: { context: within, config, upstream, link, admitted, client } }
}

/** The same words for a server that does not exist and one that this grant may not reach. */
export function unreachable(): Response {
  return problem(404, 'Not found', 'There is no server of this name that this grant may reach.')
}

/** The server's part in work for several servers. */
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

/** The delivery of a request that is no call, with the answer where its server gives none. */
export function deliveryOf({ context, upstream }: Reached, { id }: RequestMessage): Delivery {
  return {
    acceptsEvents: () => acceptsEvents(context.http),
    gone: context.http.signal,
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

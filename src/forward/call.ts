/** A tool of an upstream server, as a call of it differs from others (call/life.ts). */
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { RpcMessage } from '../base/rpc.ts'
import { continueExchange } from '../bridge/exchange-call.ts'
import { isOwnState } from '../call/approval-continuation.ts'
import type { CallTool } from '../call/life.ts'
import { settling, type UnderWay } from '../call/settle.ts'
import type { Admitted } from '../contract/principal.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { acceptsEvents } from '../request/accept.ts'
import { type Admission, admittedIn, drainLater } from '../request/admission.ts'
import { type Client, sessionClient, statelessClient } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { paramsWithoutTasks } from '../request/tasks.ts'
import { failure, withoutStructure } from '../servers/kit/result.ts'
import { linkFor } from '../upstream/link.ts'
import { codeOf, describe } from '../upstream/problem.ts'
import type { Delivery, Rewriting } from '../upstream/reception.ts'
import {
  type Asked,
  asListed,
  check,
  type FoundUpstream,
  type FreshList,
  find,
  forwardedMeta,
  type ReadyUpstream,
} from './call-plan.ts'
import { deliver, refused } from './deliver.ts'
import { listAfresh } from './listed.ts'
import { rewritingFor } from './rewriting.ts'
import { type NamedTool, type Target, targetOf } from './target.ts'

type UpstreamTool = CallTool<FoundUpstream, ReadyUpstream>
type Headers = Readonly<Record<string, string>>

/** The tool that a call is of where an upstream server is named. */
export function upstreamTool(
  context: RequestContext,
  message: RequestMessage,
  named: NamedTool,
  fresh: FreshList | null = null,
): UpstreamTool {
  const { name } = message.body.params as { name: string }
  return {
    context,
    name,
    find: (config, isEarly) => {
      const target = targetOf(asListed(config, fresh), named)
      return find({ context, message, target, config, isEarly, fresh })
    },
    check: (found) => check(found, message),
    relisted: async (admission, config) => {
      const target = targetOf(config, named)
      if (target === null) return null
      const asked = await askForList({ context, message, target, config }, admission)
      return asked === null ? null : upstreamTool(context, message, named, asked)
    },
    perform: (ready, call, headers) =>
      perform(message, ready, call, {
        headers,
        rewriting: named.isMerged ? rewritingFor(named.server, message.id) : null,
      }),
    put: (result, headers) =>
      Response.json(resultMessage(message, withoutStructure(result)), { headers: { ...headers } }),
  }
}

/** Has the server of a tool that is in no list that is known give a fresh one; null where the call is answered without. */
async function askForList(
  {
    context,
    message,
    target,
    config,
  }: Pick<Asked, 'context' | 'message' | 'config'> & { readonly target: Target },
  admission: Admission,
): Promise<FreshList | null> {
  if (admission.kind !== 'admitted') {
    // It is asked again as what it is, so that it is on record; the principal says the same.
    const { kind } = admission
    const isShut = kind === 'suspended' || kind === 'dead_session' || kind === 'dead_handle'
    return isShut ? { target, said: null } : null
  }
  const { admitted } = admission
  const client = clientOf(message, admitted)
  const asker = { context: admittedIn(context, admitted), message, config, client, admitted }
  return { target, said: await listAfresh(asker, target) }
}

function clientOf(message: RequestMessage, admitted: Admitted): Client {
  return message.era === 'session' ? sessionClient(admitted) : statelessClient(message.body.params)
}

async function perform(
  message: RequestMessage,
  { target, args, isContinued }: ReadyUpstream,
  call: UnderWay,
  { headers, rewriting }: { readonly headers: Headers; readonly rewriting: Rewriting | null },
): Promise<Response> {
  const { context, admitted } = call
  const { upstream } = target
  if (admitted.drain) drainLater(context)
  const client = clientOf(message, admitted)
  const delivery: Delivery = {
    acceptsEvents: () => acceptsEvents(context.http),
    gone: context.http.signal,
    failure: (problem) => failed(message, upstream.name, problem),
    onEnd: settling(call),
    headers,
    rewriting,
  }
  const link = await linkFor(context, admitted.tenant, upstream)
  if ('failure' in link) return refused(link, delivery)
  const given = message.body.params as Record<string, unknown>
  const own = given.arguments === undefined ? {} : { arguments: args }
  const params = forwardedParams(target.tool, { ...given, ...own })
  const request = { jsonrpc: '2.0', id: message.id, method: 'tools/call', params } as const
  const conversation = { context: admittedIn(context, admitted), client, link, known: admitted.upstream }
  // Never to the server itself: nothing was charged.
  return isContinued
    ? continueExchange(conversation, request, delivery)
    : deliver(conversation, request, delivery)
}

/** The fields of `params` that MCP knows: what the policy has not looked at must not mean anything to the tool. */
const forwarded = ['arguments', 'inputResponses', 'requestState'] as const

function forwardedParams(
  tool: string,
  params: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const outgoing: Record<string, unknown> = { name: tool }
  // What was said to a question of the gateway's own is not for the server.
  const isOwn = isOwnState(params.requestState)
  for (const field of forwarded) {
    const isAnswer = field === 'inputResponses' || field === 'requestState'
    if (params[field] !== undefined && !(isOwn && isAnswer)) outgoing[field] = params[field]
  }
  const meta = forwardedMeta(params)
  if (meta !== null) outgoing._meta = meta
  return paramsWithoutTasks(outgoing)
}

/** A result of our own, in the form of the client's era. */
function resultMessage({ era, id }: RequestMessage, result: CallToolResult): RpcMessage {
  return { jsonrpc: '2.0', id, result: era === 'stateless' ? { resultType: 'complete', ...result } : result }
}

function failed(message: RequestMessage, server: string, problem: UpstreamProblem): RpcMessage {
  const { retryAfterSeconds } = problem
  const retry = retryAfterSeconds === null ? {} : { retry_after_seconds: retryAfterSeconds }
  const result = failure(codeOf(problem), describe(server, problem), { server, ...retry })
  return resultMessage(message, withoutStructure(result))
}

/** From a message to the answer of whoever it is for. */
import { isLiteral } from '../base/exact-json.ts'
import { codes, type Refusal, type RequestId } from '../base/jsonrpc.ts'
import { sessionEraVersions } from '../base/revisions.ts'
import { inexactRefusal } from '../call/inexact.ts'
import { runCall } from '../call/life.ts'
import { nativeTool } from '../call/native.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Env } from '../contract/env.ts'
import { isDeployedName } from '../deployment/native-servers.ts'
import { upstreamTool } from '../forward/call.ts'
import { requestToUpstreams, tellUpstreams } from '../forward/everything.ts'
import { clientOf, tooMuchClient } from '../forward/initialize.ts'
import { listenToAll } from '../forward/merged-streams.ts'
import { dispatchSingle } from '../forward/single.ts'
import type { NamedTool } from '../forward/target.ts'
import { split } from '../names/tools.ts'
import { ask, askPlanned } from '../request/admission.ts'
import { answer, refuse, withHeaders } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import type { Message, RequestMessage } from '../request/message.ts'
import { type ServerParts, serveRequest } from '../request/serve.ts'
import { handleIn } from '../request/session-handle.ts'
import { openSubscription } from '../request/stream.ts'
import { listedTools, reachableAt } from '../servers/catalogue.ts'
import { runBatch } from './batch.ts'
import type { Endpoint } from './endpoint-of.ts'

/** Answers one message; also each message of a batch. */
export async function dispatch(
  given: RequestContext,
  endpoint: Endpoint,
  message: Message,
  id: RequestId | null,
): Promise<Response> {
  const context: RequestContext = { ...given, handle: handleIn(message) }
  if (message.kind === 'batch')
    return runBatch(context, message, (part, it, itsId) => dispatch(part, endpoint, it, itsId))
  const unfit = inexactRefusal(context, message)
  // An answer's id is the server's, so an error under it would be taken for one to a request of the client's own.
  if (unfit !== null) return refuse(context, unfit, { id: message.kind === 'request' ? id : null })
  if (message.kind === 'request' && message.method === 'tools/call') return call(context, endpoint, message)
  if (isUpstream(endpoint, context.env)) return dispatchSingle(context, endpoint.server, message, id)
  switch (message.kind) {
    case 'refused':
      return refuse(context, message.refusal, { id, rule: message.isCall ? '(request)' : null })
    case 'notification':
    case 'response':
      if (endpoint.server === null) return tellUpstreams(context, message)
      return answer(await ask(context, { kind: 'check' }), null, () => new Response(null, { status: 202 }))
    case 'request':
      return dispatchRequest(context, endpoint, message)
  }
}

/** Calls a tool: that of an upstream server where the URL or the name says one, else one of the gateway's own. */
function call(context: RequestContext, endpoint: Endpoint, message: RequestMessage): Promise<Response> {
  const { name } = message.body.params as { name: string }
  const { server } = endpoint
  const named = isUpstream(endpoint, context.env)
    ? { server: endpoint.server, name, isMerged: false }
    : server === null
      ? inMergedList(name)
      : null
  return named === null
    ? runCall(message, nativeTool(context, message, server))
    : runCall(message, upstreamTool(context, message, named))
}

function inMergedList(name: string): NamedTool | null {
  const parts = split(name)
  return parts === null ? null : { ...parts, isMerged: true }
}

async function dispatchRequest(
  context: RequestContext,
  endpoint: Endpoint,
  message: RequestMessage,
): Promise<Response> {
  const isAll = endpoint.server === null
  const forwarded = isAll ? requestToUpstreams(context, message) : null
  if (forwarded !== null) return forwarded
  const serve = (serverParts: ServerParts = {}) => serveRequest(message, context.http, serverParts)
  switch (message.method) {
    case 'initialize':
      return message.era === 'session'
        ? initialize(context, endpoint, message, serve)
        : check(context, message, serve)
    case 'server/discover':
      return introduce(context, endpoint, message, serve)
    case 'tools/list': {
      const { admission, config } = await askPlanned(context, () => ({ intent: { kind: 'list' } as const }))
      return answer(admission, message.id, () =>
        serve({ list: () => listTools(config, endpoint, context.env) }),
      )
    }
    case 'subscriptions/listen':
      if (message.era === 'session') return check(context, message, serve)
      if (isLiteral(message.id)) return refuse(context, unnamable(), { id: message.id })
      return isAll ? subscribe(context, message) : openSubscription(context, message)
    case 'resources/read':
      return message.era === 'session' ? resourceNotFound(context, message) : check(context, message, serve)
    default:
      return check(context, message, serve)
  }
}

/** A subscription is named by the id of its request in all that it says, for hours. */
function unnamable(): Refusal {
  const message =
    'id: found a number that JSON parsers write in another way; allowed for a subscription: another number, or a string'
  return { status: 400, code: codes.invalidRequest, message }
}

async function check(context: RequestContext, message: RequestMessage, serve: () => Promise<Response>) {
  return answer(await ask(context, { kind: 'check' }), message.id, serve)
}

/** There are no resources yet. The session era has a code of its own for that (MCP 2025-11-25, resources). */
async function resourceNotFound(context: RequestContext, message: RequestMessage): Promise<Response> {
  const { uri } = (message.body.params ?? {}) as { uri?: unknown }
  const refusal =
    typeof uri === 'string'
      ? { status: 200, code: codes.resourceNotFound, message: 'Resource not found', data: { uri } }
      : { status: 200, code: codes.invalidParams, message: 'params.uri: found nothing; allowed: string' }
  return refuse(context, refusal, { id: message.id })
}

/** A subscription to everything: where no upstream has a part in it, the protocol package serves it. */
async function subscribe(context: RequestContext, message: RequestMessage): Promise<Response> {
  const { admission, config } = await askPlanned(context, () => ({ intent: { kind: 'check' } as const }))
  const hasUpstreams = config !== null && config.upstreams.size > 0
  return answer(admission, message.id, () =>
    hasUpstreams ? listenToAll(context, message) : openSubscription(context, message),
  )
}

/** What the gateway says of itself in the stateless era. */
async function introduce(
  context: RequestContext,
  endpoint: Endpoint,
  message: RequestMessage,
  serve: (serverParts: ServerParts) => Promise<Response>,
): Promise<Response> {
  const { admission, config } = await askPlanned(context, () => ({ intent: { kind: 'check' } as const }))
  return answer(admission, message.id, () => serve(introduction(config, endpoint, context.env)))
}

async function initialize(
  context: RequestContext,
  endpoint: Endpoint,
  message: RequestMessage,
  serve: (serverParts: ServerParts) => Promise<Response>,
): Promise<Response> {
  const params = message.body.params as Record<string, unknown> & { protocolVersion: string }
  const { protocolVersion: asked } = params
  const protocolVersion = sessionEraVersions.includes(asked) ? asked : (sessionEraVersions[0] ?? asked)
  const client = clientOf(params)
  if (client === null) return refuse(context, tooMuchClient(), { id: message.id })
  const { admission, config } = await askPlanned(context, () => ({
    intent: { kind: 'open', protocolVersion, client } as const,
  }))
  return answer(admission, message.id, async ({ outcome }) => {
    const response = await serve(introduction(config, endpoint, context.env))
    return outcome.kind === 'opened'
      ? withHeaders(response, { 'mcp-session-id': outcome.transport })
      : response
  })
}

/** What the gateway says of itself at this URL. */
function introduction(config: CompiledConfig | null, endpoint: Endpoint, env: Env): ServerParts {
  if (config === null) return {}
  return {
    hasUpstreams: endpoint.server === null && config.upstreams.size > 0,
    hasLogin: listTools(config, endpoint, env).some(({ name }) => name === 'auth_login'),
  }
}

function listTools(config: CompiledConfig | null, endpoint: Endpoint, env: Env) {
  return config === null ? [] : listedTools(reachableAt(endpoint.server, config, env), config, env)
}

/** Whether the URL is that of one upstream server; a native one that is off is one that there is not. */
export function isUpstream(endpoint: Endpoint, env: Env): endpoint is Endpoint & { readonly server: string } {
  return endpoint.server !== null && !isDeployedName(env, endpoint.server)
}

/**
 * The life of a request to an MCP endpoint, top to bottom: guard, identify, read, admit, answer.
 */
import { clientIn } from '../audit/client.ts'
import { codes, type Refusal, refusalResponse } from '../base/jsonrpc.ts'
import { sessionEraVersions } from '../base/revisions.ts'
import type { Env } from '../contract/env.ts'
import { refusalRules } from '../contract/refusal-rules.ts'
import { openMergedStream } from '../forward/merged-streams.ts'
import { openSingleStream } from '../forward/streams.ts'
import { acceptsEvents } from '../request/accept.ts'
import { ask, drainLater } from '../request/admission.ts'
import { answer, missingSession, refuse } from '../request/answer.ts'
import { asWritten, nothingLost } from '../request/as-written.ts'
import { readBody } from '../request/body.ts'
import type { RequestContext } from '../request/context.ts'
import { decided } from '../request/decided.ts'
import { countFailure, slowDown } from '../request/failures.ts'
import { guard } from '../request/guard.ts'
import { type HeaderTexts, readHeaders } from '../request/header-texts.ts'
import { presentedIn, unauthorized } from '../request/identity.ts'
import { known } from '../request/known.ts'
import type { MessageHeaders } from '../request/message.ts'
import { loadProtocol } from '../request/protocol.ts'
import { eraOfHeaders, isCall, needsProtocol, readMessage } from '../request/read-message.ts'
import { callHandleIn } from '../request/session-handle.ts'
import { openStream } from '../request/stream.ts'
import { dispatch, isUpstream } from './dispatch.ts'
import type { Endpoint } from './endpoint-of.ts'

/** A request to an MCP endpoint, and what serves it. */
export interface Received {
  readonly http: Request
  readonly env: Env
  readonly execution: ExecutionContext
  readonly requestId: string
}

export async function handle(
  { http, env, execution, requestId }: Received,
  endpoint: Endpoint,
): Promise<Response> {
  const read = readHeaders(http.headers)
  const { texts } = read
  const refusal = guard(http, env, read)
  const headers = messageHeaders(texts)
  const era = eraOfHeaders(headers)
  const nobody = { request: requestId, tenant: null, grant: null, server: null, tool: null, era }
  if (refusal !== null) {
    const rule = refusal.status === 403 ? refusalRules.origin : refusalRules.request
    decided(env, { ...nobody, decision: 'refuse', rule })
    return refusalResponse(refusal, null)
  }

  const presented = await presentedIn(http, endpoint.tenant, env, texts)
  if (presented === null || known(presented.key) === undefined) await slowDown(http, Date.now())
  if (presented === null) {
    const hasToken = texts.has('authorization')
    // Without a token nobody has guessed anything: clients ask like that to learn how to authenticate.
    if (hasToken) await countFailure(http, env, Date.now())
    const rule = hasToken ? refusalRules.token : refusalRules.noToken
    decided(env, { ...nobody, decision: 'refuse', rule })
    return unauthorized(hasToken)
  }

  const isStateless = era === 'stateless'
  const transport = isStateless ? null : (texts.get('mcp-session-id') ?? null)
  const nothing = { handle: null, login: null, caller: null, client: null, lost: nothingLost }
  const context: RequestContext = { http, env, execution, presented, requestId, era, transport, ...nothing }

  switch (http.method) {
    case 'POST':
      return post(context, endpoint, { headers, texts })
    case 'GET':
      return isStateless ? refuse(context, methodNotAllowed('POST')) : get(context, endpoint, headers)
    case 'DELETE':
      return isStateless ? refuse(context, methodNotAllowed('POST')) : remove(context, headers)
    default:
      return refuse(context, methodNotAllowed('GET, POST, DELETE'))
  }
}

async function post(
  given: RequestContext,
  endpoint: Endpoint,
  { headers, texts }: { readonly headers: MessageHeaders; readonly texts: HeaderTexts },
): Promise<Response> {
  const body = await readBody(given.http, given.env, texts)
  if (!body.ok) return refuse(given, body.refusal)
  const written = asWritten(body.text)
  if (needsProtocol(body.value, written, headers)) await loadProtocol()
  const { message, id, lost } = readMessage(body.value, written, headers)
  const context = { ...given, lost, era: message.era }
  if (message.era === 'stateless')
    return dispatch({ ...context, transport: null, client: clientIn(body.value) }, endpoint, message, id)
  if (message.kind === 'refused')
    return refuse({ ...context, handle: message.handle }, message.refusal, {
      id,
      rule: message.isCall ? '(request)' : null,
    })
  const isInitialize = message.kind === 'request' && message.method === 'initialize'
  if (isInitialize) return dispatch({ ...context, transport: null }, endpoint, message, id)
  // Never 404: clients take that for an old kind of server (MCP 2025-03-26, backwards compatibility).
  if (context.transport === null) {
    const named = { ...context, handle: callHandleIn(body.value) }
    return refuse(named, missingSession(), { id, rule: isCall(body.value) ? '(session required)' : null })
  }
  return dispatch(context, endpoint, message, id)
}

async function get(context: RequestContext, endpoint: Endpoint, headers: MessageHeaders): Promise<Response> {
  const refusal = versionRefusal(headers) ?? acceptRefusal(context.http)
  if (refusal !== null) return refuse(context, refusal)
  if (context.transport === null) return refuse(context, missingSession())
  if (isUpstream(endpoint, context.env)) return openSingleStream(context, endpoint.server)
  return endpoint.server === null ? openMergedStream(context) : openStream(context)
}

async function remove(context: RequestContext, headers: MessageHeaders): Promise<Response> {
  const refusal = versionRefusal(headers)
  if (refusal !== null) return refuse(context, refusal)
  if (context.transport === null) return refuse(context, missingSession())
  return answer(await ask(context, { kind: 'close' }), null, ({ drain }) => {
    if (drain) drainLater(context)
    return new Response(null, { status: 200 })
  })
}

function messageHeaders(texts: HeaderTexts): MessageHeaders {
  return {
    protocolVersion: texts.get('mcp-protocol-version') ?? null,
    method: texts.get('mcp-method') ?? null,
    name: texts.get('mcp-name') ?? null,
  }
}

function versionRefusal({ protocolVersion }: MessageHeaders): Refusal | null {
  if (protocolVersion === null || sessionEraVersions.includes(protocolVersion)) return null
  return {
    status: 400,
    code: codes.transport,
    message: `Unsupported MCP-Protocol-Version: ${protocolVersion}; supported: ${sessionEraVersions.join(', ')}`,
  }
}

function acceptRefusal(http: Request): Refusal | null {
  if (acceptsEvents(http)) return null
  return {
    status: 406,
    code: codes.transport,
    message: 'GET opens an event stream: Accept must list text/event-stream',
  }
}

function methodNotAllowed(allow: string): Refusal {
  return { status: 405, code: codes.transport, message: 'Method not allowed', headers: { allow } }
}

/**
 * Speaks MCP for the native servers, in both eras, with the protocol project's own server package. Everything
 * has been decided before: a handler here only hands over what is known.
 */
import type { CallToolResult, ListToolsResult, Server, ServerEventBus } from '@modelcontextprotocol/server'
import { isLiteral, parseExact } from '../base/exact-json.ts'
import { isObject } from '../base/json.ts'
import type { RequestId } from '../base/jsonrpc.ts'
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '../base/protocol.ts'
import type { Era } from '../base/revisions.ts'
import { identity, instructions } from '../base/version.ts'
import type { RequestMessage } from './message.ts'
import { loadProtocol, type Protocol } from './protocol.ts'

/** The parts that the answer may be made of. */
export interface ServerParts {
  readonly list?: () => ListToolsResult['tools']
  readonly call?: () => CallToolResult
  /** Upstream servers are behind the same URL, so that more is offered than the native servers have. */
  readonly hasUpstreams?: boolean
  /** The client has the tools that log in and out, so that they are spoken of. */
  readonly hasLogin?: boolean
  /** Events for a subscription of the stateless era. */
  readonly bus?: ServerEventBus
}

/** Answers one request. */
export async function serveRequest(
  given: RequestMessage,
  http: Request,
  serverParts: ServerParts,
): Promise<Response> {
  const { id } = given
  return isLiteral(id)
    ? withId(await serve(withPlainId(given), http, serverParts), id)
    : serve(given, http, serverParts)
}

/** The protocol code knows JavaScript's numbers alone, so an id that is none of them is kept from it. */
function withPlainId(message: RequestMessage): RequestMessage {
  const body = JSON.parse(JSON.stringify({ ...message.body, id: STAND_IN })) as RequestMessage['body']
  return { ...message, id: STAND_IN, body }
}

const STAND_IN = 'gatehouse-request'

/** The answer under its client's own id. */
async function withId(response: Response, id: RequestId): Promise<Response> {
  const message = parseExact(await response.text())
  const text = JSON.stringify(isObject(message) && message.id === STAND_IN ? { ...message, id } : message)
  return new Response(text, { status: response.status, headers: response.headers })
}

function serve(given: RequestMessage, http: Request, serverParts: ServerParts): Promise<Response> {
  const message = serverParts.call === undefined ? given : { ...given, body: bareCall(given) }
  return message.era === 'stateless'
    ? serveStateless(message, http, serverParts)
    : serveSessionEra(message, http, serverParts)
}

async function serveStateless(
  { body }: RequestMessage,
  http: Request,
  serverParts: ServerParts,
): Promise<Response> {
  const protocol = await loadProtocol()
  const handler = protocol.createMcpHandler(() => server(protocol, serverParts, 'stateless'), {
    legacy: 'reject',
    ...(serverParts.bus === undefined ? {} : { bus: serverParts.bus }),
  })
  return handler.fetch(bare(http), { parsedBody: body })
}

async function serveSessionEra(
  { body }: RequestMessage,
  http: Request,
  serverParts: ServerParts,
): Promise<Response> {
  const protocol = await loadProtocol()
  // A transport a request: the session lives in the principal, never in this isolate's memory.
  const transport = new protocol.WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  const served = server(protocol, serverParts, 'session')
  await served.connect(transport)
  try {
    return await transport.handleRequest(bare(http), { parsedBody: body })
  } finally {
    await served.close()
  }
}

function server(
  protocol: Protocol,
  { list, call, hasUpstreams = false, hasLogin = false }: ServerParts,
  era: Era,
): Server {
  const { ProtocolError, ProtocolErrorCode } = protocol
  // Resources and prompts are lists without an entry yet. No log message is ever sent, whatever the level.
  const capabilities = {
    tools: { listChanged: true },
    resources: hasUpstreams ? { listChanged: true, subscribe: true } : {},
    prompts: hasUpstreams ? { listChanged: true } : {},
    ...(hasUpstreams ? { completions: {} } : {}),
    ...(era === 'session' ? { logging: {} } : {}),
  }
  const served = new protocol.Server(identity, { capabilities, instructions: instructions(hasLogin) })
  served.setRequestHandler('tools/list', (request) => {
    refuseCursor(protocol, request.params?.cursor)
    return { tools: list?.() ?? [] }
  })
  served.setRequestHandler('resources/list', (request) => {
    refuseCursor(protocol, request.params?.cursor)
    return { resources: [] }
  })
  served.setRequestHandler('resources/templates/list', (request) => {
    refuseCursor(protocol, request.params?.cursor)
    return { resourceTemplates: [] }
  })
  served.setRequestHandler('resources/read', (request) => {
    throw new protocol.ResourceNotFoundError(request.params.uri)
  })
  served.setRequestHandler('prompts/list', (request) => {
    refuseCursor(protocol, request.params?.cursor)
    return { prompts: [] }
  })
  served.setRequestHandler('prompts/get', (request) => {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${request.params.name}`)
  })
  served.setRequestHandler('tools/call', () => {
    if (call === undefined)
      throw new ProtocolError(ProtocolErrorCode.InternalError, 'The call was not decided')
    return call()
  })
  return served
}

function refuseCursor({ ProtocolError, ProtocolErrorCode }: Protocol, cursor: string | undefined): void {
  if (cursor === undefined) return
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Unknown cursor: the list has one page')
}

/**
 * A decided call as the protocol code may see it: its name and, in the stateless era, its envelope. Other
 * members were not asked for, and must not make it refuse a call whose work is done.
 */
function bareCall({ era, body }: RequestMessage): RequestMessage['body'] {
  const { name, _meta } = body.params as { name: string; _meta?: Record<string, unknown> }
  const envelope = Object.fromEntries(
    envelopeKeys.map((key) => [key, _meta?.[key]]).filter(([, it]) => it !== undefined),
  )
  return { ...body, params: { name, ...(era === 'stateless' ? { _meta: envelope } : {}) } }
}

const envelopeKeys = [PROTOCOL_VERSION_META_KEY, CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY]

/** The request as the protocol code may see it: the headers that it reads, and neither token nor cookie. */
function bare(http: Request): Request {
  const headers = new Headers({
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  })
  for (const name of ['mcp-protocol-version', 'mcp-method', 'mcp-name']) {
    const value = http.headers.get(name)
    if (value !== null) headers.set(name, value)
  }
  return new Request(http.url, { method: 'POST', headers, signal: http.signal })
}

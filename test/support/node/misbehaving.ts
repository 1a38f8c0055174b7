/**
 * An MCP server written by hand, for both eras, on loopback: so that its bytes are ours to spoil. It keeps what
 * arrived and counts what it did, so that a test can say what reached it and that nothing was done twice.
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Behaviour, executes, respond, rpcError } from './misbehaviour.ts'
import { steadyPort } from './steady-port.ts'

export type { Behaviour, Form } from './misbehaviour.ts'

/** One HTTP request as it arrived, whatever was done with it. */
export interface ReceivedRequest {
  /** HTTP method. */
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON; null where there is none. */
  readonly body: unknown
  /** The JSON-RPC method; null where there is none. */
  readonly rpc: string | null
  /** Unix milliseconds. */
  readonly atMs: number
  /** Whether the client closed the connection before the answer was complete. */
  gaveUp: boolean
}

/** A tool as the server lists it. */
export interface ListedTool {
  readonly name: string
  readonly description?: string
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

/** How tools are listed. `loop`: every page has the same next cursor, forever. */
export interface Listing {
  readonly tools: readonly ListedTool[]
  /** Tools a page; null: all in one. */
  readonly pageSize?: number | null
  readonly loop?: boolean
}

/** What a request is met with, by JSON-RPC method; others are met with `ok`. */
export type Behaviours = Readonly<Record<string, Behaviour>>

export interface MisbehavingServer {
  /** Its MCP endpoint. */
  readonly url: string
  readonly port: number
  /** Everything that has ever arrived, in order. */
  readonly requests: readonly ReceivedRequest[]
  /** What arrived with that JSON-RPC method. */
  received(rpc: string): readonly ReceivedRequest[]
  /** How often `echo` was carried out (or may have been) with that text; without one, with any. */
  executions(text?: string): number
  /** Most tool calls that were open at the same time. */
  mostAtOnce(): number
  /** Live sessions of the session era. */
  sessions(): readonly string[]
  /**
   * From the next request on; what hangs keeps hanging. A function chooses for each request. A call of `echo` can
   * choose for itself: with the argument `behave`, a `Behaviour`.
   */
  behave(behaviours: Behaviours | ((request: ReceivedRequest) => Behaviour)): void
  list(listing: Listing): void
  /** Forgets all sessions: those of now, or from now on each as soon as it was issued. */
  forgetSessions(how: 'once' | 'always'): void
  /** Closes the socket and every connection: from now on connections are refused. */
  down(): Promise<void>
  /** Listens again, on the same port. */
  up(): Promise<void>
  stop(): Promise<void>
}

export interface MisbehavingOptions {
  /** Which eras it speaks; by default both. */
  readonly eras?: { readonly session: boolean; readonly stateless: boolean }
  readonly port?: number
  /** What it says it can besides tools; looked at whenever it says so. */
  readonly capabilities?: Readonly<Record<string, unknown>>
}

export const echoTool: ListedTool = {
  name: 'echo',
  description: 'Says the text again.',
  inputSchema: { type: 'object', properties: { text: { type: 'string' }, behave: { type: 'object' } } },
}

/** So many tools: `echo` and `tool_0001` and so on. */
export function manyTools(count: number): readonly ListedTool[] {
  const others = Array.from({ length: count - 1 }, (_, i) => ({
    name: `tool_${String(i + 1).padStart(4, '0')}`,
    description: `Tool ${i + 1} of many.`,
    inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
  }))
  return [echoTool, ...others]
}

export const SESSION_VERSION = '2025-11-25'
export const STATELESS_VERSION = '2026-07-28'
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
const info = { name: 'misbehaving', version: '1.0.0' }

interface RpcBody {
  readonly id?: unknown
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly uri?: string
    readonly cursor?: string
    readonly protocolVersion?: string
    readonly arguments?: { readonly text?: string; readonly behave?: Behaviour; readonly fails?: true }
    readonly _meta?: Readonly<Record<string, unknown>>
  }
}

/** Starts it, well-behaved. */
export async function startMisbehaving(options: MisbehavingOptions = {}): Promise<MisbehavingServer> {
  const { eras = { session: true, stateless: true } } = options
  const port = options.port ?? (await steadyPort())
  const requests: ReceivedRequest[] = []
  const executed = new Map<string, number>()
  const sessions = new Set<string>()
  let choose: (request: ReceivedRequest) => Behaviour = () => ({ kind: 'ok' })
  let listing: Listing = { tools: [echoTool] }
  let forgets = false
  let issued = 0
  let open = 0
  let most = 0

  const serve = async (http: IncomingMessage, response: ServerResponse) => {
    const text = await readText(http)
    if (text === null) return
    const body = parse(text) as RpcBody | null
    const request: ReceivedRequest = {
      method: http.method ?? '',
      path: http.url ?? '',
      headers: http.headers,
      body,
      rpc: body?.method ?? null,
      atMs: Date.now(),
      gaveUp: false,
    }
    requests.push(request)
    response.on('close', () => {
      request.gaveUp = !response.writableFinished
    })
    await answer(request, body, response)
  }

  const answer = async (request: ReceivedRequest, body: RpcBody | null, response: ServerResponse) => {
    const refuse = (status: number, code: number, message: string, data?: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(rpcError(body?.id, code, message, data)))
    }
    const session = request.headers['mcp-session-id']
    const isStateless = body?.params?._meta?.[VERSION_KEY] !== undefined
    if (request.method === 'DELETE') {
      response.writeHead(typeof session === 'string' && sessions.delete(session) ? 200 : 404).end()
      return
    }
    if (request.method !== 'POST') {
      response.writeHead(405, { allow: 'POST, DELETE' }).end()
      return
    }
    const { method } = body ?? {}
    if (method === undefined) return refuse(400, -32600, 'not a request')
    // Before anything else: what is broken is broken for messages of every kind.
    const behaviour = body?.params?.arguments?.behave ?? choose(request)

    if (isStateless && !eras.stateless) return refuse(400, -32000, 'Bad Request: no valid session ID')
    if (!isStateless && !eras.session) {
      const data = { supported: [STATELESS_VERSION] }
      return refuse(400, -32022, `Unsupported protocol version: ${SESSION_VERSION}`, data)
    }
    const headers: Record<string, string> = {}
    if (!isStateless && method === 'initialize' && executes(behaviour)) {
      issued += 1
      const id = `upstream-session-${port}-${issued}`
      if (!forgets) sessions.add(id)
      headers['mcp-session-id'] = id
    } else if (!isStateless && method !== 'initialize' && method !== 'ping') {
      if (typeof session !== 'string') return refuse(400, -32000, 'Bad Request: Mcp-Session-Id is missing')
      if (!sessions.has(session)) return refuse(404, -32001, 'Session not found')
    }
    if (body?.id === undefined) {
      response.writeHead(behaviour.kind === 'status' ? behaviour.status : 202).end()
      return
    }
    // What is answered word for word needs no method that the server has.
    const result = resultOf(method, body, isStateless) ?? (behaviour.kind === 'raw' ? {} : null)
    if (result === null) return refuse(isStateless ? 404 : 200, -32601, `Method not found: ${method}`)
    const isCall = method === 'tools/call'
    if (isCall && executes(behaviour)) {
      const text = body.params?.arguments?.text ?? ''
      executed.set(text, (executed.get(text) ?? 0) + 1)
    }
    if (isCall) {
      open += 1
      most = Math.max(most, open)
      response.on('close', () => {
        open -= 1
      })
    }
    await respond(
      response,
      { id: body.id, result, headers, progressToken: body.params?._meta?.progressToken },
      behaviour,
    )
  }

  const resultOf = (method: string, { params }: RpcBody, isStateless: boolean) => {
    const capabilities = { tools: { listChanged: true }, ...options.capabilities }
    const list = isStateless ? { ttlMs: 0, cacheScope: 'private' } : {}
    const complete = isStateless ? { resultType: 'complete' } : {}
    switch (method) {
      case 'initialize':
        return isStateless ? null : { protocolVersion: SESSION_VERSION, capabilities, serverInfo: info }
      case 'server/discover':
        if (!isStateless) return null
        return {
          supportedVersions: [STATELESS_VERSION],
          capabilities,
          ...complete,
          ...list,
          _meta: { 'io.modelcontextprotocol/serverInfo': info },
        }
      case 'ping':
        return { ...complete }
      case 'tools/list':
        return { ...page(listing, params?.cursor), ...complete, ...list }
      case 'resources/read':
        return { contents: [{ uri: params?.uri, text: 'read' }], ...complete, ...list }
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return isStateless ? null : {}
      case 'prompts/get':
        return { messages: [{ role: 'user', content: { type: 'text', text: 'got' } }], ...complete }
      case 'completion/complete':
        return { completion: { values: ['done'] }, ...complete }
      case 'tools/call':
        if (params?.arguments?.fails === true)
          return { content: [{ type: 'text', text: 'It failed.' }], isError: true, ...complete }
        return params?.name === 'echo'
          ? { content: [{ type: 'text', text: params.arguments?.text ?? '' }], ...complete }
          : { content: [{ type: 'text', text: `unknown tool ${params?.name}` }], isError: true, ...complete }
      default:
        return null
    }
  }

  const server = createServer((http, response) => void serve(http, response))
  // A client that keeps a connection must not be surprised by its end.
  server.keepAliveTimeout = 0
  const up = async () => {
    if (server.listening) return
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const down = async () => {
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  await up()
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    requests,
    received: (rpc) => requests.filter((request) => request.rpc === rpc),
    executions: (text) =>
      text === undefined ? [...executed.values()].reduce((sum, n) => sum + n, 0) : (executed.get(text) ?? 0),
    mostAtOnce: () => most,
    sessions: () => [...sessions],
    behave: (behaviours) => {
      choose =
        typeof behaviours === 'function'
          ? behaviours
          : ({ rpc }) => behaviours[rpc ?? ''] ?? { kind: 'ok' as const }
    },
    list: (given) => {
      listing = given
    },
    forgetSessions: (how) => {
      sessions.clear()
      forgets = how === 'always'
    },
    down,
    up,
    stop: down,
  }
}

function page({ tools, pageSize = null, loop = false }: Listing, cursor: string | undefined) {
  const from = cursor === undefined || loop ? 0 : Number(cursor)
  const to = pageSize === null ? tools.length : from + pageSize
  const next = loop ? 'again' : to < tools.length ? String(to) : undefined
  return { tools: tools.slice(from, to), ...(next === undefined ? {} : { nextCursor: next }) }
}

/** The body, or null when the connection broke before its end: then nothing arrived. */
async function readText(http: IncomingMessage): Promise<string | null> {
  http.setEncoding('utf8')
  let text = ''
  try {
    for await (const chunk of http) text += String(chunk)
  } catch {
    return null
  }
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

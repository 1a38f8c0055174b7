/**
 * A proxy on loopback between a program and what it talks to, which writes down what passes: methods, headers that MCP
 * gives a meaning, statuses. Never the token, nor what was said. Bodies and streams pass as they come.
 */
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One HTTP request as it passed. */
export interface Passed {
  /** Milliseconds since the proxy was started. */
  readonly atMs: number
  readonly http: string
  readonly path: string
  /** The JSON-RPC method, with the tool of a call; null where there is none. */
  readonly method: string | null
  /** The revision that it names: in its header, its envelope, or `initialize`. */
  readonly revision: string | null
  /** Which of the transports that were opened here it belongs to, from 1; null for none. */
  readonly transport: number | null
  /** Null while there is no answer yet. */
  status: number | null
  /** Whether the client gave it up before it was answered in full. */
  wasDropped: boolean
}

export interface Wire {
  readonly url: string
  readonly passed: readonly Passed[]
  /** `Mcp-Session-Id`s that were given out, in order. */
  readonly transports: readonly string[]
  stop(): Promise<void>
}

/** Starts it in front of `target`, an origin. */
export async function startWire(target: string): Promise<Wire> {
  const passed: Passed[] = []
  const transports: string[] = []
  const startedAtMs = Date.now()
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  })

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await bytesOf(incoming)
    const known = transports.indexOf(String(incoming.headers['mcp-session-id'] ?? ''))
    const said = describe(body)
    const row: Passed = {
      atMs: Date.now() - startedAtMs,
      http: incoming.method ?? '',
      path: new URL(incoming.url ?? '/', target).pathname,
      method: said.method,
      revision: said.revision ?? headerOf(incoming, 'mcp-protocol-version'),
      transport: known < 0 ? null : known + 1,
      status: null,
      wasDropped: false,
    }
    passed.push(row)
    const { host: _, connection: __, 'transfer-encoding': ___, ...headers } = incoming.headers
    const upstream = send(new URL(incoming.url ?? '/', target), {
      method: incoming.method,
      headers: { ...headers, ...(body.length === 0 ? {} : { 'content-length': String(body.length) }) },
    })
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) row.wasDropped = true
      upstream.destroy()
    })
    upstream.on('error', () => outgoing.destroy())
    upstream.on('response', (answer) => {
      row.status = answer.statusCode ?? 0
      const issued = headerOf(answer, 'mcp-session-id')
      if (issued !== null && !transports.includes(issued)) transports.push(issued)
      outgoing.writeHead(row.status, answer.headers)
      outgoing.flushHeaders()
      answer.on('error', () => outgoing.destroy())
      answer.pipe(outgoing)
    })
    upstream.end(body)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    passed,
    transports,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Said {
  readonly method: string | null
  readonly revision: string | null
}

/** What a body asks for, as far as it is JSON-RPC. */
function describe(body: Buffer): Said {
  let message: unknown
  try {
    message = JSON.parse(body.toString('utf8'))
  } catch {
    return { method: null, revision: null }
  }
  const [first, ...more] = Array.isArray(message) ? message : [message]
  const { method, params } = (first ?? {}) as { method?: unknown; params?: Record<string, unknown> }
  if (typeof method !== 'string') return { method: first === undefined ? null : '(answer)', revision: null }
  const meta = params?._meta as Record<string, unknown> | undefined
  const named =
    method === 'initialize' ? params?.protocolVersion : meta?.['io.modelcontextprotocol/protocolVersion']
  const tool = method === 'tools/call' ? ` ${String(params?.name)}` : ''
  return {
    method: `${method}${tool}${more.length === 0 ? '' : ` (and ${more.length} more)`}`,
    revision: typeof named === 'string' ? named : null,
  }
}

function headerOf({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' ? value : null
}

async function bytesOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** A line of a trace. */
export function traceLine({
  atMs,
  http,
  method,
  revision,
  transport,
  status,
  wasDropped,
  path,
}: Passed): string {
  const at = `${(atMs / 1000).toFixed(2)} s`.padStart(9)
  const whose = transport === null ? '' : ` [transport ${transport}]`
  const about = revision === null ? '' : ` (${revision})`
  const how = status === null ? 'no answer' : String(status)
  const dropped = wasDropped ? ', dropped by the client' : ''
  return `${at} ${http} ${method ?? path}${about}${whose} -> ${how}${dropped}`
}

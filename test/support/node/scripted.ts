/** An MCP server that is well, except where a test answers a request itself. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Era, RpcMessage } from './mcp-agent.ts'

export interface ScriptedRequest {
  readonly http: string
  readonly headers: IncomingHttpHeaders
  /** Null for a GET or a DELETE. */
  readonly body: RpcMessage | null
  /** The body as it was written. */
  readonly text: string
}

export interface ScriptedServer {
  readonly url: string
  /** All that came, in order. */
  readonly requests: readonly ScriptedRequest[]
  /** Those with this method of HTTP or of MCP. */
  received(method: string): readonly ScriptedRequest[]
  stop(): Promise<void>
}

/** Answers a request, or returns false for one that is to be answered as usual. */
export type Script = (request: ScriptedRequest, response: ServerResponse) => boolean

/** Begins an event stream. */
export function stream(response: ServerResponse, ...messages: readonly object[]): true {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(': open\n\n')
  for (const message of messages) response.write(`data: ${JSON.stringify(message)}\n\n`)
  return true
}

/** Starts one of the given era, with the tool `echo`. */
export async function startScripted(era: Era, script: Script): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = []
  let sessions = 0
  const answer = (request: ScriptedRequest, response: ServerResponse) => {
    const { http, body } = request
    const say = (message: object, status = 200, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: body?.id ?? null, ...message }))
    }
    if (http !== 'POST') return void response.writeHead(http === 'GET' ? 405 : 200).end()
    if (body?.id === undefined) return void response.writeHead(202).end()
    const isOther = body.method === (era === 'session' ? 'server/discover' : 'initialize')
    if (isOther && era === 'session') return say({ error: { code: -32_000, message: 'No session' } }, 400)
    if (isOther) return say({ error: { code: -32_022, message: 'Unsupported version' } }, 400)
    // Whatever a script may answer.
    const capabilities = {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
    }
    switch (body.method) {
      case 'server/discover':
        return say({
          result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities },
        })
      case 'initialize': {
        sessions += 1
        const serverInfo = { name: 'scripted', version: '1' }
        const result = { protocolVersion: '2025-11-25', capabilities, serverInfo }
        return say({ result }, 200, { 'mcp-session-id': `session-${sessions}` })
      }
      case 'tools/list':
        return say({ result: { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] } })
      case 'tools/call':
        return say({ result: { content: [{ type: 'text', text: 'echo' }] } })
      default:
        return say({ error: { code: -32_601, message: 'Method not found' } })
    }
  }
  const server = createServer(async (http, response) => {
    let text = ''
    for await (const piece of http.setEncoding('utf8')) text += String(piece)
    const body = text === '' ? null : (JSON.parse(text) as RpcMessage)
    const request = { http: http.method ?? '', headers: http.headers, body, text }
    requests.push(request)
    if (!script(request, response)) answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    requests,
    received: (method) => requests.filter(({ http, body }) => http === method || body?.method === method),
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

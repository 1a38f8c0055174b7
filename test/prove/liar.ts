/**
 * A server of both eras on loopback with many lanes, `/<lane>/mcp`, each of which tells the lies that it is told to and is honest
 * otherwise. It remembers which calls arrived.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readJson } from '../support/read-json.ts'
import { ID, type Lie } from './lies.ts'

export interface Lane {
  /** What is said to each method; the others are answered honestly. */
  lies: Readonly<Record<string, Lie>>
  /** Calls that arrived: name and arguments as they were, and the text of the whole message. */
  readonly calls: Call[]
  /** How many lies were told. */
  told: number
}

export interface Call {
  readonly name: unknown
  readonly arguments: unknown
  readonly text: string
}

export interface Liar {
  readonly url: (lane: number) => string
  readonly lane: (lane: number) => Lane
  stop(): Promise<void>
}

interface Body {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
}

/** Starts it. `name` is what its honest answers say. */
export async function startLiar(name: string, tools: readonly string[] = ['echo', 'drop']): Promise<Liar> {
  const lanes = new Map<number, Lane>()
  const laneOf = (number: number) => {
    const lane = lanes.get(number) ?? { lies: {}, calls: [], told: 0 }
    lanes.set(number, lane)
    return lane
  }
  const server = createServer(async (http, response) => {
    try {
      let text = ''
      for await (const piece of http.setEncoding('utf8')) text += String(piece)
      const lane = laneOf(Number(http.url?.split('/')[1]))
      if (http.method !== 'POST') return void response.writeHead(http.method === 'GET' ? 405 : 200).end()
      const body = JSON.parse(text) as Body
      if (body.method === 'tools/call')
        lane.calls.push({ ...(readJson(text) as { params?: object }).params, text } as Call)
      if (body.id === undefined || body.method === undefined) return void response.writeHead(202).end()
      const lie = lane.lies[body.method]
      if (lie === undefined) return answer(name, tools, body, response)
      lane.told += 1
      await tell(lie, body, response)
    } catch {
      response.destroy()
    }
  })
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: (lane) => `http://127.0.0.1:${port}/${lane}/mcp`,
    lane: laneOf,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** An honest answer. */
function answer(
  name: string,
  tools: readonly string[],
  { id, method = '', params }: Body,
  response: ServerResponse,
): void {
  const capabilities = { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} }
  const serverInfo = { name, version: '1' }
  const more = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
  const results: Readonly<Record<string, object>> = {
    initialize: { protocolVersion: '2025-11-25', capabilities, serverInfo },
    'server/discover': { ...more, supportedVersions: ['2026-07-28'], capabilities, serverInfo },
    ping: {},
    'logging/setLevel': {},
    'tools/list': {
      ...more,
      tools: tools.map((tool) => ({ name: tool, inputSchema: { type: 'object' } })),
    },
    'tools/call': {
      ...more,
      content: [{ type: 'text', text: `${name}: ${JSON.stringify(params?.arguments)}` }],
    },
    'prompts/list': { ...more, prompts: [{ name: 'ask' }] },
    'prompts/get': { ...more, messages: [] },
    'resources/list': { ...more, resources: [{ name: 'one', uri: 'a:one' }] },
    'resources/templates/list': { ...more, resourceTemplates: [{ name: 't', uriTemplate: 'a:{b}' }] },
    'resources/read': { ...more, contents: [{ uri: 'a:one', text: name }] },
    'completion/complete': { ...more, completion: { values: [] } },
  }
  const result = results[method]
  const session = method === 'initialize' ? { 'mcp-session-id': crypto.randomUUID() } : {}
  response.writeHead(200, { 'content-type': 'application/json', ...session })
  const said = result === undefined ? { error: { code: -32_601, message: 'Method not found' } } : { result }
  response.end(JSON.stringify({ jsonrpc: '2.0', id, ...said }))
}

async function tell(lie: Lie, { id, method }: Body, response: ServerResponse): Promise<void> {
  const own = JSON.stringify(id)
  const messages = lie.messages.map((text) =>
    text.replaceAll(ID, own).replaceAll('$ID', typeof id === 'string' ? id : own),
  )
  const head = lie.lines.map((line) => `${line.replaceAll('$ID', String(id))}\n`).join('')
  const body =
    lie.form === 'json' ? messages.join('') : messages.map((text) => `${head}data: ${text}\n\n`).join('')
  response.writeHead(lie.status, {
    ...(lie.type === null ? {} : { 'content-type': lie.type }),
    ...(method === 'initialize' ? { 'mcp-session-id': crypto.randomUUID() } : {}),
    ...(lie.status >= 300 && lie.status < 400 ? { location: 'http://127.0.0.1:1/' } : {}),
  })
  if (lie.end === 'whole') return void response.end(body)
  const cut = body.slice(0, Math.floor(body.length * 0.7))
  if (lie.end === 'proper') return void response.end(cut)
  if (cut === '') response.flushHeaders()
  else response.write(cut)
  if (lie.end === 'hang') return
  await new Promise((resolve) => setImmediate(resolve))
  if (lie.end === 'reset') response.socket?.resetAndDestroy()
  else response.destroy()
}

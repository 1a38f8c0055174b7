/**
 * A server whose results say something else in each of their parts, so that what a program shows its model can be told:
 * two blocks of text and a structure. It keeps nothing and has no sessions (MCP 2025-11-25, Streamable HTTP).
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What stands in each part. */
export const parts = { first: 'alpha-block', second: 'beta-block', structure: 'gamma-structure' } as const

const schema = { type: 'object', properties: {}, additionalProperties: false }
const tool = (name: string) => ({
  name,
  description: 'Says something else in each part of its result',
  inputSchema: schema,
})
/** On the second page of its list, which not every client asks for. */
export const ON_SECOND_PAGE = 'shows_itself_late'

export async function startShapes(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    void bodyOf(request).then((message) => {
      const result = message === null ? undefined : answerTo(message)
      response.writeHead(request.method !== 'POST' ? 405 : result === undefined ? 202 : 200, {
        'content-type': 'application/json',
      })
      response.end(result === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id: message?.id, ...result }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: { readonly name?: string; readonly cursor?: string }
}

function answerTo({ id, method, params }: Message): object | undefined {
  if (id === undefined) return undefined
  switch (method) {
    case 'initialize': {
      const serverInfo = { name: 'shapes', version: '1' }
      return { result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo } }
    }
    case 'ping':
      return { result: {} }
    case 'tools/list':
      return params?.cursor === undefined
        ? { result: { tools: [tool('says'), tool('fails')], nextCursor: 'second' } }
        : { result: { tools: [tool(ON_SECOND_PAGE)] } }
    case 'tools/call': {
      const content = [parts.first, parts.second].map((text) => ({ type: 'text', text }))
      const structuredContent = { said: parts.structure }
      return { result: { content, structuredContent, isError: params?.name === 'fails' } }
    }
    default:
      return { error: { code: -32_601, message: 'Method not found' } }
  }
}

async function bodyOf(request: IncomingMessage): Promise<Message | null> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Message
  } catch {
    return null
  }
}

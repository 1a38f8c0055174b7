/**
 * The stand-in for a model, on loopback: it speaks what each program's provider speaks, and says what its script says.
 * A request without tools is a program's own business (a title, a quota): it is answered at once.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { anthropic } from './anthropic.ts'
import { chat } from './chat.ts'
import { gemini } from './gemini.ts'
import type { Answer, Json, Provider } from './provider.ts'
import { responses } from './responses.ts'
import { Script } from './script.ts'

const providers: readonly Provider[] = [anthropic, responses, chat, gemini]

export interface Model {
  /** Without a path. */
  readonly url: string
  readonly script: Script
  /** Paths that nobody here speaks for, for the report of a run. */
  readonly unknown: readonly string[]
  stop(): Promise<void>
}

/**
 * Starts it.
 *
 * @param mark part of the name of a tool that only the request to lead has among its tools
 */
export async function startModel(mark: RegExp): Promise<Model> {
  const script = new Script()
  const unknown: string[] = []
  const server = createServer((request, response) => {
    answer(script, mark, request, response, unknown).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: { message: String(error) } }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    script,
    unknown,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(
  script: Script,
  mark: RegExp,
  request: IncomingMessage,
  response: ServerResponse,
  unknown: string[],
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname
  const body = await jsonOf(request)
  const provider = request.method === 'POST' ? providers.find((it) => it.matches(path)) : undefined
  if (provider === undefined) {
    unknown.push(`${request.method} ${path}`)
    return write(response, {
      kind: 'document',
      document: { data: [], models: [], input_tokens: 10, totalTokens: 10 },
    })
  }
  const asked = provider.read(body)
  const said = asked.tools.some((name) => mark.test(name))
    ? await script.take(asked)
    : ({ kind: 'text', text: 'Done.' } as const)
  write(response, provider.write(said, body, path))
}

function write(response: ServerResponse, answered: Answer): void {
  if (answered.kind === 'document') {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answered.document))
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  for (const { event, data } of answered.events) {
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    response.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`)
  }
  response.end()
}

async function jsonOf(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Json
  } catch {
    return {}
  }
}

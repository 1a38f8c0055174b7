/**
 * Legiti as the gateway sees it: a real HTTP server on loopback that keeps every request, answers as told, and
 * can be down. What it received outlives its downtime.
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { steadyPort } from './steady-port.ts'

/**
 * `ok`: 201 to POST, 200 otherwise. `slow`: the same, after a second. `fail`: 503. `reject`: 400, this event is
 * wrong. `refuse`: 401, the key is wrong. `hang`: takes the request and never answers.
 */
export type Behaviour = 'ok' | 'slow' | 'fail' | 'reject' | 'refuse' | 'hang'

/** One request as it arrived. */
export interface LegitiRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON, the text where it is not JSON, null when there is none. */
  readonly body: unknown
  /** When its last byte arrived, Unix milliseconds. */
  readonly atMs: number
  /** What it was answered, or null while (or because) it was not. */
  status: number | null
  /** When it was answered, Unix milliseconds, or null. */
  answeredAtMs: number | null
}

export interface FakeLegiti {
  readonly url: string
  /** Everything that has ever arrived, in order. */
  readonly requests: readonly LegitiRequest[]
  /** What arrived and was answered 2xx, in order. */
  accepted(): LegitiRequest[]
  /** From the next request on; one that hangs keeps hanging. A function chooses for each request. */
  behave(behaviour: Behaviour | ((request: LegitiRequest) => Behaviour)): void
  /** Closes the socket and every connection: from now on connections are refused. */
  down(): Promise<void>
  /** Listens again, on the same port; nothing changes when it does already. */
  up(): Promise<void>
  stop(): Promise<void>
}

const SLOW_MS = 1_000

const refusals: Readonly<Partial<Record<Behaviour, { status: number; body: Record<string, string> }>>> = {
  fail: { status: 503, body: { message: 'told to fail' } },
  reject: { status: 400, body: { error_message: 'told to reject', error_code: 'rejected' } },
  refuse: { status: 401, body: { message: 'told to refuse the key' } },
}

/** Starts it, on `port` or on a free one. */
export async function startFakeLegiti(options: { port?: number } = {}): Promise<FakeLegiti> {
  const port = options.port ?? (await steadyPort())
  const requests: LegitiRequest[] = []
  let behave: (request: LegitiRequest) => Behaviour = () => 'ok'

  const serve = async (http: IncomingMessage, response: ServerResponse) => {
    const text = await readText(http)
    if (text === null) return
    const { method = '', url = '', headers } = http
    const request: LegitiRequest = {
      method,
      path: url,
      headers,
      body: parse(text),
      atMs: Date.now(),
      status: null,
      answeredAtMs: null,
    }
    requests.push(request)
    const behaviour = behave(request)
    if (behaviour === 'hang') return
    if (behaviour === 'slow') await wait(SLOW_MS)
    const answer = refusals[behaviour] ?? { status: method === 'POST' ? 201 : 200, body: {} }
    if (response.destroyed) return
    request.status = answer.status
    request.answeredAtMs = Date.now()
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.body))
  }

  const server = createServer((http, response) => void serve(http, response))
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
    url: `http://127.0.0.1:${port}`,
    requests,
    accepted: () => requests.filter(({ status }) => status !== null && status >= 200 && status <= 299),
    behave: (behaviour) => {
      behave = typeof behaviour === 'function' ? behaviour : () => behaviour
    },
    down,
    up,
    stop: down,
  }
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
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

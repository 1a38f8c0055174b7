/** A function from Request to Response as a real HTTP server on loopback, which remembers what it was sent. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from '@modelcontextprotocol/server'

/** One request as it arrived. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON; the text where it is none; null when there is none. */
  readonly body: unknown
}

export interface Served {
  /** Of the server, without a path. */
  readonly origin: string
  /** Everything that has arrived, in order. */
  readonly requests: readonly Received[]
  /** Ends every open stream, and the server. */
  stop(): Promise<void>
}

/**
 * Serves `handle` on a free port of loopback. A request's signal fires when its client hangs up. Requests of
 * foreign hosts and origins are refused, for a name that resolves to loopback must not lead here.
 */
export async function serve(handle: (request: Request) => Promise<Response>): Promise<Served> {
  const requests: Received[] = []
  const server = createServer((incoming, outgoing) => {
    answer(handle, requests, incoming, outgoing).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.writeHead(500).end(String(error))
      else outgoing.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the reference server has no port')
  return {
    origin: `http://127.0.0.1:${address.port}`,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  handle: (request: Request) => Promise<Response>,
  requests: Received[],
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) gone.abort()
  })
  const text = await textOf(incoming)
  const { method = 'GET', url = '/', headers } = incoming
  requests.push({ method, path: url, headers, body: parsed(text) })
  const request = new Request(new URL(url, 'http://127.0.0.1'), {
    method,
    headers: headersOf(incoming),
    signal: gone.signal,
    ...(text === '' ? {} : { body: text }),
  })
  const response =
    hostHeaderValidationResponse(request, localhostAllowedHostnames()) ??
    originValidationResponse(request, localhostAllowedOrigins()) ??
    (await handle(request))
  outgoing.writeHead(response.status, [...response.headers].flat())
  if (response.body === null) {
    outgoing.end()
    return
  }
  // A stream's headers count before its first event.
  outgoing.flushHeaders()
  // Whoever hangs up ends the stream, which is no failure of ours.
  await pipeline(Readable.fromWeb(response.body as never), outgoing).catch(() => {})
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    headers.append(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '')
  return headers
}

function parsed(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

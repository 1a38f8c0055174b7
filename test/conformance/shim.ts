/**
 * Stands between the conformance suite, which cannot send an `Authorization` header, and the gateway. It adds
 * that one header and changes nothing else: `Host` and `Origin` arrive as the suite sent them, or else the
 * scenario about DNS rebinding would test this shim, and bodies stream both ways, because scenarios hold
 * event streams open and cancel by hanging up.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'

export interface Shim {
  readonly url: string
  stop(): Promise<void>
}

/** About one connection alone, so neither side's is passed on (RFC 9110, 7.6.1); Node frames each anew. */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade'])

/** Listens on loopback and forwards to `target`, an origin, with `token` added. */
export async function startShim(target: string, token: string): Promise<Shim> {
  const origin = new URL(target)
  const server = createServer((incoming, outgoing) => forward(origin, token, incoming, outgoing))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the shim has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function forward(origin: URL, token: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const forwarded = request({
    host: origin.hostname,
    port: origin.port,
    method: incoming.method,
    path: incoming.url,
    headers: [...endToEnd(incoming.rawHeaders), 'Authorization', `Bearer ${token}`],
  })
  forwarded.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders))
    // An event stream's headers count before its first event.
    outgoing.flushHeaders()
    pipeline(answer, outgoing, () => {})
  })
  forwarded.on('error', () => {
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(502).end('The gateway did not answer')
  })
  // Whoever hangs up, hangs up on the gateway too: in the stateless era that is the cancel.
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) forwarded.destroy()
  })
  pipeline(incoming, forwarded, () => {})
}

/** Names and values by turns, as they came: case, order and repetition included. */
function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => {
    const name = rawHeaders[i - (i % 2)]
    return name !== undefined && !hopByHop.has(name.toLowerCase())
  })
}

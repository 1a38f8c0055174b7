/**
 * What a decided call costs: the gateway on bare workerd, against its own front page in the same process, so
 * that the figures are ratios and hold on any machine. `node bench/request/bench.ts [seconds per figure]`.
 *
 * A closed loop: each connection sends its next request when it has the answer to the last one.
 */
import { Agent, request } from 'node:http'
import { startBare } from '../../test/support/node/bare-workerd.ts'

const secondsEach = Number(process.argv[2] ?? 3)
const WARM_UP_SECONDS = 1
const connections = [1, 16, 64]

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body?: string
}

const authorization = 'Bearer gh_demo_agent_insecure-local-token'
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

function message(method: string, params: Record<string, unknown> = {}): Sent {
  const name = typeof params.name === 'string' ? { 'mcp-name': params.name } : {}
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } })
  const headers = {
    authorization,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...name,
  }
  return { method: 'POST', path: '/mcp', headers, body }
}

const subjects: readonly (readonly [string, Sent])[] = [
  ['front page (no work)', { method: 'GET', path: '/', headers: {} }],
  ['refused token shape (no call)', { method: 'POST', path: '/mcp', headers: { authorization: 'Bearer x' } }],
  ['server/discover (call, no write)', message('server/discover')],
  ['auth_whoami (call, durable write)', message('tools/call', { name: 'auth_whoami', arguments: {} })],
  [
    'track_signup (call, write, outbox)',
    message('tools/call', { name: 'track_signup', arguments: { account_id: 'a' } }),
  ],
]

function send(url: URL, agent: Agent, { method, path, headers, body }: Sent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: url.hostname, port: url.port, agent, method, path, headers }, (response) => {
      response.resume()
      response.on('end', resolve)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Requests a second and the median time of one, in milliseconds. */
async function measure(
  url: URL,
  subject: Sent,
  width: number,
  seconds: number,
): Promise<{ rate: number; p50: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: width })
  const times: number[] = []
  const from = performance.now()
  const until = from + seconds * 1_000
  const connection = async () => {
    while (performance.now() < until) {
      const start = performance.now()
      await send(url, agent, subject)
      times.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: width }, connection))
  const elapsed = (performance.now() - from) / 1_000
  agent.destroy()
  times.sort((a, b) => a - b)
  return { rate: times.length / elapsed, p50: times[Math.floor(times.length / 2)] ?? 0 }
}

const gateway = await startBare({ DEMO: 'true' })
try {
  const url = new URL(gateway.url)
  for (const [, subject] of subjects) await measure(url, subject, 16, WARM_UP_SECONDS)
  for (const width of connections) {
    console.log(`\n${width} connection${width === 1 ? '' : 's'}`)
    let base: { rate: number; p50: number } | null = null
    for (const [name, subject] of subjects) {
      const measured = await measure(url, subject, width, secondsEach)
      base ??= measured
      const ratio = (measured.rate / base.rate).toFixed(2)
      const added = (measured.p50 - base.p50).toFixed(2)
      console.log(`  ${name.padEnd(36)} ratio ${ratio}   ${Math.round(measured.rate)}/s   p50 +${added} ms`)
    }
  }
} finally {
  await gateway.stop()
}

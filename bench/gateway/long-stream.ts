/**
 * An event stream that goes on for minutes, a progress event a second, and the memory of what it passes through.
 *
 *   node bench/gateway/long-stream.ts [minutes, 10] [gateway|proxy] [streams at once, 4]
 *
 * Ends with 1 when an event or the answer is missing.
 */
import { bareWorkerdMissing, startBare } from '../../test/support/node/bare-workerd.ts'
import { connectAgent } from '../../test/support/node/mcp-agent.ts'
import { resident } from '../../test/support/node/resident.ts'
import { startSmallWorker } from './small-worker.ts'
import { SERVER, setUpGateway } from './subjects.ts'

if (bareWorkerdMissing !== null) throw new Error(bareWorkerdMissing)
const [minutes = '10', through = 'gateway', streams = '4'] = process.argv.slice(2)
const EVERY_MS = 1_000
const TELL_EVERY_MS = 15_000
const MB = 1_048_576
const count = Math.round((Number(minutes) * 60_000) / EVERY_MS)

const upstream = await startSmallWorker('upstream-worker.js')
const front = through === 'proxy' ? await startProxy() : await startGateway()
const from = performance.now()
let events = 0
const tell = async () => {
  const { now, peak } = await resident(front.pid)
  const seconds = ((performance.now() - from) / 1_000).toFixed(0).padStart(5)
  console.log(
    `${seconds} s  ${events} events  ${(now / MB).toFixed(0)} MB now, ${(peak / MB).toFixed(0)} at most`,
  )
}
const telling = setInterval(() => void tell(), TELL_EVERY_MS)
try {
  await tell()
  const whole = await Promise.all(
    Array.from({ length: Number(streams) }, (_, i) => stream(i % 2 === 0 ? 'session' : 'stateless')),
  )
  await tell()
  const isWhole = whole.every((answered) => answered) && events === count * Number(streams)
  console.log(isWhole ? 'every event and every answer arrived' : 'INCOMPLETE')
  process.exitCode = isWhole ? 0 : 1
} finally {
  clearInterval(telling)
  await front.stop()
  await upstream.stop()
}

interface Front {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly pid: number
  stop(): Promise<void>
}

async function startProxy(): Promise<Front> {
  const { url, pid, stop } = await startSmallWorker('proxy-worker.js', { UPSTREAM: upstream.url })
  return { url: `${url}/mcp`, headers: {}, pid, stop }
}

async function startGateway(): Promise<Front> {
  const gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
  const [token] = await setUpGateway(gateway.url, upstream.url, 1)
  const headers = { authorization: `Bearer ${token}` }
  return { url: `${gateway.url}/mcp/${SERVER}`, headers, pid: gateway.pid(), stop: gateway.stop }
}

/** Whether the stream ended with its answer. */
async function stream(era: 'session' | 'stateless'): Promise<boolean> {
  const agent = await connectAgent(era, front.url, front.headers)
  const params = { name: 'ticks', arguments: { count, every_ms: EVERY_MS } }
  const response = await agent.open('tools/call', params, { progressToken: 'p' })
  const decoder = new TextDecoder()
  let last = ''
  for await (const chunk of response.body ?? []) {
    last = decoder.decode(chunk, { stream: true })
    events += last.split('"notifications/progress"').length - 1
  }
  return last.includes(`${count} ticks`)
}

/**
 * What an admission costs, and how well admissions of one principal share a durable write: a Worker that does
 * nothing but ask, on bare workerd, at 1 to 64 connections. `node bench/commit/bench.ts [seconds per figure]`.
 *
 * A closed loop over raw sockets: each connection sends its next request when it has the answer to the last one.
 */
import { connect } from 'node:net'
import { startBare } from '../../test/support/node/bare-workerd.ts'

const secondsEach = Number(process.argv[2] ?? 2)
const WARM_UP_SECONDS = 1
const widths = (process.argv[3] ?? '1,2,4,16,64').split(',').map(Number)

const subjects: readonly (readonly [name: string, path: string])[] = [
  ['nothing', '/hello'],
  ['an admission that only reads', '/check'],
  ['a tools/call', '/call'],
  ['a tools/call that settles another', '/settle'],
  ['a tools/call, of 100 principals', '/call?of=100'],
]

/** One connection's closed loop: the time of each answer in milliseconds. */
function loop(url: URL, path: string, seconds: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = []
    const until = performance.now() + seconds * 1_000
    const question = `GET ${path} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`
    let sentAt = 0
    let read = ''
    const socket = connect(Number(url.port), url.hostname, send)
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      read += chunk.toString('latin1')
      // Every answer is the two characters `{}`.
      if (!read.endsWith('{}')) return
      if (!read.startsWith('HTTP/1.1 200')) return reject(new Error(read))
      read = ''
      const now = performance.now()
      times.push(now - sentAt)
      if (now < until) return send()
      socket.destroy()
      resolve(times)
    })
    function send() {
      sentAt = performance.now()
      socket.write(question)
    }
  })
}

async function measure(url: URL, path: string, width: number, seconds: number) {
  const from = performance.now()
  const times = (await Promise.all(Array.from({ length: width }, () => loop(url, path, seconds)))).flat()
  const elapsed = (performance.now() - from) / 1_000
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.floor(times.length * part)] ?? 0
  return { rate: times.length / elapsed, p50: at(0.5), p99: at(0.99) }
}

const bare = await startBare({}, { main: 'bench/commit/worker/index.ts' })
try {
  const url = new URL(bare.url)
  for (const [, path] of subjects) await measure(url, path, 16, WARM_UP_SECONDS)
  for (const width of widths) {
    console.log(`\n${width} connection${width === 1 ? '' : 's'}`)
    let base = 0
    for (const [name, path] of subjects) {
      const { rate, p50, p99 } = await measure(url, path, width, secondsEach)
      if (base === 0) base = rate
      const figures = `${Math.round(rate)}/s`.padStart(8)
      const times = `p50 ${p50.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms`
      console.log(`  ${name.padEnd(36)} ratio ${(rate / base).toFixed(2)}  ${figures}   ${times}`)
    }
  }
} finally {
  await bare.stop()
}

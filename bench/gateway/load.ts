/**
 * A closed loop over plain sockets: each connection sends its next request when it has the whole answer to the last
 * one. Node's own HTTP client would cost more than the servers that are measured with it.
 */
import { connect, type Socket } from 'node:net'

/** One request, ready to be sent again and again. */
export type Prepared = Buffer

/** Throughput in requests a second, times in milliseconds. */
export interface Measured {
  readonly rate: number
  /** All that were answered, those of the first moments too. */
  readonly calls: number
  readonly p50: number
  readonly p99: number
}

/** New connections, here and behind what is measured, are not what is measured. */
const RAMP_MS = 100

/** The bytes of a POST. */
export function prepare(url: URL, headers: Readonly<Record<string, string>>, body: unknown): Prepared {
  const text = JSON.stringify(body)
  const lines = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'content-type: application/json',
    'accept: application/json, text/event-stream',
    `content-length: ${Buffer.byteLength(text)}`,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`)
}

/**
 * Keeps `width` connections busy for `seconds`, or on a machine that is too busy for it until as many answers were timed; connection n
 * begins with the n-th of `requests` and takes every `width`-th. Every answer must be a 200 that contains `expected`; anything else ends
 * the measurement.
 */
export async function load(
  url: URL,
  requests: readonly Prepared[],
  options: { readonly width: number; readonly seconds: number; readonly expected: string },
): Promise<Measured> {
  const { width, seconds, expected } = options
  const times: number[] = []
  let calls = 0
  const answered = () => {
    calls += 1
  }
  const sockets = await Promise.all(Array.from({ length: width }, () => open(url)))
  const from = performance.now() + RAMP_MS
  const until = from + seconds * 1_000
  try {
    await Promise.all(
      sockets.map((socket, n) => {
        const own = requests.filter((_, i) => i % width === n % requests.length)
        const isOver = (nowMs: number) => nowMs >= until && times.length >= width
        return keepBusy(socket, own.length === 0 ? requests : own, {
          from,
          isOver,
          expected,
          times,
          answered,
        })
      }),
    )
  } finally {
    for (const socket of sockets) socket.destroy()
  }
  const elapsed = (performance.now() - from) / 1_000
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
  return { rate: times.length / elapsed, calls, p50: at(0.5), p99: at(0.99) }
}

function open(url: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

function keepBusy(
  socket: Socket,
  requests: readonly Prepared[],
  {
    from,
    isOver,
    expected,
    times,
    answered,
  }: {
    readonly from: number
    readonly isOver: (nowMs: number) => boolean
    readonly expected: string
    readonly times: number[]
    readonly answered: () => void
  },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let start = 0
    let received: Buffer | null = null
    const send = () => {
      start = performance.now()
      socket.write(requests[sent++ % requests.length] ?? Buffer.alloc(0))
    }
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed')))
    socket.on('data', (chunk: Buffer) => {
      received = received === null ? chunk : Buffer.concat([received, chunk])
      if (!isWhole(received)) return
      const now = performance.now()
      if (start >= from) times.push(now - start)
      if (!received.subarray(0, 12).equals(OK) || !received.includes(expected)) {
        reject(new Error(`not the expected answer: ${received.toString('utf8')}`))
        return
      }
      received = null
      answered()
      if (isOver(now)) resolve()
      else send()
    })
    send()
  })
}

const OK = Buffer.from('HTTP/1.1 200')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Whether this is a whole response: nothing is pipelined, so nothing can follow it. */
export function isWhole(received: Buffer): boolean {
  const end = received.indexOf('\r\n\r\n')
  if (end === -1) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.toString('latin1', 0, end))?.[1]
  if (length !== undefined) return received.length >= end + 4 + Number(length)
  return received.length > end + 4 && received.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)
}

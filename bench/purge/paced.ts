/**
 * Calls at a rate, whatever becomes of the earlier ones: a call that cannot be answered counts from when it was due, so a
 * server that stands still is seen in every call that would have come meanwhile. Plain sockets, as in `gateway/load.ts`.
 */
import { connect, type Socket } from 'node:net'
import { isWhole, type Prepared } from '../gateway/load.ts'

/** Times of the calls of one run, in milliseconds, the shortest first. */
export interface Paced {
  readonly times: readonly number[]
  /** Calls that were not made because so many were under way. */
  readonly left: number
  /** Calls with any other answer than a 200 with what is expected. */
  readonly failed: number
}

export interface Pace {
  /** Calls a second. */
  readonly rate: number
  /** Text that the answer must contain. */
  readonly expected: string
  /** Asked now and then; the run ends once it says so, and all calls have been answered. */
  readonly isOver: () => boolean
}

/** Beyond it nothing more is sent: the load itself would be what is measured. */
const MOST_UNDER_WAY = 512
const TICK_MS = 2

/** Sends `request` until the run is over. A connection that breaks ends it with an error. */
export async function paced(url: URL, request: Prepared, { rate, expected, isOver }: Pace): Promise<Paced> {
  const times: number[] = []
  const idle: Socket[] = []
  const all = new Set<Socket>()
  let underWay = 0
  let left = 0
  let failed = 0
  let failure: Error | null = null
  const call = async (dueMs: number) => {
    underWay += 1
    try {
      const socket = idle.pop() ?? (await open(url, all, idle))
      if (!(await exchange(socket, request, expected))) failed += 1
      times.push(performance.now() - dueMs)
      idle.push(socket)
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error(String(error))
    }
    underWay -= 1
  }
  const beginMs = performance.now()
  let sent = 0
  while (!isOver() && failure === null) {
    const due = Math.floor(((performance.now() - beginMs) * rate) / 1_000)
    for (; sent < due; sent++) {
      if (underWay >= MOST_UNDER_WAY) left += 1
      else void call(beginMs + ((sent + 1) * 1_000) / rate)
    }
    await pause(TICK_MS)
  }
  while (underWay > 0 && failure === null) await pause(TICK_MS)
  for (const socket of all) socket.destroy()
  if (failure !== null) throw failure
  return { times: times.toSorted((a, b) => a - b), left, failed }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function open(url: URL, all: Set<Socket>, idle: Socket[]): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    all.add(socket)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
    // The server lets a connection go that has nothing to do for a while.
    socket.on('close', () => {
      all.delete(socket)
      if (idle.includes(socket)) idle.splice(idle.indexOf(socket), 1)
    })
  })
}

function exchange(socket: Socket, request: Prepared, expected: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const over = () => socket.off('error', fails).off('close', closed).off('data', take)
    const fails = (error: Error) => {
      over()
      reject(error)
    }
    const closed = () => fails(new Error('the connection was closed'))
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (!isWhole(received)) return
      over()
      resolve(received.toString('latin1', 0, 12) === 'HTTP/1.1 200' && received.includes(expected))
    }
    socket.on('error', fails).on('close', closed).on('data', take)
    socket.write(request)
  })
}

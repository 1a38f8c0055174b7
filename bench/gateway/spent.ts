/** The processor time of a process so far, to the nanosecond. From /proc, so on Linux alone. */
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Returns the microseconds that all threads of these processes have run. A thread that has ended is no longer counted, so a
 * difference of two readings may be too small where threads end in between; those of workerd do not.
 */
export function spentMicros(...pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ofProcess(pid), 0)
}

/** Returns a process and all that it has started, and those. */
export function withChildren(pid: number): readonly number[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  const children = threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return [pid, ...children.flatMap(withChildren)]
}

function ofProcess(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.reduce((sum, thread) => sum + ofThread(`/proc/${pid}/task/${thread}/schedstat`), 0)
}

/** The first figure is the time on a processor in nanoseconds (kernel documentation, sched-stats). */
function ofThread(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8').split(' ')[0]) / 1_000
  } catch {
    // It has ended.
    return 0
  }
}

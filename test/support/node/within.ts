import { setTimeout as wait } from 'node:timers/promises'
import { PATIENCE } from './patience.ts'

/** What `work` settles with, if it does so in time, or PATIENCE times as late on a slow machine; otherwise it throws, naming `what` did not happen. */
export async function within<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
  const over = new AbortController()
  const late = wait(timeoutMs * PATIENCE, undefined, { signal: over.signal }).then(
    () => {
      throw new Error(`not within ${timeoutMs * PATIENCE} ms: ${what}`)
    },
    () => undefined,
  )
  try {
    return (await Promise.race([work, late])) as T
  } finally {
    over.abort()
  }
}

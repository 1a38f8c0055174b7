/**
 * Work for several servers at once. A failure at one of them, even an exception of ours over something that it said,
 * stays in its own part: no other server's answer is made of it.
 */
import { errorName, log } from '../base/log.ts'

/** The server that some of the work is for. */
export interface Part {
  readonly tenant: string
  readonly server: string
}

/**
 * Does `work` for each of `all`, at the same time, and settles when each is done. Never rejects: where `work` throws, what
 * `instead` makes of it stands in its place. The message of an exception may quote what a server sent, so only its name is logged.
 */
export function forEachServer<S, R>(
  all: readonly S[],
  partOf: (one: S) => Part,
  work: (one: S) => R | Promise<R>,
  instead: (one: S) => R,
): Promise<R[]> {
  return Promise.all(
    all.map(async (one) => {
      try {
        return await work(one)
      } catch (error) {
        log('error', 'upstream.part_failed', { ...partOf(one), error: errorName(error) })
        return instead(one)
      }
    }),
  )
}

/**
 * Long work of an object, done in rounds, with its calls let in between.
 *
 * An object does one thing at a time. A promise that is settled already lets nobody in: a loop that awaits nothing but its own
 * transactions never goes back to the event loop, so that no call is delivered before the loop has ended, however short each
 * transaction is. Objects of one isolate share a thread, so other principals wait as well. Therefore
 *
 * - whatever goes through rows without a bound is done in rounds, each a transaction of a few milliseconds;
 * - between two rounds comes a turn of the event loop, and a rest, so that calls have the larger part of the time;
 * - an alarm does so many rounds and no more, for while it runs no other rings. Its caller sets it anew for the rest.
 *
 * The object may die between any two rounds: each leaves behind what another can go on from.
 */

/**
 * Rows that one round deletes, or changes by one statement. To delete a row that stands in two indexes takes 60 to 80 µs (bench/purge), so
 * a round takes 6 to 8 ms, and a call waits for one or two of them.
 */
export const ROUND_ROWS = 100

/** Things that one round brings to their end, where each takes several statements: sessions, connections, dead letters. */
export const ROUND_ENDS = 25

/** Of one alarm, whichever comes first: rounds, and milliseconds. */
const MOST_ROUNDS = 100
const MOST_MS = 2_000

/** Between two rounds, in milliseconds. */
const LEAST_REST_MS = 5
const LONGEST_REST_MS = 100

/**
 * Does rounds, at most so many, until one says that nothing is left.
 *
 * @param round does one, as a transaction of its own; true: there may be more
 * @param most the rounds of this run; infinite where a caller waits for all of them
 * @returns whether there may be more. An error of a round ends the run, and what was done before stays done.
 */
export async function inTurns(round: () => boolean | Promise<boolean>, most = MOST_ROUNDS): Promise<boolean> {
  const sinceMs = Date.now()
  for (let done = 0; done < most; done++) {
    if (most !== Number.POSITIVE_INFINITY && Date.now() - sinceMs > MOST_MS) return true
    const begunMs = Date.now()
    if (!(await round())) return false
    // The clock goes on with the event loop alone, and then says how long the round took: its writing to the disk, too.
    await pause(0)
    // As long again for calls: so rounds have half of the time at most, however slow the disk is.
    await pause(Math.min(Math.max(Date.now() - begunMs, LEAST_REST_MS), LONGEST_REST_MS))
  }
  return true
}

/** Lets calls in that have come meanwhile. */
export function turn(): Promise<void> {
  return pause(0)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

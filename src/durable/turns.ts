/**
 * Long work of an object, done in rounds, with its calls let in between.
 *
 * An object does one thing at a time. A promise that is settled already lets nobody in: a loop that awaits nothing but its own
 * transactions never goes back to the event loop, so that no call is delivered before the loop has ended, however short each
 * transaction is. Objects of one isolate share a thread, so other principals wait as well. Therefore
 *
 * - whatever goes through rows without a bound is done in rounds, each a transaction of a few milliseconds;
 * - between two rounds comes a turn of the event loop, and a rest, so that calls have the larger part of the time;
 * - an alarm does so many rounds and no more: while it runs no other rings. Its caller sets it anew for the rest.
 *
 * The object may die between any two rounds: each leaves behind what another can go on from.
 */

/**
 * Rows that one round deletes, or changes by one statement. An audit row with its two indexes takes 60 to 80 µs (bench/purge), so a round
 * takes 6 to 8 ms, and a call waits for one or two of them.
 */
export const ROUND_ROWS = 100

/** Things that one round brings to their end, where each takes several statements: sessions, connections, dead letters. */
export const ROUND_ENDS = 25

/** Rounds of one alarm: a second or two of them. */
const MOST_ROUNDS = 100

/** After every round, so that no more than about half of the time goes into rounds. Milliseconds. */
const REST_MS = 5

/**
 * Does rounds, at most so many, until one says that nothing is left.
 *
 * @param round does one, as a transaction of its own; true: there may be more
 * @param most the rounds of this run; infinite where a caller waits for all of them
 * @returns whether there may be more. An error of a round ends the run, and what was done before stays done.
 */
export async function inTurns(round: () => boolean | Promise<boolean>, most = MOST_ROUNDS): Promise<boolean> {
  for (let done = 0; done < most; done++) {
    if (!(await round())) return false
    await turn()
  }
  return true
}

/** Lets calls in that have come meanwhile. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS))
}

/**
 * Finds servers that flap: their listing changes all the time. Each change makes every client list the tools again, and the
 * server answers with another change, so without a brake that would never end. PURE, but for the counts that it keeps.
 */

const WINDOW_MS = 60_000
/** Within a window; a person who works on a server does not come near. */
const MOST_CHANGES = 20

interface Changes {
  readonly sinceMs: number
  readonly count: number
}

/** Counts changes of each registration of a server. The counts are in memory alone, so an object that starts again has none. */
export class FlapDetector {
  readonly #changes = new Map<string, Changes>()

  /** Counts a change; true when the server has had so many that the next propagation should wait. */
  count(incarnation: string, nowMs: number): boolean {
    const before = this.#current(incarnation, nowMs)
    this.#changes.set(incarnation, { ...before, count: before.count + 1 })
    return before.count >= MOST_CHANGES
  }

  /** Tells whether another change would be one too many. */
  isFlapping(incarnation: string, nowMs: number): boolean {
    return this.#current(incarnation, nowMs).count >= MOST_CHANGES
  }

  #current(incarnation: string, nowMs: number): Changes {
    const before = this.#changes.get(incarnation)
    const isSame = before !== undefined && nowMs >= before.sinceMs && nowMs - before.sinceMs < WINDOW_MS
    return isSame ? before : { sinceMs: nowMs, count: 0 }
  }

  forget(incarnation: string): void {
    this.#changes.delete(incarnation)
  }
}

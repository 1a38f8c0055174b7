/**
 * Servers whose listing changes all the time. Each change tells every client that the tools have changed, so that it
 * lists them again, and finds them changed: without a brake that would never end. PURE, but for what it remembers.
 */

const WINDOW_MS = 60_000
/** Within a window; a person who works on a server does not come near. */
const MOST_CHANGES = 20

interface Changes {
  readonly sinceMs: number
  readonly count: number
}

/** Counts changes, of each registration of a server by itself. Memory alone: a new life of the object begins with none. */
export class Restless {
  readonly #changes = new Map<string, Changes>()

  /** Counts a change; true when the server has had so many that the next telling should wait. */
  count(incarnation: string, nowMs: number): boolean {
    const before = this.#current(incarnation, nowMs)
    this.#changes.set(incarnation, { ...before, count: before.count + 1 })
    return before.count >= MOST_CHANGES
  }

  /** Whether another change would be one too many. */
  isRestless(incarnation: string, nowMs: number): boolean {
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

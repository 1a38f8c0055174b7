/** The time that a server whose stream ended, or did not come, is left alone: doubled each time, until one has lasted that long. */
const SHORTEST_MS = 1_000
const LONGEST_MS = 60_000

export class Pauses {
  #nextMs = SHORTEST_MS

  /** A stream has lasted for so long. */
  lasted(ms: number): void {
    if (ms >= LONGEST_MS) this.#nextMs = SHORTEST_MS
  }

  /** The next pause; longer where the server asks for that. */
  next(atLeastMs: number | null): number {
    const ms = Math.max(this.#nextMs, atLeastMs ?? 0)
    this.#nextMs = Math.min(2 * this.#nextMs, LONGEST_MS)
    return ms
  }
}

/** Settles after the pause, or when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const over = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    signal.addEventListener('abort', over)
  })
}

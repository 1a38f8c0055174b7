/**
 * Requests that wait for a person's decision right now. Memory alone: after an eviction nobody waits any more, and those who
 * did ask again.
 */

/** More do not wait; they are answered at once. */
const MOST_WAITING = 200

export class Decisions {
  readonly #waiting = new Map<string, Set<() => void>>()
  #count = 0

  /** Returns when `happened` says so of this id, or after `mostMs`. */
  wait(id: string, mostMs: number): Promise<void> {
    if (this.#count >= MOST_WAITING) return Promise.resolve()
    return new Promise((resolve) => {
      const all = this.#waiting.get(id) ?? new Set()
      const leave = () => {
        clearTimeout(timer)
        if (!all.delete(leave)) return
        this.#count -= 1
        if (all.size === 0) this.#waiting.delete(id)
        resolve()
      }
      const timer = setTimeout(leave, mostMs)
      all.add(leave)
      this.#waiting.set(id, all)
      this.#count += 1
    })
  }

  /** Somebody has decided about this id. */
  happened(id: string): void {
    for (const leave of [...(this.#waiting.get(id) ?? [])]) leave()
  }
}

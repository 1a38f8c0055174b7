/**
 * Sessions with upstream servers that are being opened right now. One of several requests that find none at the same time, in
 * whatever isolates, opens it, and the others wait for that. Memory alone: where it is lost, each opens one and the first counts.
 */

/** An opening that is not heard of for so long counts as lost: its isolate may be gone. */
export const OPENING_MS = 15_000

interface Opening {
  readonly isOver: Promise<void>
  readonly end: () => void
}

export class Openings {
  readonly #running = new Map<string, Opening>()

  /** True at once where nobody opens it: then the caller is to. False once whoever does is done, or has had the time for it. */
  async claim(key: string): Promise<boolean> {
    const running = this.#running.get(key)
    if (running !== undefined) {
      await running.isOver
      return false
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => this.over(key), OPENING_MS)
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    this.#running.set(key, { isOver: promise, end })
    return true
  }

  /** It has been opened, or could not be. */
  over(key: string): void {
    this.#running.get(key)?.end()
    this.#running.delete(key)
  }
}

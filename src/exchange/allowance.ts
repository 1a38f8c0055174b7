/** An amount of time that is used up only while it runs. */
export class Allowance {
  #leftMs: number
  readonly #onSpent: () => void
  #timer: ReturnType<typeof setTimeout> | null = null
  #sinceMs = 0

  /** @param onSpent called once, when all of it is used up */
  constructor(ms: number, onSpent: () => void) {
    this.#leftMs = ms
    this.#onSpent = onSpent
  }

  start(): void {
    if (this.#timer !== null) return
    this.#sinceMs = Date.now()
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#leftMs = 0
      this.#onSpent()
    }, this.#leftMs)
  }

  pause(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
    this.#leftMs = Math.max(0, this.#leftMs - (Date.now() - this.#sinceMs))
  }
}

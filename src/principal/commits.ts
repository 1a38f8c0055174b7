/**
 * Grouped commit: concurrent calls on one principal share a durable write.
 *
 * A commit costs one wait for the disk however many statements it holds, and calls that arrive one by one
 * are not grouped by the runtime. So a call that finds nothing in flight runs at once; calls that arrive
 * while a commit is on its way to the disk wait for it and then run together, as the next one. Every
 * caller is answered only after the commit that holds its own rows (the runtime's output gate sees to it).
 */
export class Commits {
  readonly #storage: DurableObjectStorage
  readonly #waiting: (() => void)[] = []
  #inFlight = false

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  /**
   * Runs `work`, which reads and writes without awaiting, as one transaction: it happens whole or, when it
   * throws, not at all, and never drags its neighbours down.
   */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(this.#storage.transactionSync(work))
        } catch (error) {
          reject(error)
        }
      })
      if (!this.#inFlight) void this.#commit()
    })
  }

  async #commit(): Promise<void> {
    this.#inFlight = true
    try {
      while (this.#waiting.length > 0) {
        for (const work of this.#waiting.splice(0)) work()
        // A disk that fails resets the object and breaks every call that waits at the gate: nothing to add here.
        await this.#storage.sync().catch(() => {})
      }
    } finally {
      this.#inFlight = false
    }
  }
}

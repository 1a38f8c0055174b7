/**
 * Grouped commit: concurrent calls on one principal share a durable write.
 *
 * A commit costs one wait for the disk however many statements it holds, and calls that arrive one by one
 * are not grouped by the runtime. So a call that finds nothing in flight runs at once; calls that arrive
 * while a commit is on its way to the disk wait for it and then run together, as the next one. When they come
 * faster than commits finish, the next one is put off for one turn of the timer, in which those arrive whose
 * callers have just been answered. Every caller is answered only after the commit that holds its own rows (the
 * runtime's output gate sees to it).
 */
export class Commits {
  readonly #storage: DurableObjectStorage
  readonly #waiting: Waiting[] = []
  readonly #remember: () => () => void
  readonly #finish: () => void
  #inFlight = false

  /**
   * @param remember notes what memory holds of storage, and returns what puts it back when a transaction is undone
   * @param finish the last step of every transaction
   */
  constructor(
    storage: DurableObjectStorage,
    remember: () => () => void = () => () => {},
    finish: () => void = () => {},
  ) {
    this.#storage = storage
    this.#remember = remember
    this.#finish = finish
  }

  /**
   * Runs `work`, which reads and writes without awaiting, as one transaction: it happens whole or, when it
   * throws, not at all, and never drags its neighbours down.
   */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T
      this.#waiting.push({
        work: () => {
          result = work()
        },
        resolve: () => resolve(result),
        reject,
      })
      if (!this.#inFlight) void this.#commit()
    })
  }

  /**
   * All in one transaction, because opening one costs as much as a statement. Should one of them throw, nothing of any
   * has happened, and each is run again in a transaction of its own.
   */
  #runAll(all: readonly Waiting[]): void {
    const restore = this.#remember()
    try {
      this.#storage.transactionSync(() => {
        for (const { work } of all) work()
        this.#finish()
      })
    } catch (error) {
      restore()
      if (all.length === 1) all[0]?.reject(error)
      else for (const one of all) this.#runAll([one])
      return
    }
    for (const { resolve } of all) resolve()
  }

  async #commit(): Promise<void> {
    this.#inFlight = true
    try {
      while (this.#waiting.length > 0) {
        this.#runAll(this.#waiting.splice(0))
        // A disk that fails resets the object and breaks every call that waits at the gate: nothing to add here.
        await this.#storage.sync().catch(() => {})
        if (this.#waiting.length >= GATHER_FROM) await nextTurn()
      }
    } finally {
      this.#inFlight = false
    }
  }
}

/** Work that may be run twice, should another of its group have failed: only what the last run did counts. */
interface Waiting {
  readonly work: () => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * So many that wait after one commit mean more to come: measured in docs/decisions/0007-grouped-commit.md. Two callers
 * that take turns never wait for a timer.
 */
const GATHER_FROM = 2

/** Waiting loses nothing: the work has not run, and no caller was answered. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

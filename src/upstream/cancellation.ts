/**
 * The cancellation of a request by its client, for all who work on it. An AbortSignal would say the same, but it and its listeners are
 * objects of the runtime: they cost every call several times what this does, and nearly no call is cancelled. PURE.
 */
export class Cancellation {
  #isRequested = false
  readonly #listeners = new Set<() => void>()

  get isRequested(): boolean {
    return this.#isRequested
  }

  /** Only the first time counts. */
  request(): void {
    if (this.#isRequested) return
    this.#isRequested = true
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }

  /** Calls `listener` when it is requested, not where it has been; returns what takes the listener away. */
  onRequest(listener: () => void): () => void {
    if (this.#isRequested) return () => {}
    // A function of its own, so that a caller who gives the same function twice takes away only one of the two.
    const own = () => listener()
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** The same as an AbortSignal. */
  toSignal(): AbortSignal {
    const abort = new AbortController()
    if (this.#isRequested) abort.abort()
    else this.#listeners.add(() => abort.abort())
    return abort.signal
  }
}

/** The object's one alarm, and what memory knows of it, so that nobody who only wants it earlier has to ask storage. */
export class Alarm {
  readonly #storage: DurableObjectStorage
  #atMs: number | null = null

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
  }

  /** Reads when it rings: memory knows nothing yet, or what it knows was undone. */
  async read(): Promise<void> {
    this.#atMs = await this.#storage.getAlarm()
  }

  /** Returns a function that restores the present state of memory. */
  remember(): () => void {
    const atMs = this.#atMs
    return () => {
      this.#atMs = atMs
    }
  }

  /** It has rung, or went with everything else. */
  isOver(): void {
    this.#atMs = null
  }

  /** Makes sure that it rings at `atMs` or before; part of the transaction that it is called in. */
  by(atMs: number): void {
    if (this.#atMs !== null && this.#atMs <= atMs) return
    this.at(atMs)
  }

  /** Has it ring at `atMs` exactly; null: not at all. */
  at(atMs: number | null): void {
    if (this.#atMs === atMs) return
    this.#atMs = atMs
    // Not awaited: it joins the writes of this turn, and the output gate holds every answer until it is durable.
    void (atMs === null ? this.#storage.deleteAlarm() : this.#storage.setAlarm(atMs))
  }
}

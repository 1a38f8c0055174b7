/** Work of which at most one run is on its way: a caller meanwhile gets the run that there is. */
export class OneAtATime {
  readonly #work: () => Promise<void>
  readonly #afterwards: () => void
  #running: Promise<void> | null = null

  /** @param afterwards what follows a run however it went, when the next may begin */
  constructor(work: () => Promise<void>, afterwards: () => void = () => {}) {
    this.#work = work
    this.#afterwards = afterwards
  }

  get isRunning(): boolean {
    return this.#running !== null
  }

  run(): Promise<void> {
    this.#running ??= this.#work().finally(() => {
      this.#running = null
      this.#afterwards()
    })
    return this.#running
  }

  /** Returns when the run that is on its way has ended. */
  async quiet(): Promise<void> {
    await this.#running
  }
}

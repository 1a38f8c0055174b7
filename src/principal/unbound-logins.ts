/**
 * What memory knows of live logins without a transport, which are those of the stateless era: that there is none, or nothing.
 * Most calls of that era come from agents that never log in, and then nothing need be searched for.
 */
export class UnboundLogins {
  #areNone = false

  /** Whether there is surely none. */
  get areNone(): boolean {
    return this.#areNone
  }

  /** A search found none; one that has ended or whose time is over does not come back. */
  noneFound(): void {
    this.#areNone = true
  }

  /** One has begun, or a transaction was taken back in which one may have ended. */
  forget(): void {
    this.#areNone = false
  }
}

/**
 * What the stand-in for a model says next. A program asks its model; the lab decides the answer, a tool to call or the
 * end, and learns of the next request what became of it. So one turn of a program is led step by step, and between
 * two steps the lab can look at the gateway.
 */

/** A request of a program to its model, in the words of no provider. */
export interface Asked {
  /** Names of the tools that the model is offered, as the program calls them. */
  readonly tools: readonly string[]
  /** What the model is shown of the last tool call: every piece of text. Null before the first. */
  readonly shown: string | null
  /** Whether the provider's format says that the call failed; null where it cannot, or does not. */
  readonly isError: boolean | null
}

/** What the model answers. */
export type Said =
  | { readonly kind: 'call'; readonly tool: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly kind: 'text'; readonly text: string }

const WAIT_MS = 60_000

export class Script {
  #waiting: { readonly asked: Asked; readonly answer: (said: Said) => void } | null = null
  #arrived: ((asked: Asked) => void) | null = null

  /** A program's request has come: settles with what the model says to it. */
  take(asked: Asked): Promise<Said> {
    return new Promise((answer) => {
      this.#waiting = { asked, answer }
      this.#arrived?.(asked)
      this.#arrived = null
    })
  }

  /** The request that the program makes next, or has made. Rejects after a minute. */
  asked(): Promise<Asked> {
    if (this.#waiting !== null) return Promise.resolve(this.#waiting.asked)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the program asked its model nothing')), WAIT_MS)
      this.#arrived = (asked) => {
        clearTimeout(timer)
        resolve(asked)
      }
    })
  }

  /** Answers the request that waits, and waits for the next one. */
  async say(said: Said): Promise<Asked> {
    await this.asked()
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.answer(said)
    return this.asked()
  }

  /** Ends the turn. */
  end(): void {
    this.#waiting?.answer({ kind: 'text', text: 'Done.' })
    this.#waiting = null
  }
}

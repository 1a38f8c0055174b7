/** The place where the answers of a session-era client arrive, for the request that waits for them in another isolate. */
import type { Answer, Ask, AskLine } from '../contract/exchange.ts'
import { ANSWER_MS } from '../contract/exchange.ts'
import { LineWriter } from '../upstream/lines.ts'
import { newSecret } from './secret.ts'

export class Mailbox {
  readonly #ask: Ask
  readonly #secret = newSecret()
  readonly #open: Set<number>
  readonly #out: LineWriter<AskLine>
  readonly #late: ReturnType<typeof setTimeout>
  readonly #onOver: () => void

  constructor(ask: Ask, signal: AbortSignal, onOver: () => void) {
    this.#ask = ask
    this.#onOver = onOver
    this.#open = new Set(Array.from({ length: ask.count }, (_, index) => index))
    this.#out = new LineWriter<AskLine>(signal, () => this.#end())
    this.#out.write({ kind: 'ready', secret: this.#secret })
    this.#late = setTimeout(() => {
      this.#out.write({ kind: 'late' })
      this.#end()
    }, ANSWER_MS)
  }

  /** The answers, as they arrive; it ends with the last. */
  get body(): ReadableStream<Uint8Array> {
    return this.#out.body
  }

  /** Takes an answer, once, from whom it is expected. Anything else is dropped. */
  take({ owner, transport, secret, index, message }: Answer): void {
    const isFrom = owner === this.#ask.owner && transport === this.#ask.transport
    if (!isFrom || secret !== this.#secret || !this.#open.delete(index)) return
    this.#out.write({ kind: 'answered', index, message })
    if (this.#open.size === 0) this.#end()
  }

  #end(): void {
    clearTimeout(this.#late)
    this.#out.end()
    this.#onOver()
  }
}

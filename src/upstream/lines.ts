/** The protocol between the Worker and an ExchangeObject while a request lasts: JSON, a line each. */
import { parseExact } from '../base/exact-json.ts'

/** The most bytes that wait for a slow reader before the writer is held back. */
const MOST_WAITING_BYTES = 256 * 1024

/** The writing end. */
export class LineWriter<T> {
  readonly body: ReadableStream<Uint8Array>
  readonly #encoder = new TextEncoder()
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #isOpen = true
  #resume: (() => void) | null = null

  /**
   * @param signal of the request that the lines answer: a body that is not read any more is not always cancelled
   * @param onGone called when the reader goes away before the end
   */
  constructor(signal: AbortSignal, onGone: () => void) {
    const leave = () => {
      if (!this.#isOpen) return
      this.#isOpen = false
      this.#resume?.()
      onGone()
    }
    signal.addEventListener('abort', leave)
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#resume?.(),
        cancel: leave,
      },
      { highWaterMark: MOST_WAITING_BYTES, size: (piece) => piece?.byteLength ?? 0 },
    )
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  write(line: T): void {
    if (this.#isOpen) this.#controller.enqueue(this.#encoder.encode(`${JSON.stringify(line)}\n`))
  }

  end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#controller.close()
  }

  /** Settles when there is room for more, or nobody reads any more. */
  async room(): Promise<void> {
    while (this.#isOpen && (this.#controller.desiredSize ?? 1) <= 0) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve
      })
      this.#resume = null
    }
  }
}

/** The reading end. Throws where the object has gone away, as with every call of one. */
export class LineReader<T> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  #rest = ''
  #lines: string[] = []

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader()
  }

  /** The next line, or null at the end. */
  async next(): Promise<T | null> {
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined) return parseExact(line) as T
      const { done, value } = await this.#reader.read()
      if (done) return null
      const lines = (this.#rest + this.#decoder.decode(value, { stream: true })).split('\n')
      this.#rest = lines.pop() ?? ''
      this.#lines = lines
    }
  }

  cancel(): void {
    this.#reader.cancel().catch(() => {})
  }
}

/**
 * Answers that are large arrays of messages, which servers of 2025-03-26 may send (MCP 2025-03-26, Streamable HTTP). They are read as
 * the stream of events that says the same, and so are bounded as a stream is, and each message as a single one.
 */
import { answers, asAnswer, type RpcId, type RpcMessage, readRpc } from '../base/rpc.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { BodyProblem, notRpc, wrongId } from './answer-problems.ts'
import { ArrayEvents } from './array-events.ts'
import type { BodyReader } from './body.ts'
import { EventParser, MOST_MESSAGE_CHARS } from './sse.ts'

/** The pieces of an array, as those of the stream. Reading throws only BodyProblem. */
export class ArrayReader {
  readonly #waiting: Uint8Array[]
  readonly #reader: BodyReader
  readonly #status: number
  readonly #events = new ArrayEvents()

  /** @param pieces what has been read of it */
  constructor(pieces: readonly Uint8Array[], reader: BodyReader, status: number) {
    this.#waiting = [...pieces]
    this.#reader = reader
    this.#status = status
  }

  /** The next piece that is not empty, or null at the end. */
  async next(): Promise<Uint8Array | null> {
    for (;;) {
      const piece = this.#waiting.shift() ?? (await this.#reader.next())
      if (piece === null) {
        if (!this.#events.isWhole) throw new BodyProblem(notRpc(this.#status))
        return null
      }
      const passed = this.#events.push(piece)
      if (passed.length > 0) return passed
      if (this.#events.isBroken) throw new BodyProblem(notRpc(this.#status))
    }
  }

  cancel(): void {
    this.#reader.cancel()
  }

  /** The problem of an array that has come without the answer. */
  get unanswered(): UpstreamProblem {
    return this.#events.objects === 0 ? notRpc(this.#status) : wrongId(this.#status)
  }
}

/**
 * The answer to request `id` in an array, for a client that takes no events; nothing behind it is read.
 * @throws BodyProblem
 */
export async function answerInArray(reader: ArrayReader, id: RpcId, status: number): Promise<RpcMessage> {
  const decoder = new TextDecoder()
  const parser = new EventParser(MOST_MESSAGE_CHARS)
  for (let piece = await reader.next(); piece !== null; piece = await reader.next()) {
    for (const { data } of parser.push(decoder.decode(piece, { stream: true }))) {
      const [message] = data === null ? [] : readRpc(data).messages
      const answer = message === undefined ? null : asAnswer(message, id, status)
      if (answer === null || !answers(answer, id)) continue
      reader.cancel()
      return answer
    }
  }
  throw new BodyProblem(reader.unanswered)
}

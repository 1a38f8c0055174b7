/** Takes the pieces of a body as the runtime has them: large ones from a server that sends much, for each costs the same time. */

/** As the runtime alone would take them. */
const LEAST_ROOM_BYTES = 4 * 1024
/** More at once saves nothing that would be seen. */
const MOST_ROOM_BYTES = 64 * 1024

/** One body, piece by piece. Reading throws where the body breaks off. */
export class BodyPieces {
  readonly #body: ReadableStream<Uint8Array>
  #reader: ReadableStreamBYOBReader | ReadableStreamDefaultReader<Uint8Array> | null = null
  #roomBytes = LEAST_ROOM_BYTES

  constructor(body: ReadableStream<Uint8Array>) {
    this.#body = body
  }

  /** The next piece, or null at the end. */
  async next(): Promise<Uint8Array | null> {
    this.#reader ??= readerOf(this.#body)
    if (!isOfBytes(this.#reader)) {
      const { done, value } = await this.#reader.read()
      return done ? null : value
    }
    const { done, value } = await this.#reader.read(new Uint8Array(this.#roomBytes))
    if (done) return null
    const isFull = value.byteLength === this.#roomBytes
    const isSparse = 2 * value.byteLength < this.#roomBytes
    // A server that says little holds little of the memory that all share: neither while it is waited for, nor in what is kept of it.
    this.#roomBytes = isFull ? Math.min(2 * this.#roomBytes, MOST_ROOM_BYTES) : LEAST_ROOM_BYTES
    return isSparse ? value.slice() : value
  }

  async cancel(): Promise<void> {
    await (this.#reader ?? this.#body).cancel()
  }
}

function isOfBytes(
  reader: ReadableStreamBYOBReader | ReadableStreamDefaultReader<Uint8Array>,
): reader is ReadableStreamBYOBReader {
  return reader instanceof ReadableStreamBYOBReader
}

/** A stream that JavaScript has made may not be one of bytes. */
function readerOf(body: ReadableStream<Uint8Array>) {
  try {
    return body.getReader({ mode: 'byob' })
  } catch {
    return body.getReader()
  }
}

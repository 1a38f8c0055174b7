/** Reads the body of an upstream's answer, piece by piece: bounded in size and in time. */
import type { UpstreamProblem } from '../contract/upstream.ts'
import { BodyProblem, brokeOff, noRoom, problemFrom, tooLarge } from './answer-problems.ts'
import { BodyPieces } from './body-pieces.ts'
import type { Hold } from './http.ts'
import { isBlank } from './json-bytes.ts'

/**
 * After so much of a body others get their turn: while it is read as fast as it comes, the isolate looks at no other
 * connection.
 */
const STRETCH_BYTES = 512 * 1024

/** The pieces of one body. Reading throws only BodyProblem. */
export class BodyReader {
  readonly #pieces: BodyPieces | null
  readonly #hold: Hold
  readonly #status: number
  #bytes = 0
  #pauseAt = STRETCH_BYTES

  constructor(response: Response, hold: Hold) {
    this.#pieces = response.body === null ? null : new BodyPieces(response.body)
    this.#hold = hold
    this.#status = response.status
  }

  /** The next piece, or null at the end. */
  async next(): Promise<Uint8Array | null> {
    const { watchdog, link } = this.#hold
    let hasRoom = true
    try {
      if (this.#pieces === null) return null
      if (this.#bytes >= this.#pauseAt) {
        this.#pauseAt = this.#bytes + STRETCH_BYTES
        await new Promise<void>((resolve) => setTimeout(resolve, 0))
      }
      const piece = await this.#pieces.next()
      if (piece === null) return null
      watchdog.heard()
      this.#bytes += piece.byteLength
      hasRoom = link.room?.(piece.byteLength) ?? true
      if (hasRoom && this.#bytes <= link.config.maxResponseBytes) return piece
    } catch {
      throw new BodyProblem(watchdog.problem ?? brokeOff(this.#status))
    }
    this.cancel()
    const { maxResponseBytes } = link.config
    throw new BodyProblem(hasRoom ? tooLarge(maxResponseBytes, this.#status) : noRoom(this.#status))
  }

  cancel(): void {
    this.#pieces?.cancel().catch(() => {})
  }
}

export type ReadText =
  | { readonly kind: 'whole'; readonly text: string }
  /** There is more; what was read so far. */
  | { readonly kind: 'more'; readonly pieces: readonly Uint8Array[] }
  | { readonly kind: 'problem'; readonly problem: UpstreamProblem }

/**
 * Reads a response whose length is declared, which it cannot exceed, at once; null where the pieces must be counted. One
 * that declares too much is not read at all: passing it on up to the bound would take from everybody's time.
 */
export async function readDeclared(
  response: Response,
  hold: Hold,
  mostBytes: number,
): Promise<ReadText | null> {
  const declared = response.headers.get('content-length')
  if (declared === null || !/^\d{1,15}$/.test(declared) || response.headers.has('content-encoding'))
    return null
  const { maxResponseBytes } = hold.link.config
  if (Number(declared) > maxResponseBytes) {
    response.body?.cancel().catch(() => {})
    return { kind: 'problem', problem: tooLarge(maxResponseBytes, response.status) }
  }
  if (Number(declared) > mostBytes) return { kind: 'more', pieces: [] }
  if (hold.link.room?.(Number(declared)) === false) {
    response.body?.cancel().catch(() => {})
    return { kind: 'problem', problem: noRoom(response.status) }
  }
  try {
    return { kind: 'whole', text: await response.text() }
  } catch {
    return { kind: 'problem', problem: hold.watchdog.problem ?? brokeOff(response.status) }
  }
}

/** Reads a body as text, unless it is larger than `mostBytes`. */
export async function readUpTo(reader: BodyReader, mostBytes: number): Promise<ReadText> {
  const decoder = new TextDecoder()
  const pieces: Uint8Array[] = []
  let text = ''
  let bytes = 0
  try {
    for (let piece = await reader.next(); piece !== null; piece = await reader.next()) {
      bytes += piece.byteLength
      pieces.push(piece)
      if (bytes > mostBytes) return { kind: 'more', pieces }
      text += decoder.decode(piece, { stream: true })
    }
  } catch (error) {
    return { kind: 'problem', problem: problemFrom(error) }
  }
  return { kind: 'whole', text: text + decoder.decode() }
}

/** As some servers begin JSON with, and readers may ignore (RFC 8259, 8.1). */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/**
 * The pieces of a JSON text, of which some have been read, from its first byte that means something on; none where there is no
 * such byte. Nothing that stands before it is kept, however much that is.
 * @throws BodyProblem
 */
export async function beginningOf(
  pieces: readonly Uint8Array[],
  reader: BodyReader,
): Promise<readonly Uint8Array[]> {
  const waiting = [...pieces]
  let marked = 0
  for (;;) {
    const piece = waiting.shift() ?? (await reader.next())
    if (piece === null) return []
    for (let at = 0; at < piece.length; at++) {
      if (marked < BYTE_ORDER_MARK.length && piece[at] === BYTE_ORDER_MARK[marked]) marked += 1
      else if (isBlank(piece[at])) marked = BYTE_ORDER_MARK.length
      else return [piece.subarray(at), ...waiting]
    }
  }
}

/** The id in an answer that is one JSON message, however large: the client's own in the place of ours. PURE. */
import { type Edit, edited, nothing } from './edits.ts'
import type { IdPair } from './id-pair.ts'
import { IdScanner } from './id-scanner.ts'

const encoder = new TextEncoder()

/** The text of an answer to the request, under the client's id. */
export function withClientId(text: string, pair: IdPair): string | Uint8Array {
  const sent = JSON.stringify(pair.sent)
  const at = text.indexOf(sent)
  // The id is certain where it occurs once and no character is written by its number: nothing else can be read as it.
  const isSure = at >= 0 && text.indexOf(sent, at + 1) < 0 && !text.includes('\\u')
  if (isSure) return `${text.slice(0, at)}${JSON.stringify(pair.client)}${text.slice(at + sent.length)}`
  return new AnswerIds(pair).push(encoder.encode(text))
}

/** Restores the id in an answer that is one JSON message, given in pieces cut anywhere. */
export class AnswerIds {
  readonly #scanner: IdScanner

  constructor(pair: IdPair) {
    this.#scanner = new IdScanner(pair, true)
  }

  /** Tells whether the answer was to this request; said by its end. */
  get isRestored(): boolean {
    return this.#scanner.isRestored
  }

  /** Returns the bytes to pass in place of `piece`: the same ones where nothing in them changes. */
  push(piece: Uint8Array): Uint8Array {
    const edits: Edit[] = []
    this.#scanner.push(piece, 0, piece.length, edits)
    return edited(piece, edits)
  }

  /** Returns the bytes that were held back, when no more comes. */
  end(): Uint8Array {
    const edits: Edit[] = []
    this.#scanner.release(0, edits)
    return edited(nothing, edits)
  }
}

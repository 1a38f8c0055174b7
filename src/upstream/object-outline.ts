/**
 * Follows the outline of a JSON object that goes by and is not held: strings and brackets, nothing else. This is enough to
 * tell an object that is whole from the beginning of one, wherever it was cut. PURE.
 */
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  isBlank,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  StringFollower,
} from './json-bytes.ts'

export class ObjectOutline {
  /** Objects and lists that are open. */
  #depth = 0
  #hasBegun = false
  readonly #string = new StringFollower()

  /** Tells whether what has come so far may be the beginning of an object. Once it may not, nothing more is to be asked. */
  fits(piece: Uint8Array): boolean {
    let at = 0
    while (at < piece.length) {
      if (!this.#string.isOver) {
        at = this.#string.behind(piece, at, piece.length)
        continue
      }
      const byte = piece[at++] as number
      if (this.#depth === 0) {
        if (isBlank(byte)) continue
        if (this.#hasBegun || byte !== OPEN_BRACE) return false
        this.#hasBegun = true
        this.#depth = 1
      } else if (byte === QUOTE) this.#string.begin()
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth -= 1
        if (this.#depth === 0 && byte === CLOSE_BRACKET) return false
      }
    }
    return true
  }

  /** Tells whether the object has ended. */
  get isWhole(): boolean {
    return this.#hasBegun && this.#depth === 0
  }
}

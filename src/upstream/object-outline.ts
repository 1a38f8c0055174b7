/**
 * Follows the outline of a JSON object that goes by and is not held: strings and brackets, nothing else. That is enough to
 * tell an object that is whole from the beginning of one, wherever it was cut. PURE.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d

export class ObjectOutline {
  /** Objects and lists that are open. */
  #depth = 0
  #hasBegun = false
  #isInString = false
  /** A backslash stood before what comes next. */
  #isEscaped = false

  /** It is no object because a list of objects stands in its place, as far as the piece tells that begins it. */
  isList = false

  /** Whether what has come so far may be the beginning of an object. Once it may not, nothing more is to be asked. */
  fits(piece: Uint8Array): boolean {
    let at = 0
    while (at < piece.length) {
      if (this.#isInString) {
        at = this.#behindString(piece, at)
        continue
      }
      const byte = piece[at++] as number
      if (this.#depth === 0) {
        if (isBlank(byte)) continue
        if (this.#hasBegun || byte !== OPEN) {
          const next = piece.subarray(at).find((it) => !isBlank(it)) ?? OPEN
          this.isList = !this.#hasBegun && byte === OPEN_LIST && next === OPEN
          return false
        }
        this.#hasBegun = true
        this.#depth = 1
      } else if (byte === QUOTE) this.#isInString = true
      else if (byte === OPEN || byte === OPEN_LIST) this.#depth += 1
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        this.#depth -= 1
        if (this.#depth === 0 && byte === CLOSE_LIST) return false
      }
    }
    return true
  }

  /** Whether the object has ended. */
  get isWhole(): boolean {
    return this.#hasBegun && this.#depth === 0
  }

  /** Where the string that `from` lies in has ended, or the end of the piece. Most of a large answer is strings, and a search is fast. */
  #behindString(piece: Uint8Array, from: number): number {
    if (this.#isEscaped) {
      this.#isEscaped = false
      return from + 1
    }
    const quote = piece.indexOf(QUOTE, from)
    const end = quote === -1 ? piece.length : quote
    let backslashes = 0
    while (end - backslashes > from && piece[end - backslashes - 1] === BACKSLASH) backslashes += 1
    const isEscaped = backslashes % 2 === 1
    if (quote === -1) {
      this.#isEscaped = isEscaped
      return end
    }
    this.#isInString = isEscaped
    return end + 1
  }
}

/** White space of JSON (RFC 8259, 2). */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

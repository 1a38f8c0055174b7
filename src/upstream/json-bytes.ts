/** The bytes of JSON that matter to whoever looks at a text as it goes by. PURE. */

export const QUOTE = 0x22
export const BACKSLASH = 0x5c
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_BRACE = 0x7b
export const CLOSE_BRACE = 0x7d
export const OPEN_BRACKET = 0x5b
export const CLOSE_BRACKET = 0x5d

/** White space of JSON (RFC 8259, 2). */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Up to here a string is read byte by byte: a search costs more than it saves. */
const SHORT = 48

/** Follows a JSON string to its end, in pieces cut anywhere. Most of a large text is strings, and a search is fast. */
export class StringFollower {
  #isEscaped = false

  /** True where the string has ended. */
  isOver = true

  /** A string begins: its first quote has gone by. `isEscaped`: it was read up to a backslash that escapes what comes next. */
  begin(isEscaped = false): void {
    this.#isEscaped = isEscaped
    this.isOver = false
  }

  /** Looks at the bytes from `start` to `end`. Returns where the string has ended, behind its last quote, or `end`. */
  behind(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    for (const near = Math.min(end, start + SHORT); at < near; at++) {
      const byte = bytes[at]
      if (this.#isEscaped) this.#isEscaped = false
      else if (byte === BACKSLASH) this.#isEscaped = true
      else if (byte === QUOTE) {
        this.isOver = true
        return at + 1
      }
    }
    while (at < end) {
      const found = bytes.indexOf(QUOTE, at)
      const stop = found < 0 || found > end ? end : found
      let slashes = 0
      while (stop - slashes > at && bytes[stop - slashes - 1] === BACKSLASH) slashes += 1
      // An escape of the first byte matters only where it is one of these.
      const isEscaped = (slashes % 2 === 1) !== (this.#isEscaped && slashes === stop - at)
      this.#isEscaped = stop === end && isEscaped
      if (stop === end) return end
      at = stop + 1
      if (isEscaped) continue
      this.isOver = true
      return at
    }
    return at
  }
}

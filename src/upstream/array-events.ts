/**
 * Turns a JSON array of messages, as it goes by, into events: one for each object in it. Nothing is held, and only the outline is looked
 * at. Elements that are no objects are left out; so is everything behind MOST_IN_ARRAY. PURE.
 */
import { MOST_IN_ARRAY } from '../base/rpc.ts'
import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  isBlank,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  StringFollower,
} from './json-bytes.ts'

const encoder = new TextEncoder()
const BEGIN = encoder.encode('event: message\ndata: ')
const END = encoder.encode('\n\n')
const SPACE = 0x20

export class ArrayEvents {
  /** Objects and lists that are open, the array itself included. */
  #depth = 0
  #hasBegun = false
  /** True where the element that the text stands in goes out. */
  #isPassed = false
  /** True where one more element may begin: the array has, or a comma has gone by. */
  #mayBegin = false
  #isBroken = false
  readonly #string = new StringFollower()
  #out: Uint8Array[] = []

  /** The number of objects that have begun. */
  objects = 0

  /** Tells whether what has come so far is an array that is whole. */
  get isWhole(): boolean {
    return this.#hasBegun && this.#depth === 0 && !this.#isBroken
  }

  /** Tells whether what has come so far cannot be the beginning of an array. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** The events, and parts of them, that a piece of the array stands for. */
  push(piece: Uint8Array): Uint8Array {
    this.#out = []
    let at = 0
    /** From where on what is passed has not gone out yet. */
    let from = 0
    const flush = (to: number) => {
      if (this.#isPassed && to > from) this.#out.push(onOneLine(piece.subarray(from, to)))
      from = to
    }
    while (at < piece.length && !this.#isBroken) {
      if (!this.#string.isOver) {
        at = this.#string.behind(piece, at, piece.length)
        continue
      }
      const byte = piece[at] as number
      const isOpening = byte === OPEN_BRACE || byte === OPEN_BRACKET
      if (isBlank(byte)) at += 1
      else if (this.#depth === 0) {
        this.#isBroken = this.#hasBegun || byte !== OPEN_BRACKET
        this.#hasBegun = true
        this.#mayBegin = true
        this.#depth = 1
        at += 1
      } else if (this.#depth === 1 && byte === OPEN_BRACE) {
        if (!this.#mayBegin) this.#isBroken = true
        this.#mayBegin = false
        this.objects += 1
        this.#isPassed = this.objects <= MOST_IN_ARRAY
        if (this.#isPassed) this.#out.push(BEGIN)
        from = at
        this.#depth = 2
        at += 1
      } else {
        if (byte === QUOTE) this.#string.begin()
        else if (isOpening) this.#depth += 1
        else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth -= 1
        at += 1
        if (this.#depth === 0 && byte !== CLOSE_BRACKET) this.#isBroken = true
        if (this.#depth > 1) continue
        if (this.#isPassed) {
          flush(at)
          this.#out.push(END)
          this.#isPassed = false
        }
        this.#mayBegin = this.#depth === 1 && byte === COMMA
      }
    }
    flush(piece.length)
    return joined(this.#out)
  }
}

/** JSON has line breaks only where white space may be (RFC 8259, 2), so they can become spaces. */
export function onOneLine(piece: Uint8Array): Uint8Array {
  let copy: Uint8Array | null = null
  for (const lineBreak of [0x0a, 0x0d]) {
    for (let at = piece.indexOf(lineBreak); at !== -1; at = piece.indexOf(lineBreak, at + 1)) {
      copy ??= piece.slice()
      copy[at] = SPACE
    }
  }
  return copy ?? piece
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

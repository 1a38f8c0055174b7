/** Ids in event streams that go by: the client's in their answer, and a mark in those of their events. PURE. */
import { type Edit, edited, nothing } from './edits.ts'
import type { IdPair } from './id-pair.ts'
import { IdScanner } from './id-scanner.ts'
import { COLON } from './json-bytes.ts'

/** Fields of events that matter, with a byte order mark in front, are no longer. */
const LONGEST_FIELD = 8

const FEED = 0x0a
const RETURN = 0x0d
const BLANK = 0x20

const encoder = new TextEncoder()

/** In a line of an event stream: in its field's name, or behind it. */
type Line = 'field' | 'data' | 'event id' | 'other'

/**
 * Restores the id in an event stream, given in pieces cut anywhere. The ids of its events get a mark, so that the rest of a resumed
 * stream can be given in the same way.
 */
export class StreamIds {
  /** Null where the stream answers no request whose id changes. */
  readonly #scanner: IdScanner | null
  readonly #mark: () => string
  #line: Line = 'field'
  #field: number[] = []
  #isFirstLine = true
  #isBehindReturn = false
  /** Behind the colon of an event's id, of which nothing has come yet. */
  #isMarkDue = false

  /** @param mark of characters that a header may have */
  constructor(pair: IdPair | null, mark: () => string) {
    this.#scanner = pair === null ? null : new IdScanner(pair, false)
    this.#mark = mark
  }

  /** Returns the bytes to pass in place of `piece`: the same ones where nothing in them changes. */
  push(piece: Uint8Array): Uint8Array {
    const edits: Edit[] = []
    let at = 0
    let feed = piece.indexOf(FEED)
    let carriage = piece.indexOf(RETURN)
    while (at < piece.length) {
      if (feed >= 0 && feed < at) feed = piece.indexOf(FEED, at)
      if (carriage >= 0 && carriage < at) carriage = piece.indexOf(RETURN, at)
      const found = feed < 0 || (carriage >= 0 && carriage < feed) ? carriage : feed
      const end = found < 0 ? piece.length : found
      if (end > at) {
        this.#isBehindReturn = false
        this.#inLine(piece, at, end, edits)
      }
      if (found < 0) break
      // CR and LF are one end of a line, also across pieces.
      if (end > at || !this.#isBehindReturn || found !== feed) this.#endLine(end, edits)
      this.#isBehindReturn = found === carriage
      at = end + 1
    }
    return edited(piece, edits)
  }

  /** Returns the bytes that were held back, when no more comes. */
  end(): Uint8Array {
    const edits: Edit[] = []
    this.#scanner?.release(0, edits)
    return edited(nothing, edits)
  }

  #inLine(piece: Uint8Array, start: number, end: number, edits: Edit[]): void {
    let at = start
    for (; this.#line === 'field' && at < end; at++) {
      const byte = piece[at] as number
      if (byte === COLON) this.#line = lineOf(this.#field, this.#isFirstLine)
      else if (this.#field.length < LONGEST_FIELD) this.#field.push(byte)
      else this.#line = 'other'
      this.#isMarkDue = this.#line === 'event id'
    }
    if (this.#line === 'data') this.#scanner?.push(piece, at, end, edits)
    else if (this.#isMarkDue && at < end) this.#markId(piece, at, end, edits)
  }

  /** An empty id stays empty: it says that there is none. */
  #markId(piece: Uint8Array, start: number, end: number, edits: Edit[]): void {
    // One blank behind the colon belongs to the line, not to the value.
    const isColonLast = this.#field.at(-1) !== BLANK
    this.#field.push(BLANK)
    const at = isColonLast && piece[start] === BLANK ? start + 1 : start
    if (at >= end) return
    edits.push({ start: at, end: at, by: encoder.encode(this.#mark()) })
    this.#isMarkDue = false
  }

  #endLine(at: number, edits: Edit[]): void {
    const isEventOver = this.#line === 'field' && this.#field.length === 0
    this.#scanner?.release(at, edits)
    if (isEventOver) this.#scanner?.reset()
    this.#line = 'field'
    this.#field = []
    this.#isMarkDue = false
    this.#isFirstLine = false
  }
}

function lineOf(field: readonly number[], isFirst: boolean): Line {
  const hasMark = isFirst && field[0] === 0xef && field[1] === 0xbb && field[2] === 0xbf
  const name = String.fromCharCode(...(hasMark ? field.slice(3) : field))
  return name === 'data' ? 'data' : name === 'id' ? 'event id' : 'other'
}

/**
 * Ids of requests on their way back. A request goes to its upstream under an id of ours, so that those of two clients never
 * meet in one session; its answer gets the client's own again as it passes, however large it is. PURE.
 */
import { parseExact } from '../exact-json.ts'
import type { Rewriting } from './reception.ts'
import { answers, isRpcId, isSameId, type RpcId, type RpcMessage } from './rpc.ts'

/** The id of a request as its upstream knows it, and as its client does. */
export interface IdPair {
  readonly sent: RpcId
  readonly client: RpcId
}

/** A message of the upstream's, with the client's id where it is the answer. */
export function restored(message: RpcMessage, { sent, client }: IdPair): RpcMessage {
  return answers(message, sent) ? { ...message, id: client } : message
}

/** The same, before `rewriting`: what comes for the client's request has the client's id when it gets there. */
export function restoring(pair: IdPair, rewriting: Rewriting): Rewriting {
  const mark = markOf(pair)
  return {
    message: (message) => rewriting.message(restored(message, pair)),
    eventId: (id) => rewriting.eventId(`${mark}${id}`),
  }
}

/** What is put before the ids of a stream's events, of characters that a header may have. */
export function markOf({ sent, client }: IdPair): string {
  const text = encodeURIComponent(JSON.stringify([sent, client])).replaceAll('.', '%2E')
  return `${MARK}${text}.`
}

const MARK = 'gatehouse-ids='

/** The two parts of an event's id that was marked; null for one that was not. */
export function splitMarked(eventId: string): { readonly pair: IdPair; readonly id: string } | null {
  const dot = eventId.indexOf('.')
  if (!eventId.startsWith(MARK) || dot < 0) return null
  try {
    const ids: unknown = parseExact(decodeURIComponent(eventId.slice(MARK.length, dot)))
    const [sent, client] = Array.isArray(ids) ? ids : []
    return isRpcId(sent) && isRpcId(client) ? { pair: { sent, client }, id: eventId.slice(dot + 1) } : null
  } catch {
    return null
  }
}

/** What changes in a piece of bytes: those from `start` to `end` give way to `by`. */
interface Edit {
  readonly start: number
  readonly end: number
  readonly by: Uint8Array
}

/** A longer value of `id` is none of ours, even with every character escaped. */
const LONGEST_VALUE = 512
/** A longer name is not `id`, even with every character escaped. */
const LONGEST_NAME = 12
/** Fields of events that matter, with a byte order mark in front, are no longer. */
const LONGEST_FIELD = 8
/** Up to here a string is read byte by byte: a search costs more than it saves. */
const SHORT = 48

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const FEED = 0x0a
const RETURN = 0x0d
const BLANK = 0x20
const TAB = 0x09
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

const nothing = new Uint8Array(0)
const encoder = new TextEncoder()

/** Where in a message. */
type Place =
  /** Between strings. */
  | 'between'
  /** In a string that does not matter. */
  | 'string'
  /** In the name of one of the message's own members. */
  | 'name'
  /** In the value of its `id`, or before it. */
  | 'value'
  | 'string value'

/**
 * Looks through JSON messages, piece by piece. Only the members of a message itself count (of each, where they stand in an
 * array): what says the same anywhere else is the server's. Text that is not JSON passes as it is.
 */
class Scanner {
  readonly #pair: IdPair
  readonly #sent: Uint8Array
  #client: Uint8Array | null = null
  readonly #isAnswer: boolean
  #place: Place = 'between'
  #depth = 0
  /** How deep the members of messages are. */
  #level = 1
  #awaitsName = false
  #isEscaped = false
  #isIdNext = false
  #hasMembers = false
  #hasId = false
  #name: number[] = []
  /** Of the value of `id`: what was held back of earlier pieces. */
  #held: number[] = []

  /** Whether the last id that a message gave was the one that was sent. */
  isRestored = false

  /** @param isAnswer the message answers the request, so an id that names nobody, or none, means it */
  constructor(pair: IdPair, isAnswer: boolean) {
    this.#pair = pair
    this.#isAnswer = isAnswer
    this.#sent = encoder.encode(JSON.stringify(pair.sent))
  }

  /** The next message begins. */
  reset(): void {
    this.#place = 'between'
    this.#depth = 0
    this.#level = 1
    this.#awaitsName = false
    this.#isIdNext = false
    this.#held = []
  }

  /** Looks at the bytes from `start` to `end`. */
  push(bytes: Uint8Array, start: number, end: number, edits: Edit[]): void {
    for (let at = start; at < end; ) {
      switch (this.#place) {
        case 'between':
          at = this.#between(bytes, at, end, edits)
          break
        case 'string':
          at = this.#string(bytes, at, end)
          break
        case 'name':
          at = this.#readName(bytes, at, end)
          break
        default:
          at = this.#readValue(bytes, at, end, edits)
      }
    }
  }

  /** Lets go of what is held back, at `at`: no more of it will come. */
  release(at: number, edits: Edit[]): void {
    if (this.#held.length === 0) return
    edits.push({ start: at, end: at, by: Uint8Array.from(this.#held) })
    this.#held = []
    this.#place = 'between'
  }

  #between(bytes: Uint8Array, start: number, end: number, edits: Edit[]): number {
    for (let at = start; at < end; at++) {
      switch (bytes[at]) {
        case QUOTE:
          this.#isEscaped = false
          this.#place = this.#awaitsName && this.#depth === this.#level ? 'name' : 'string'
          this.#name = []
          return at + 1
        case OPEN_BRACKET:
          if (this.#depth === 0) this.#level = 2
          this.#depth += 1
          break
        case OPEN_BRACE:
          this.#depth += 1
          if (this.#depth !== this.#level) break
          this.#awaitsName = true
          this.#hasMembers = false
          this.#hasId = false
          break
        case CLOSE_BRACE:
          if (this.#depth === this.#level) this.#endMessage(at, edits)
          this.#depth -= 1
          break
        case CLOSE_BRACKET:
          this.#depth -= 1
          break
        case COMMA:
          if (this.#depth === this.#level) this.#awaitsName = true
          break
        case COLON:
          if (!this.#isIdNext || this.#depth !== this.#level) break
          this.#isIdNext = false
          this.#hasId = true
          this.#isEscaped = false
          this.#place = 'value'
          return at + 1
      }
    }
    return end
  }

  #endMessage(at: number, edits: Edit[]): void {
    if (!this.#isAnswer || this.#hasId) return
    const by = encoder.encode(`${this.#hasMembers ? ',' : ''}"id":${JSON.stringify(this.#pair.client)}`)
    edits.push({ start: at, end: at, by })
    this.isRestored = true
  }

  /** Behind the string, or at the end. */
  #string(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    for (const near = Math.min(end, start + SHORT); at < near; at++) {
      const byte = bytes[at]
      if (this.#isEscaped) this.#isEscaped = false
      else if (byte === BACKSLASH) this.#isEscaped = true
      else if (byte === QUOTE) {
        this.#place = 'between'
        return at + 1
      }
    }
    while (at < end) {
      const found = bytes.indexOf(QUOTE, at)
      const stop = found < 0 || found > end ? end : found
      let slashes = 0
      while (stop - slashes > at && bytes[stop - slashes - 1] === BACKSLASH) slashes += 1
      // That the first byte is escaped matters only where it is one of these.
      const isEscaped = (slashes % 2 === 1) !== (this.#isEscaped && slashes === stop - at)
      this.#isEscaped = stop === end && isEscaped
      if (stop === end) return end
      at = stop + 1
      if (isEscaped) continue
      this.#place = 'between'
      return at
    }
    return at
  }

  #readName(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === QUOTE && !this.#isEscaped) {
        this.#isIdNext = isIdName(this.#name)
        this.#awaitsName = false
        this.#hasMembers = true
        this.#place = 'between'
        return at + 1
      }
      this.#isEscaped = byte === BACKSLASH && !this.#isEscaped
      if (this.#name.length <= LONGEST_NAME) this.#name.push(byte)
    }
    return end
  }

  #readValue(bytes: Uint8Array, start: number, end: number, edits: Edit[]): number {
    let from = start
    let at = start
    // What stands before the value passes.
    if (this.#held.length === 0) while (at < end && isBlank(bytes[at])) at += 1
    from = at
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (this.#place === 'string value') {
        if (byte === QUOTE && !this.#isEscaped) return this.#endValue(bytes, from, at + 1, edits)
        this.#isEscaped = byte === BACKSLASH && !this.#isEscaped
      } else if (at === from && this.#held.length === 0) {
        if (byte === QUOTE) this.#place = 'string value'
        else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
          this.isRestored = false
          this.#place = 'between'
          return at
        }
      } else if (byte === COMMA || byte === CLOSE_BRACE || isBlank(byte)) {
        return this.#endValue(bytes, from, at, edits)
      }
      if (at - from + this.#held.length > LONGEST_VALUE) {
        this.release(from, edits)
        this.#place = this.#place === 'value' ? 'between' : 'string'
        this.isRestored = false
        return at + 1
      }
    }
    for (let i = from; i < end; i++) this.#held.push(bytes[i] as number)
    if (end > from) edits.push({ start: from, end, by: nothing })
    return end
  }

  #endValue(bytes: Uint8Array, from: number, end: number, edits: Edit[]): number {
    this.#place = 'between'
    if (this.#held.length === 0 && this.#isSent(bytes, from, end)) {
      this.isRestored = true
      edits.push({ start: from, end, by: this.#clientId() })
      return end
    }
    const whole = Uint8Array.from([...this.#held, ...bytes.subarray(from, end)])
    const value = parsed(new TextDecoder().decode(whole))
    this.isRestored = isSameId(value, this.#pair.sent) || (this.#isAnswer && (value === null || value === ''))
    if (this.isRestored) edits.push({ start: from, end, by: this.#clientId() })
    else if (this.#held.length > 0) edits.push({ start: from, end, by: whole })
    this.#held = []
    return end
  }

  /** As nearly every server writes it: the id that was sent, in the very same bytes. */
  #isSent(bytes: Uint8Array, from: number, end: number): boolean {
    const sent = this.#sent
    if (end - from !== sent.length) return false
    for (let i = 0; i < sent.length; i++) if (bytes[from + i] !== sent[i]) return false
    return true
  }

  #clientId(): Uint8Array {
    this.#client ??= encoder.encode(JSON.stringify(this.#pair.client))
    return this.#client
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === BLANK || byte === FEED || byte === RETURN || byte === TAB
}

/** `id`, or the same with letters escaped. */
function isIdName(name: readonly number[]): boolean {
  if (name.length === 2) return name[0] === 0x69 && name[1] === 0x64
  if (name.length > LONGEST_NAME || !name.includes(BACKSLASH)) return false
  return parsed(`"${String.fromCharCode(...name)}"`) === 'id'
}

/** What a JSON text says; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The bytes with their edits, which are in order; the same bytes where there are none. */
function edited(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return bytes
  let length = bytes.length
  for (const { start, end, by } of edits) length += by.length - (end - start)
  const out = new Uint8Array(length)
  let from = 0
  let to = 0
  for (const { start, end, by } of edits) {
    out.set(bytes.subarray(from, start), to)
    to += start - from
    out.set(by, to)
    to += by.length
    from = end
  }
  out.set(bytes.subarray(from), to)
  return out
}

/** The text of an answer to the request, under the client's id. */
export function withClientId(text: string, pair: IdPair): string | Uint8Array {
  const sent = JSON.stringify(pair.sent)
  const at = text.indexOf(sent)
  // Where it stands once, and no character is written by its number, it is the id: nothing else can be read as that.
  const isSure = at >= 0 && text.indexOf(sent, at + 1) < 0 && !text.includes('\\u')
  if (isSure) return `${text.slice(0, at)}${JSON.stringify(pair.client)}${text.slice(at + sent.length)}`
  return new AnswerIds(pair).push(encoder.encode(text))
}

/** Restores the id in an answer that is one JSON message, given in pieces cut anywhere. */
export class AnswerIds {
  readonly #scanner: Scanner

  constructor(pair: IdPair) {
    this.#scanner = new Scanner(pair, true)
  }

  /** Whether the answer was to this request; said by its end. */
  get isRestored(): boolean {
    return this.#scanner.isRestored
  }

  /** What may pass in place of `piece`: the same bytes where nothing in them changes. */
  push(piece: Uint8Array): Uint8Array {
    const edits: Edit[] = []
    this.#scanner.push(piece, 0, piece.length, edits)
    return edited(piece, edits)
  }

  /** What was held back, when no more comes. */
  end(): Uint8Array {
    const edits: Edit[] = []
    this.#scanner.release(0, edits)
    return edited(nothing, edits)
  }
}

/** In a line of an event stream: in its field's name, or behind it. */
type Line = 'field' | 'data' | 'event id' | 'other'

/**
 * Restores the id in an event stream, given in pieces cut anywhere. The ids of its events get a mark, by which whoever
 * resumes the stream can be given its rest in the same way.
 */
export class StreamIds {
  readonly #scanner: Scanner
  readonly #mark: () => string
  #line: Line = 'field'
  #field: number[] = []
  #isFirstLine = true
  #isBehindReturn = false
  /** Behind the colon of an event's id, of which nothing has come yet. */
  #isMarkDue = false

  /** @param mark of characters that a header may have */
  constructor(pair: IdPair, mark: () => string) {
    this.#scanner = new Scanner(pair, false)
    this.#mark = mark
  }

  /** What may pass in place of `piece`: the same bytes where nothing in them changes. */
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

  /** What was held back, when no more comes. */
  end(): Uint8Array {
    const edits: Edit[] = []
    this.#scanner.release(0, edits)
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
    if (this.#line === 'data') this.#scanner.push(piece, at, end, edits)
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
    this.#scanner.release(at, edits)
    if (isEventOver) this.#scanner.reset()
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

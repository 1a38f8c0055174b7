/** Finds the ids of JSON messages that go by, and puts a client's id in the place of ours. PURE. */
import { isSameId } from '../base/rpc.ts'
import type { Edit } from './edits.ts'
import { nothing } from './edits.ts'
import type { IdPair } from './id-pair.ts'
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  isBlank,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  StringFollower,
} from './json-bytes.ts'

/** A longer value of `id` is none of ours, even with every character escaped. */
const LONGEST_VALUE = 512
/** A longer name is not `id`, even with every character escaped. */
const LONGEST_NAME = 12

const encoder = new TextEncoder()

/** A place in a message. */
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
export class IdScanner {
  readonly #pair: IdPair
  readonly #sent: Uint8Array
  #client: Uint8Array | null = null
  readonly #isAnswer: boolean
  #place: Place = 'between'
  #depth = 0
  /** The level of the members of messages. */
  #level = 1
  #awaitsName = false
  readonly #string = new StringFollower()
  #isEscaped = false
  #isIdNext = false
  #hasMembers = false
  #hasId = false
  #name: number[] = []
  /** The bytes of the value of `id` that were held back of earlier pieces. */
  #held: number[] = []

  /** True where the last id that a message gave was the one that was sent. */
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
          at = this.#string.behind(bytes, at, end)
          if (this.#string.isOver) this.#place = 'between'
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
          this.#string.begin()
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
    // Bytes before the value pass.
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
        this.#string.begin(this.#isEscaped)
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

/** `id`, or the same with letters escaped. */
function isIdName(name: readonly number[]): boolean {
  if (name.length === 2) return name[0] === 0x69 && name[1] === 0x64
  if (name.length > LONGEST_NAME || !name.includes(BACKSLASH)) return false
  return parsed(`"${String.fromCharCode(...name)}"`) === 'id'
}

/** Parses a JSON text; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

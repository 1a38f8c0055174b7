/**
 * A server's own requests and notifications in an event stream, changed on their way to the client. Answers, which may be large, pass
 * unheld. PURE.
 */
import { type RpcMessage, readRpc } from '../base/rpc.ts'
import { joined } from './edits.ts'
import { EventParser, EventTooLargeError, formatEvent } from './sse.ts'

/** The most of an event's data that is held, to see whether it is a message of the server's own. */
export const LOOKED_AT_BYTES = 64 * 1024
/** One that is must be held; a larger one is refused. */
const MOST_BYTES = 8 * 1024 * 1024
/** The length within which a long message shows its kind. */
const BEGINNING_BYTES = 2_048

const FEED = 0x0a
const RETURN = 0x0d
const LETTER_D = 0x64
const BYTE_ORDER_MARK = 0xef

/** A request or a notification has these; what is longer than LOOKED_AT_BYTES is one if it begins with them. */
const OWN = /^\uFEFF?data: ?[\s[]*\{[^{[]*"(?:method|params)"\s*:/
/** Text without these has no method, however it is written. */
const MAY_BE_OWN = /"method"|\\u/

/** The treatment of an event. */
type Fate =
  /** Nothing of its data has come. */
  | 'open'
  | 'held'
  /** It is no message of the server's own. */
  | 'passing'

export class OwnMessages {
  readonly #change: (message: RpcMessage) => RpcMessage
  readonly #encoder = new TextEncoder()
  #fate: Fate = 'open'
  /** From the first line of an event's data on. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #isLong = false
  #isFirstLine = true
  #isLineStart = true
  /** An LF that comes next belongs to the CR before it. */
  #isBehindReturn = false

  /** @param change what a message of the server's own becomes; the same object where it stays as it is */
  constructor(change: (message: RpcMessage) => RpcMessage) {
    this.#change = change
  }

  /** Returns the bytes to pass in place of `piece`: the same ones where nothing in them is held or changes. Throws EventTooLargeError. */
  push(piece: Uint8Array): Uint8Array {
    const out: Uint8Array[] = []
    /** Bytes before this are passed on or held. */
    let done = 0
    let feed = piece.indexOf(FEED)
    let carriage = piece.indexOf(RETURN)
    for (let at = 0; at < piece.length; ) {
      const byte = piece[at]
      if (this.#isBehindReturn && byte === FEED) {
        this.#isBehindReturn = false
        at += 1
        continue
      }
      this.#isBehindReturn = false
      if (this.#isLineStart && byte !== FEED && byte !== RETURN) {
        if (this.#fate === 'open' && this.#mayBeData(byte)) {
          if (at > done) out.push(piece.subarray(done, at))
          done = at
          this.#fate = 'held'
        }
        this.#isLineStart = false
        this.#isFirstLine = false
      }
      if (feed >= 0 && feed < at) feed = piece.indexOf(FEED, at)
      if (carriage >= 0 && carriage < at) carriage = piece.indexOf(RETURN, at)
      const end = feed < 0 || (carriage >= 0 && carriage < feed) ? carriage : feed
      if (end < 0) break
      this.#isBehindReturn = end === carriage
      at = end + 1
      const isEventOver = this.#isLineStart
      this.#isLineStart = true
      if (!isEventOver) continue
      if (this.#isBehindReturn && piece[at] === FEED) {
        this.#isBehindReturn = false
        at += 1
      }
      if (this.#fate === 'held') {
        this.#hold(piece.subarray(done, at))
        out.push(this.#whole())
        done = at
      }
      this.#fate = 'open'
    }
    if (this.#fate === 'held') {
      this.#hold(piece.subarray(done))
      if (this.#mayPass()) out.push(...this.#release())
    } else if (done === 0 && out.length === 0) return piece
    else if (done < piece.length) out.push(piece.subarray(done))
    return joined(out)
  }

  #mayBeData(byte: number | undefined): boolean {
    return byte === LETTER_D || (this.#isFirstLine && byte === BYTE_ORDER_MARK)
  }

  #hold(bytes: Uint8Array): void {
    this.#heldBytes += bytes.length
    if (this.#heldBytes > MOST_BYTES) throw new EventTooLargeError(MOST_BYTES)
    if (bytes.length > 0) this.#held.push(bytes)
  }

  /** Tells whether an event that has become long is no message of the server's own. Asked once. */
  #mayPass(): boolean {
    if (this.#isLong || this.#heldBytes <= LOOKED_AT_BYTES) return false
    this.#isLong = true
    const beginning = joined(this.#held).subarray(0, BEGINNING_BYTES)
    return !OWN.test(textOf(beginning))
  }

  #release(): readonly Uint8Array[] {
    const held = this.#held
    this.#held = []
    this.#heldBytes = 0
    this.#isLong = false
    this.#fate = 'passing'
    return held
  }

  /** An event that is complete, changed where it is a message of the server's own. */
  #whole(): Uint8Array {
    const bytes = joined(this.#release())
    const text = textOf(bytes)
    if (!MAY_BE_OWN.test(text)) return bytes
    const [event] = new EventParser(Number.POSITIVE_INFINITY).push(text)
    if (event === undefined || event.data === null) return bytes
    const { messages } = readRpc(event.data)
    const changed = messages.map(this.#change)
    if (changed.every((message, index) => message === messages[index])) return bytes
    const isList = event.data.trimStart().startsWith('[')
    return this.#encoder.encode(
      formatEvent({ ...event, data: JSON.stringify(isList ? changed : changed[0]) }),
    )
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes)
}

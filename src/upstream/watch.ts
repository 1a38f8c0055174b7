/**
 * Watches an event stream go by without holding it, to see whether the answer to a request has come and whether the stream may be
 * resumed. Only the beginning of a long event is looked at. PURE.
 */
import { answers, isRequest, type RpcId, type RpcMessage, readRpc } from '../base/rpc.ts'
import { isMessageType } from './sse.ts'

/** More of one event is not looked at: the answer is in it, but how it went is then not known in detail. */
const MOST_CHARS = 64 * 1024
/** More open questions are not counted: while there are so many, one is open. */
const MOST_QUESTIONS = 256

export class EventWatch {
  readonly #id: RpcId | null
  readonly #mostChars: number
  readonly #onRequest: (message: RpcMessage) => void
  #line = ''
  #data = ''
  #isCut = false
  #isMessage = true
  #isInEvent = false
  #hasId = false
  #endedWithCr = false

  /** The answer, `cut` for one that was too long to be read, or null while there is none. */
  answer: RpcMessage | 'cut' | null = null
  /** The upstream gives its events ids: a client may come back for what it missed. */
  isResumable = false
  /** The number of requests that the upstream itself has made. */
  asked = 0
  /** Those of them that it waits for a person with, by their ids: asked and not withdrawn. */
  readonly #questions = new Set<string>()

  /**
   * @param id the request's; null where the stream answers none
   * @param onRequest called with each request of the server's own
   */
  constructor(id: RpcId | null, mostChars = MOST_CHARS, onRequest: (message: RpcMessage) => void = () => {}) {
    this.#id = id
    this.#onRequest = onRequest
    this.#mostChars = mostChars
  }

  /**
   * Tells whether the upstream has a question open. An answer to it is not seen here, so it stays open until the upstream
   * withdraws it (MCP 2025-11-25, cancellation). A `ping` is none: every client answers at once.
   */
  get isAsking(): boolean {
    return this.#questions.size > 0
  }

  /** Tells whether the stream stands in the middle of an event. */
  get isInEvent(): boolean {
    return this.#isInEvent
  }

  /** Tells whether the stream stands in the middle of a line. */
  get isInLine(): boolean {
    return this.#line !== ''
  }

  push(text: string): void {
    // Nothing has come: an LF that comes next still belongs to the CR before it.
    if (text === '') return
    let start = this.#endedWithCr && text.startsWith('\n') ? 1 : 0
    this.#endedWithCr = text.endsWith('\r')
    for (let i = start; i < text.length; i++) {
      const char = text.charCodeAt(i)
      if (char !== 0x0a && char !== 0x0d) continue
      this.#append(text.slice(start, i))
      this.#endLine()
      if (char === 0x0d && text.charCodeAt(i + 1) === 0x0a) i += 1
      start = i + 1
    }
    this.#append(text.slice(start))
  }

  #append(part: string): void {
    if (part !== '') this.#isInEvent = true
    const room = this.#mostChars - this.#line.length
    if (part.length > room) this.#isCut = true
    this.#line += part.slice(0, Math.max(0, room))
  }

  #endLine(): void {
    const line = this.#line
    this.#line = ''
    if (line === '') {
      this.#endEvent()
      return
    }
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1)
    if (field === 'data' && this.#data.length <= this.#mostChars)
      this.#data += this.#data === '' ? value : `\n${value}`
    else if (field === 'data') this.#isCut = true
    else if (field === 'id') this.#hasId = value !== ''
    else if (field === 'event') this.#isMessage = isMessageType(value)
  }

  #endEvent(): void {
    if (this.#isMessage && this.#data !== '' && this.#id !== null) this.#look(this.#id)
    // An id counts with the end of its event (HTML, server-sent events).
    this.isResumable ||= this.#hasId
    this.#data = ''
    this.#isCut = false
    this.#isMessage = true
    this.#isInEvent = false
    this.#hasId = false
  }

  #look(id: RpcId): void {
    if (this.#isCut) {
      // Requests and notifications name their method at their beginning; nothing else is so long.
      if (!/^[\s[]*\{[^{[]*"method"/.test(this.#data.slice(0, 1_024))) this.answer ??= 'cut'
      return
    }
    for (const message of readRpc(this.#data).messages) {
      if (answers(message, id)) this.answer = message
      else if (isRequest(message)) {
        this.asked += 1
        if (message.method !== 'ping' && this.#questions.size < MOST_QUESTIONS)
          this.#questions.add(JSON.stringify(message.id))
        this.#onRequest(message)
      } else if (message.method === 'notifications/cancelled')
        this.#questions.delete(JSON.stringify(message.params?.requestId))
    }
  }
}

/** The messages of an upstream's answer, whether it comes as JSON or as an event stream, even one in pieces. */
import { type RpcId, type RpcMessage, readRpc } from '../base/rpc.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { BodyProblem, endedEarly, notRpc, tooLarge } from './answer-problems.ts'
import { BodyReader, readUpTo } from './body.ts'
import { discard, type Hold, isJson, problemIn, type Sent } from './http.ts'
import { inOwnWords } from './own-words.ts'
import { errorUnder } from './refusal.ts'
import { EventParser, EventTooLargeError, isMessageType } from './sse.ts'

/** The longest message that is changed on its way, for it must be held. */
export const MOST_MESSAGE_BYTES = 8 * 1024 * 1024
/** The number of times in a row that a stream may end without anything new. */
const MOST_RESUMPTIONS = 5
/** The wait where the server names none, and the longest that it may name. */
const RETRY_MS = 1_000
const LONGEST_RETRY_MS = 10_000

type Open = Extract<Sent, { ok: true }>

/** Asks for the rest of a stream, behind the event of that id. The rest takes over the open request's place: `hold`. */
export type Resume = (lastEventId: string, hold: Hold) => Promise<Sent>

export class MessageReader {
  #open: Open
  #body: BodyReader
  #parser = new EventParser(MOST_MESSAGE_BYTES)
  #decoder = new TextDecoder()
  readonly #id: RpcId | null
  readonly #resume: Resume | null
  /** Undefined: the hold's own. */
  #quietMs: number | undefined
  #lastEventId: string | null = null
  #retryMs = RETRY_MS
  #resumptions = 0
  #hasJson = false
  #stopped: UpstreamProblem | null = null
  #wake: (() => void) | null = null

  /**
   * @param id of the request that is answered; null where none is
   * @param resume null where a stream that ends is over
   */
  constructor(open: Open, id: RpcId | null, resume: Resume | null) {
    this.#open = open
    this.#id = id
    this.#body = new BodyReader(open.response, open.hold)
    this.#resume = resume
  }

  get #hold(): Hold {
    return this.#open.hold
  }

  get status(): number {
    return this.#open.response.status
  }

  /** Bounds how long the server may be silent from now on. */
  allowSilence(ms: number): void {
    this.#quietMs = ms
    this.#hold.watchdog.heard(ms)
  }

  /** The messages that came next, at least one. Throws BodyProblem, also when the stream ends. */
  async next(): Promise<readonly RpcMessage[]> {
    const { response } = this.#open
    const problem = problemIn(response, this.#hold.link)
    if (problem !== null) {
      const message = this.#id === null || this.#hasJson ? null : await errorUnder(response, this.#id)
      const told = message === null ? await inOwnWords(problem, response, this.#hold) : problem
      discard(response)
      if (message === null) throw new BodyProblem(told)
      this.#hasJson = true
      return [message]
    }
    if (isJson(response)) return this.#json()
    for (;;) {
      const piece = await this.#body.next()
      if (piece === null) {
        await this.#reopen()
        continue
      }
      const messages = this.#messagesIn(this.#decoder.decode(piece, { stream: true }))
      if (messages.length > 0) return messages
    }
  }

  async #json(): Promise<readonly RpcMessage[]> {
    if (this.#hasJson) throw new BodyProblem(endedEarly(this.status))
    this.#hasJson = true
    const read = await readUpTo(this.#body, MOST_MESSAGE_BYTES)
    if (read.kind === 'problem') throw new BodyProblem(read.problem)
    if (read.kind === 'more') throw new BodyProblem(tooLarge(MOST_MESSAGE_BYTES, this.status))
    const { messages } = readRpc(read.text)
    if (messages.length === 0) throw new BodyProblem(notRpc(this.status))
    return messages
  }

  #messagesIn(text: string): readonly RpcMessage[] {
    const messages: RpcMessage[] = []
    try {
      for (const { event, id, retry, data } of this.#parser.push(text)) {
        if (id !== undefined && id !== '') this.#lastEventId = id
        if (retry !== undefined) this.#retryMs = Math.min(retry, LONGEST_RETRY_MS)
        if (isMessageType(event) && data !== null && data !== '') messages.push(...readRpc(data).messages)
      }
    } catch (error) {
      if (!(error instanceof EventTooLargeError)) throw error
      throw new BodyProblem(tooLarge(MOST_MESSAGE_BYTES, this.status))
    }
    if (messages.length > 0) this.#resumptions = 0
    return messages
  }

  /** A stream whose events have ids may end at any time, to be taken up again (MCP 2025-11-25, resumability). */
  async #reopen(): Promise<void> {
    const { status } = this
    if (this.#resume === null || this.#lastEventId === null || this.#resumptions >= MOST_RESUMPTIONS)
      throw new BodyProblem(endedEarly(status))
    this.#resumptions += 1
    const before = this.#hold
    await this.#pause()
    if (this.#stopped !== null) throw new BodyProblem(this.#stopped)
    const sent = await this.#resume(this.#lastEventId, before)
    if (!sent.ok) throw new BodyProblem(notResumed(sent.problem, status))
    if (sent.hold !== before) before.end(null)
    const refusal = problemIn(sent.response, sent.hold.link)
    if (refusal !== null || isJson(sent.response)) {
      discard(sent.response)
      sent.hold.end(refusal)
      throw new BodyProblem(endedEarly(status))
    }
    this.#open = sent
    this.#body = new BodyReader(sent.response, sent.hold)
    this.#parser = new EventParser(MOST_MESSAGE_BYTES)
    this.#decoder = new TextDecoder()
    if (this.#quietMs !== undefined) sent.hold.watchdog.heard(this.#quietMs)
  }

  /** The server wants to be left alone for a while, which is no silence of its own; the time of the whole goes on. */
  async #pause(): Promise<void> {
    const { watchdog, link } = this.#hold
    if (this.#quietMs === undefined || this.#quietMs < Number.POSITIVE_INFINITY)
      watchdog.heard(this.#retryMs + link.config.responseSeconds * 1_000)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#retryMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
      watchdog.signal.addEventListener('abort', this.#wake, { once: true })
    })
    if (this.#wake !== null) watchdog.signal.removeEventListener('abort', this.#wake)
    this.#wake = null
    if (watchdog.problem !== null) throw new BodyProblem(watchdog.problem)
  }

  /** Makes the pending read throw `problem`. */
  stop(problem: UpstreamProblem): void {
    this.#stopped ??= problem
    this.#hold.watchdog.stop(problem)
    this.#wake?.()
  }

  /** Lets go of the request, and says how it went. */
  close(problem: UpstreamProblem | null): void {
    this.#body.cancel()
    this.#hold.end(problem)
  }
}

/** The request itself was taken long ago: that nobody was reached for the rest says nothing of what became of it. */
function notResumed(problem: UpstreamProblem, status: number): UpstreamProblem {
  const isTold = problem.failure === 'cancelled' || problem.failure === 'timeout'
  return isTold ? { ...problem, isUndone: false } : endedEarly(status)
}

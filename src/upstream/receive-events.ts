/** Answers that come as an event stream: passed on as they come, watched for the answer, ended with one. */
import { answers, isAnswer, isNobodys, type RpcId, type RpcMessage, readRpc } from '../base/rpc.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { BodyProblem, endedEarly, hungUp, problemFrom, unansweredInTime } from './answer-problems.ts'
import { BodyReader } from './body.ts'
import type { Hold } from './http.ts'
import { restored } from './id-pair.ts'
import { PassedStream, passing } from './passed-stream.ts'
import {
  abandoned,
  type Ending,
  eventHeaders,
  markedOf,
  messageEvent,
  once,
  type Reception,
  type Rewriting,
} from './reception.ts'
import { EventParser, formatEvent, isMessageType, MOST_MESSAGE_CHARS, type SseEvent } from './sse.ts'
import { EventWatch } from './watch.ts'

/** The time that a stream may go on behind its answer: nothing more is waited for, but it may end by itself. */
export const LINGER_MS = 500
/** The source of a stream's pieces. */
export interface Source {
  /** The next piece, or null at the end. Throws only BodyProblem. */
  next(): Promise<Uint8Array | null>
  cancel(): void
  /** The problem of a stream that has ended without the answer. */
  readonly unanswered: UpstreamProblem
}

/** Passes on the stream of a response. Never throws. */
export function receiveEvents(response: Response, hold: Hold, reception: Reception): Response {
  const { status } = response
  const reader = new BodyReader(response, hold)
  const source = { next: () => reader.next(), cancel: () => reader.cancel(), unanswered: endedEarly(status) }
  return passEvents(source, status, hold, reception)
}

/** Passes on a stream. Never throws. */
export function passEvents(reader: Source, status: number, hold: Hold, reception: Reception): Response {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const watch = new EventWatch(reception.id)
  const { rewriting } = reception
  const marked = markedOf(reception)
  const hasNames = marked.pair !== null || marked.asker !== null
  const rewriter =
    rewriting === null
      ? null
      : new EventRewriter(hasNames ? passing(marked, rewriting) : rewriting, reception.id)
  const passed = rewriter === null && hasNames ? new PassedStream(marked) : null
  const found = () => (rewriter === null ? watch.answer : rewriter.answer)
  const isAsking = () => watch.isAsking && found() === null && reception.isRead !== true
  let linger: ReturnType<typeof setTimeout> | null = null
  const end = once((ending: Ending) => {
    if (linger !== null) clearTimeout(linger)
    const problem = ending.kind === 'failed' ? ending.problem : null
    // Its time went by while it waited for the client, which is no fault of the server's.
    hold.end(isAsking() && problem?.failure === 'timeout' ? unansweredInTime(status) : problem)
    reception.onEnd(ending)
  })
  const idleMs = hold.link.config.idleSeconds * 1_000
  /** The server may be silent while it waits for what it has asked, whatever else it says meanwhile. */
  const allowSilence = () => hold.watchdog.heard(isAsking() ? Number.POSITIVE_INFINITY : idleMs)
  let isRefusalSaid = false
  /** A refusal that names nobody passes as it is; behind it the client is told that it is the answer to its request. */
  const withAnswer = (passed: Uint8Array): Uint8Array => {
    const { answer } = watch
    if (isRefusalSaid || answer === null || answer === 'cut' || watch.isInEvent || !isNobodys(answer.id))
      return passed
    isRefusalSaid = true
    const { id, client = id } = reception
    const said = encoder.encode(messageEvent(restored(answer, { sent: id, client })))
    const both = new Uint8Array(passed.length + said.length)
    both.set(passed)
    both.set(said, passed.length)
    return both
  }
  /** The next piece for the client, or null when there is none. */
  const next = async (): Promise<Uint8Array | null> => {
    for (let piece = await reader.next(); piece !== null; piece = await reader.next()) {
      const text = decoder.decode(piece, { stream: true })
      watch.push(text)
      allowSilence()
      const changed = rewriter?.push(text)
      if (found() !== null) linger ??= setTimeout(leave, LINGER_MS)
      if (changed === undefined) {
        const bytes = withAnswer(passed?.push(piece) ?? piece)
        if (bytes.length > 0) return bytes
        continue
      }
      if (changed !== '') return encoder.encode(changed)
    }
    const isPaused = reception.mayResume && watch.isResumable
    if (found() === null && !isPaused) throw new BodyProblem(reader.unanswered)
    return null
  }
  /** Returns the bytes to send when nothing more comes from the upstream. */
  const conclude = (problem: UpstreamProblem | null): string => {
    const answer = found()
    if (answer !== null) end({ kind: 'answered', message: answer, status })
    else if (problem === null) end({ kind: 'paused', status })
    else {
      end({ kind: 'failed', problem })
      const close = rewriter === null && watch.isInEvent ? abandoned(watch.isInLine) : ''
      return `${close}${messageEvent(reception.failure(problem))}`
    }
    return ''
  }
  /** Behind the answer: the stream ends, and so does what is read of the server's. */
  const leave = () => {
    reader.cancel()
    conclude(null)
  }
  let isGone = false
  const hangUp = () => {
    isGone = true
    reader.cancel()
    conclude(hungUp(status))
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let problem: UpstreamProblem | null = null
      try {
        const piece = await next()
        if (piece !== null) return controller.enqueue(piece)
      } catch (error) {
        // The client hung up while a piece was on its way.
        if (isGone) return
        reader.cancel()
        problem = problemFrom(error)
      }
      const last = conclude(problem)
      if (last !== '') controller.enqueue(encoder.encode(last))
      controller.close()
    },
    cancel: hangUp,
  })
  reception.gone?.addEventListener('abort', hangUp)
  return new Response(body, { status, headers: { ...eventHeaders, ...reception.headers } })
}

/**
 * Changes the messages of a stream, event by event. An event without data passes as it is; data that is no message does not pass: some
 * clients would take it for messages of other servers.
 */
export class EventRewriter {
  readonly #rewriting: Rewriting
  readonly #id: RpcId | null
  readonly #parser = new EventParser(MOST_MESSAGE_CHARS)

  /** The answer that has passed. */
  answer: RpcMessage | null = null
  /** The server's own id of the last event that had one. */
  lastEventId: string | null = null

  /** @param id of the request whose answer it brings, as the server knows it; null: answers to others pass, too */
  constructor(rewriting: Rewriting, id: RpcId | null = null) {
    this.#rewriting = rewriting
    this.#id = id
  }

  /** The events that `text` completes, changed. */
  push(text: string): string {
    let out = ''
    for (const event of this.#parser.push(text)) {
      const { id, data } = event
      if (id !== undefined && id !== '') this.lastEventId = id
      const messages = data === null || !isMessageType(event.event) ? [] : readRpc(data).messages
      const changed = messages.flatMap((message) => this.#changed(message) ?? [])
      const renamed = { ...event, ...(id === undefined ? {} : { id: this.#rewriting.eventId(id) }) }
      if (changed.length > 0) out += eventsOf(renamed, changed)
      // An event of an empty line of data is there for its id (MCP 2025-11-25, resumability), and so is what is left of one that
      // does not pass: where nothing had an id, a client could not come back for the answer.
      else if (data === null || data === '' || id !== undefined)
        out += formatEvent({ ...renamed, data: data === null ? null : '' })
    }
    return out
  }

  #changed(message: RpcMessage): RpcMessage | null {
    // A request has one answer.
    const isOthers = this.#id !== null && !answers(message, this.#id)
    if (isAnswer(message) && (this.answer !== null || isOthers)) return null
    const changed = this.#rewriting.message(message)
    if (changed !== null && isAnswer(message)) this.answer = message
    return changed
  }
}

/** An event for each message. Its id is the last one's: whoever comes back behind it has had them all. */
function eventsOf({ id, comments, ...event }: SseEvent, messages: readonly RpcMessage[]): string {
  const last = messages.length - 1
  return messages
    .map((message, index) =>
      formatEvent({
        ...event,
        ...(index === last && id !== undefined ? { id } : {}),
        comments: index === 0 ? comments : [],
        data: JSON.stringify(message),
      }),
    )
    .join('')
}

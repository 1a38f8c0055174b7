/** Answers in JSON that are too large to be held: passed on as they come. */
import { AnswerIds } from './answer-ids.ts'
import { BodyProblem, hungUp, largeArray, notRpc, problemFrom, wrongId } from './answer-problems.ts'
import type { BodyReader } from './body.ts'
import type { Hold } from './http.ts'
import { ObjectOutline } from './object-outline.ts'
import {
  abandoned,
  type Ending,
  eventHeaders,
  messageEvent,
  once,
  pairOf,
  type Reception,
} from './reception.ts'

/**
 * JSON too large to be held. It is sent as the data of one event, because a JSON body that breaks off cannot be
 * taken back, while an event that is not finished can: its last line gives it a type that clients do not know.
 * JSON has line breaks only where white space may be (RFC 8259, 2), so they can become spaces.
 */
export function receiveLarge(
  pieces: readonly Uint8Array[],
  reader: BodyReader,
  hold: Hold,
  status: number,
  reception: Reception,
): Response {
  const encoder = new TextEncoder()
  const waiting = [...pieces]
  const outline = new ObjectOutline()
  const front = new Front()
  const pair = pairOf(reception)
  const ids = pair === null ? null : new AnswerIds(pair)
  const isEvent = reception.acceptsEvents()
  const end = once((ending: Ending) => {
    hold.end(ending.kind === 'failed' ? ending.problem : null)
    reception.onEnd(ending)
  })
  let isGone = false
  const hangUp = () => {
    isGone = true
    reader.cancel()
    end({ kind: 'failed', problem: hungUp(status) })
  }
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (isEvent) controller.enqueue(encoder.encode('event: message\ndata: '))
    },
    async pull(controller) {
      try {
        // Until something can be passed on: a pull that brings nothing is not repeated.
        for (;;) {
          const read = waiting.shift() ?? (await reader.next())
          if (read === null) break
          const piece = front.cut(read)
          if (!outline.fits(piece))
            throw new BodyProblem(outline.isList ? largeArray(status) : notRpc(status))
          const passed = ids?.push(piece) ?? piece
          if (passed.length > 0) return controller.enqueue(isEvent ? onOneLine(passed) : passed)
        }
        if (!outline.isWhole) throw new BodyProblem(notRpc(status))
        if (ids?.isRestored === false) throw new BodyProblem(wrongId(status))
        if (isEvent) controller.enqueue(encoder.encode('\n\n'))
        controller.close()
        end({ kind: 'answered', message: 'cut', status })
      } catch (error) {
        // The client hung up while a piece was on its way.
        if (isGone) return
        reader.cancel()
        const problem = problemFrom(error)
        end({ kind: 'failed', problem })
        if (!isEvent) return controller.error(error)
        controller.enqueue(encoder.encode(`${abandoned(true)}${messageEvent(reception.failure(problem))}`))
        controller.close()
      }
    },
    cancel: hangUp,
  })
  reception.gone?.addEventListener('abort', hangUp)
  const headers = isEvent ? eventHeaders : { 'content-type': 'application/json' }
  return new Response(body, { status, headers: { ...headers, ...reception.headers } })
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/** Takes off the byte order mark that some servers begin JSON with, and readers may ignore (RFC 8259, 8.1). */
class Front {
  #seen = 0

  cut(piece: Uint8Array): Uint8Array {
    let at = 0
    while (this.#seen < BYTE_ORDER_MARK.length && at < piece.length) {
      if (piece[at] === BYTE_ORDER_MARK[this.#seen]) at += 1
      else this.#seen = BYTE_ORDER_MARK.length
      this.#seen += 1
    }
    return at === 0 ? piece : piece.subarray(at)
  }
}

function onOneLine(piece: Uint8Array): Uint8Array {
  let copy: Uint8Array | null = null
  for (const lineBreak of [0x0a, 0x0d]) {
    for (let at = piece.indexOf(lineBreak); at !== -1; at = piece.indexOf(lineBreak, at + 1)) {
      copy ??= piece.slice()
      copy[at] = 0x20
    }
  }
  return copy ?? piece
}

/** Answers in JSON that are too large to be held: passed on as they come. */
import { AnswerIds } from './answer-ids.ts'
import { BodyProblem, hungUp, notRpc, problemFrom, wrongId } from './answer-problems.ts'
import { onOneLine } from './array-events.ts'
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
 */
export function receiveLarge(
  pieces: readonly Uint8Array[],
  reader: BodyReader,
  {
    hold,
    status,
    reception,
  }: {
    readonly hold: Hold
    readonly status: number
    readonly reception: Reception
  },
): Response {
  const encoder = new TextEncoder()
  const waiting = [...pieces]
  const outline = new ObjectOutline()
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
          const piece = waiting.shift() ?? (await reader.next())
          if (piece === null) break
          if (!outline.fits(piece)) throw new BodyProblem(notRpc(status))
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

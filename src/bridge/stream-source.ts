/** An event stream of one upstream, as it comes in. */
import type { Marked } from '../upstream/event-marks.ts'
import { isEventStream, type Sent } from '../upstream/http.ts'
import { PassedStream } from '../upstream/passed-stream.ts'
import { EventRewriter } from '../upstream/receive-events.ts'
import type { Rewriting } from '../upstream/reception.ts'

/** Events that come from an upstream. */
export interface StreamSource {
  readonly body: ReadableStream<Uint8Array>
  readonly end: () => void
}

/** It may come later. */
export interface NotNow {
  /** The wait that the server asks for, in milliseconds; null where it names none. */
  readonly againInMs: number | null
}

/** `none`: there is no such stream, and will not be. */
export type Opened = StreamSource | NotNow | 'none'

export const notNow: NotNow = { againInMs: null }

export function isSource(opened: Opened): opened is StreamSource {
  return typeof opened === 'object' && 'body' in opened
}

/** The stream in an answer, if it is one. */
export function sourceFrom({ response, hold }: Extract<Sent, { ok: true }>): StreamSource | null {
  if (!response.ok || !isEventStream(response) || response.body === null) return null
  return { body: response.body, end: () => hold.end(null) }
}

/** The same stream, event by event, with what changes in its messages. */
export function rewritten({ body, end }: StreamSource, rewriting: Rewriting): StreamSource {
  const rewriter = new EventRewriter(rewriting)
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  const events = new TransformStream<Uint8Array, Uint8Array>({
    transform: (piece, controller) => {
      const text = rewriter.push(decoder.decode(piece, { stream: true }))
      if (text !== '') controller.enqueue(encoder.encode(text))
    },
  })
  return { body: body.pipeThrough(events), end }
}

/** The same stream as it passes to the client. */
export function passedOn({ body, end }: StreamSource, marked: Marked): StreamSource {
  const passed = new PassedStream(marked)
  const passing = new TransformStream<Uint8Array, Uint8Array>({
    transform: (piece, controller) => {
      const bytes = passed.push(piece)
      if (bytes.length > 0) controller.enqueue(bytes)
    },
    flush: (controller) => {
      const bytes = passed.end()
      if (bytes.length > 0) controller.enqueue(bytes)
    },
  })
  return { body: body.pipeThrough(passing), end }
}

/** Lets go of a stream that nobody reads. */
export function letGo(opened: Opened): void {
  if (!isSource(opened)) return
  opened.body.cancel().catch(() => {})
  opened.end()
}

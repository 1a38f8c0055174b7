/**
 * A server's event stream as it passes to a client: the answer under the client's id, questions under names that say who has asked, and
 * events with a mark. PURE.
 */
import { askedIn } from './asker.ts'
import { type Marked, markOf } from './event-marks.ts'
import { restored } from './id-pair.ts'
import { OwnMessages } from './own-messages.ts'
import type { Rewriting } from './reception.ts'
import { StreamIds } from './stream-ids.ts'

/** At the server's own URL: unheld, but for what the server itself asks and tells. */
export class PassedStream {
  readonly #own: OwnMessages | null
  readonly #ids: StreamIds

  constructor(marked: Marked) {
    const { pair, asker } = marked
    this.#own = asker === null ? null : new OwnMessages((message) => askedIn(asker, message))
    this.#ids = new StreamIds(pair, () => markOf(marked))
  }

  /** Returns the bytes to pass in place of `piece`: the same ones where nothing in them changes. Throws EventTooLargeError. */
  push(piece: Uint8Array): Uint8Array {
    return this.#ids.push(this.#own?.push(piece) ?? piece)
  }

  /** Returns the bytes that were held back, when no more comes. An incomplete event is dropped. */
  end(): Uint8Array {
    return this.#ids.end()
  }
}

/** The same for messages that are read one by one, before `rewriting`. */
export function passing(marked: Marked, rewriting: Rewriting): Rewriting {
  const { pair, asker } = marked
  const mark = markOf(marked)
  return {
    message: (message) => {
      const answer = pair === null ? message : restored(message, pair)
      return rewriting.message(asker === null ? answer : askedIn(asker, answer))
    },
    eventId: (id) => rewriting.eventId(`${mark}${id}`),
  }
}

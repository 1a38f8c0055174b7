/**
 * When something that could not be delivered is tried again, and when it is given up: for what Legiti must hear and for what
 * webhooks are sent. PURE.
 */
import { unixSecondsOf } from '../legiti/tools/calendar.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Longest wait after the first failure in a row. Milliseconds. */
export const FIRST_BACK_OFF_MS = 5 * SECOND_MS

/** Longest wait after any number of failures, unless the receiver asks for more. Milliseconds. */
export const LONGEST_BACK_OFF_MS = 30 * MINUTE_MS

/** Age at which an undelivered event becomes a dead letter. Milliseconds since it happened. */
export const GIVE_UP_AFTER_MS = 72 * HOUR_MS

/** The time that a dead letter is kept, to be sent again. Milliseconds. */
export const KEEP_DEAD_MS = 30 * DAY_MS

/** The time that the row of a delivered message is kept. Milliseconds. */
export const KEEP_DELIVERED_MS = 7 * DAY_MS

/** Longest `Retry-After` that is believed, so that one bad answer cannot silence a destination. Milliseconds. */
export const MAX_RETRY_AFTER_MS = DAY_MS

/**
 * The meaning of one attempt for the event and its destination. `delivered`: done. `dead`: this event is refused for
 * good. `pause`: the key is refused, so every event of the destination waits. `back_off`: the destination is
 * unwell; try later, not before `retryAfterMs` from now when that is not null. `reason` is a stable code
 * (`http_503`, `timeout`, `network`) without any detail of the event.
 */
export type Verdict =
  | { kind: 'delivered' }
  | { kind: 'dead'; reason: string }
  | { kind: 'pause'; reason: string }
  | { kind: 'back_off'; reason: string; retryAfterMs: number | null }

/** The end of one attempt: the receiver answered (`retryAfter` is the header's text), or it did not. */
export type Answer = { status: number; retryAfter: string | null } | { failure: 'timeout' | 'network' }

/** The result of a round of attempts at one receiver. */
export interface Round<V extends Verdict> {
  /** Something got through: a failure beside it is the first in a row again. */
  readonly isAlive: boolean
  /** Why nothing is sent to it for a while; null: it goes on. */
  readonly closed: Extract<V, { kind: 'pause' | 'back_off' }> | null
}

/** Sums up the attempts of a round. A refused key outweighs a passing failure. */
export function roundOf<V extends Verdict>(verdicts: readonly V[]): Round<V> {
  const closing = verdicts.filter(
    (it): it is Extract<V, { kind: 'pause' | 'back_off' }> => it.kind === 'pause' || it.kind === 'back_off',
  )
  return {
    isAlive: verdicts.some(({ kind }) => kind === 'delivered'),
    closed: closing.find(({ kind }) => kind === 'pause') ?? closing[0] ?? null,
  }
}

/**
 * Returns the wait in milliseconds after `failures` failures in a row (1 is the first). The interval doubles
 * from FIRST_BACK_OFF_MS to LONGEST_BACK_OFF_MS; `random` (0 up to 1) places the wait between half of the
 * interval and all of it, so that destinations which failed together do not return together. Never less than
 * `retryAfterMs`.
 */
export function backOffMs(failures: number, random: number, retryAfterMs: number | null): number {
  // Very many failures make 2 ** n infinite, which the cap takes like any other number.
  const interval = Math.min(FIRST_BACK_OFF_MS * 2 ** Math.max(failures - 1, 0), LONGEST_BACK_OFF_MS)
  const wait = Math.floor(interval / 2 + (interval / 2) * random)
  return Math.max(wait, retryAfterMs ?? 0)
}

/** `Retry-After` (RFC 9110 §10.2.3) as a wait of 0..MAX_RETRY_AFTER_MS; null when absent or not understood. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  const text = header.trim()
  if (/^\d+$/.test(text)) return Math.min(Number(text) * SECOND_MS, MAX_RETRY_AFTER_MS)
  const at = httpDateSeconds(text)
  return at === null ? null : Math.min(Math.max(at * SECOND_MS - nowMs, 0), MAX_RETRY_AFTER_MS)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/

/**
 * Unix seconds of an IMF-fixdate (RFC 9110 §5.6.7), the only form that a sender may produce; null otherwise. The
 * two obsolete forms fall back to the ordinary back-off, which harms nobody. The weekday is not checked.
 */
function httpDateSeconds(text: string): number | null {
  const match = IMF_FIXDATE.exec(text)
  if (match === null) return null
  const [, day, month, year, hour, minute, second] = match
  return unixSecondsOf({
    year: Number(year),
    month: MONTHS.indexOf(month ?? '') + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  })
}

/**
 * When an event is delivered, retried, set aside or given up. The rules are those of legiti.md, "Delivery that
 * loses nothing"; the outbox obeys them and holds the state.
 *
 * PURE: no I/O, no clock, no randomness: `nowMs` and `random` are arguments.
 */
import { type Answer, retryAfterMs, type Verdict } from '../durable/retries.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** The time after which one delivery counts as failed. Milliseconds. */
export const DELIVERY_TIMEOUT_MS = 15 * SECOND_MS

/** The interval at which a paused destination is tried, in case its key was mended. Milliseconds. */
export const PAUSE_PROBE_MS = HOUR_MS

/**
 * The interval at which a principal that has events, and whose deployment has no Legiti, looks for it again. Milliseconds.
 * Its next use looks as well.
 */
export const HOLD_MS = DAY_MS

/** Judges one attempt. `nowMs`, Unix milliseconds, only turns a `Retry-After` date into a wait. */
export function verdict(answer: Answer, nowMs: number): Verdict {
  if ('failure' in answer) return { kind: 'back_off', reason: answer.failure, retryAfterMs: null }
  const { status, retryAfter } = answer
  const reason = `http_${status}`
  if (status >= 200 && status <= 299) return { kind: 'delivered' }
  if (status === 400) return { kind: 'dead', reason }
  if (status === 401 || status === 403) return { kind: 'pause', reason }
  // Everything else, redirects and other 4xx included: Legiti documents 400 alone as final, and losing an event
  // costs more than sending it again.
  return { kind: 'back_off', reason, retryAfterMs: retryAfterMs(retryAfter, nowMs) }
}

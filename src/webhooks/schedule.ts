/**
 * When a message to a webhook is delivered, retried or given up: what Legiti's outbox does (durable/retries.ts), for
 * receivers whose answers nobody has agreed on. PURE.
 */
import { type Answer, retryAfterMs, type Verdict } from '../durable/retries.ts'

/** The time that one attempt may take. Milliseconds. */
export const WEBHOOK_TIMEOUT_MS = 10_000

/**
 * Judges one attempt: any 2xx has it, 410 says that nobody wants it (Standard Webhooks, delivery), and everything else
 * is tried again, redirects included, for they are not followed.
 */
export function webhookVerdict(answer: Answer, nowMs: number): Exclude<Verdict, { kind: 'pause' }> {
  if ('failure' in answer) return { kind: 'back_off', reason: answer.failure, retryAfterMs: null }
  const { status, retryAfter } = answer
  const reason = `http_${status}`
  if (status >= 200 && status <= 299) return { kind: 'delivered' }
  if (status === 410) return { kind: 'dead', reason }
  return { kind: 'back_off', reason, retryAfterMs: retryAfterMs(retryAfter, nowMs) }
}

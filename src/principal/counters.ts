import type { Limit } from '../policy/model.ts'
import { windowAt } from '../policy/window.ts'
import type { Limited } from './contract.ts'

/** Which stored counters a call was charged to: exactly what a refund gives back. */
export type Charge = readonly [key: string, windowStartMs: number]

export type Reservation =
  | { readonly ok: true; readonly charges: readonly Charge[] }
  | { readonly ok: false; readonly limited: Limited }

/**
 * Charges a call to every limit, or to none when one of them has no room. The object runs one call at a time
 * and the caller's transaction holds the charge, so `max` calls pass in a window and never one more.
 *
 * @param sessionId counts limits of scope `session`; null (no session) is a bucket of its own, so that calls
 *   without a session share one allowance instead of having none.
 */
export function reserve(
  sql: SqlStorage,
  limits: readonly Limit[],
  sessionId: string | null,
  nowMs: number,
): Reservation {
  const charges = new Map<string, { charge: Charge; windowEndMs: number }>()
  for (const limit of limits) {
    const { startMs, endMs } = windowAt(limit.window, nowMs)
    const key = limit.scope === 'session' ? JSON.stringify([limit.key, sessionId]) : limit.key
    if (used(sql, key, startMs) >= limit.max) {
      const { rule, message, window, scope, max } = limit
      return { ok: false, limited: { rule, message, window, scope, max, resetsAtMs: endMs, nowMs } }
    }
    charges.set(key, { charge: [key, startMs], windowEndMs: endMs })
  }
  for (const { charge, windowEndMs } of charges.values()) add(sql, charge, windowEndMs)
  return { ok: true, charges: [...charges.values()].map(({ charge }) => charge) }
}

/** Gives charges back to the windows that they were taken from, even when those are over. */
export function refund(sql: SqlStorage, charges: readonly Charge[]): void {
  for (const [key, startMs] of charges) {
    sql.exec(
      'UPDATE counters SET used = used - 1 WHERE key = ? AND window_start = ? AND used > 0',
      key,
      startMs,
    )
  }
}

function used(sql: SqlStorage, key: string, startMs: number): number {
  const row = sql
    .exec<{ used: number }>('SELECT used FROM counters WHERE key = ? AND window_start = ?', key, startMs)
    .toArray()[0]
  return row?.used ?? 0
}

function add(sql: SqlStorage, [key, startMs]: Charge, windowEndMs: number): void {
  sql.exec(
    `INSERT INTO counters (key, window_start, used, window_end) VALUES (?, ?, 1, ?)
     ON CONFLICT (key, window_start) DO UPDATE SET used = used + 1`,
    key,
    startMs,
    windowEndMs,
  )
}

import type { Destination } from '../../contract/outbox.ts'
import { backOffMs, type Verdict } from '../../durable/retries.ts'
import { HOLD_MS, PAUSE_PROBE_MS } from '../../legiti/schedule.ts'

export function readDestination(sql: SqlStorage): Destination {
  const row = sql
    .exec<{ failures: number; retry_at: number; paused: number; reason: string }>('SELECT * FROM destination')
    .one()
  return { failures: row.failures, retryAtMs: row.retry_at, paused: row.paused === 1, reason: row.reason }
}

/** Stands for settings under which nothing is sent: no digest of any is it. */
const HELD = 'held'

/** Nothing is sent, because there is nobody to send to. Looked at again a day later. */
export function holdDestination(sql: SqlStorage, nowMs: number): void {
  const reason = 'the deployment has no Legiti'
  sql.exec(
    'UPDATE destination SET failures = 0, retry_at = ?, paused = 1, reason = ?, settings = ?',
    ...[nowMs + HOLD_MS, reason, HELD],
  )
}

/** Tells whether the last look found nobody to send to. */
export function isHeld(sql: SqlStorage): boolean {
  return sql.exec('SELECT 1 FROM destination WHERE settings = ?', HELD).toArray().length > 0
}

/** Opens a destination that was closed under other settings: a mended key or URL counts at once. */
export function openForSettings(sql: SqlStorage, digest: string): void {
  sql.exec(
    `UPDATE destination SET failures = 0, retry_at = 0, paused = 0, reason = '', settings = ?1 WHERE settings <> ?1`,
    digest,
  )
}

/** Something got through: full speed again. Writes only when that is news. */
export function openDestination(sql: SqlStorage): void {
  sql.exec(
    "UPDATE destination SET failures = 0, retry_at = 0, paused = 0, reason = '' WHERE failures > 0 OR retry_at > 0",
  )
}

/**
 * Nothing is sent for a while.
 * @param random in [0, 1), for the jitter
 */
export function closeDestination(
  sql: SqlStorage,
  verdict: Extract<Verdict, { kind: 'pause' | 'back_off' }>,
  random: number,
  nowMs: number,
): Destination {
  const failures = readDestination(sql).failures + 1
  const paused = verdict.kind === 'pause'
  const waitMs = verdict.kind === 'pause' ? PAUSE_PROBE_MS : backOffMs(failures, random, verdict.retryAfterMs)
  const destination = { failures, retryAtMs: nowMs + waitMs, paused, reason: verdict.reason }
  sql.exec(
    'UPDATE destination SET failures = ?, retry_at = ?, paused = ?, reason = ?',
    failures,
    destination.retryAtMs,
    paused ? 1 : 0,
    destination.reason,
  )
  return destination
}

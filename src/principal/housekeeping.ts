/**
 * What a principal does by alarm: end sessions whose time is over, drop what is no longer needed, and know
 * when it must wake up next.
 */
import { KEEP_DEAD_MS } from '../legiti/schedule.ts'
import { readDestination } from './destination.ts'
import { end, overdue } from './ending.ts'
import { overdueSessions, type Session } from './sessions.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** How long what is done with is kept, so that a person can look into it. */
export const KEEP_MS = {
  /** After the window's end; a clock that steps back a little still finds its counter. */
  counter: DAY_MS,
  endedSession: 30 * DAY_MS,
  deliveredEvent: 7 * DAY_MS,
  deadEvent: KEEP_DEAD_MS,
  audit: 30 * DAY_MS,
} as const

/** Rows handled in one go, so that no transaction grows without bound. */
const BATCH = 1_000

/**
 * A drain usually follows the answer at once; the alarm comes a little later, so that it finds nothing left
 * to do unless that drain died.
 */
const DRAIN_GRACE_MS = 1_000

/** Ends the sessions whose time is over and returns them. Call again while it returns a full batch. */
export function endOverdue(sql: SqlStorage, nowMs: number): { ended: Session[]; more: boolean } {
  const due = overdueSessions(sql, nowMs, BATCH)
  const ended = due.filter((session) => {
    const { reason, atMs } = overdue(session)
    return end(sql, session, reason, atMs)
  })
  return { ended, more: due.length === BATCH }
}

/** Rows of a table that go away `keepMs` after the time in `column`. Fixed text, never a caller's. */
interface Retention {
  readonly table: string
  readonly column: string
  readonly rows: string
  readonly keepMs: number
}

const retentions: readonly Retention[] = [
  { table: 'counters', column: 'window_end', rows: 'TRUE', keepMs: KEEP_MS.counter },
  { table: 'sessions', column: 'ended_at', rows: 'ended_at IS NOT NULL', keepMs: KEEP_MS.endedSession },
  { table: 'outbox', column: 'settled_at', rows: "state = 'delivered'", keepMs: KEEP_MS.deliveredEvent },
  { table: 'outbox', column: 'settled_at', rows: "state = 'dead'", keepMs: KEEP_MS.deadEvent },
  { table: 'audit', column: 'at', rows: 'TRUE', keepMs: KEEP_MS.audit },
]

/** Deletes what has been kept long enough. True when there may be more. */
export function purge(sql: SqlStorage, nowMs: number): boolean {
  const written = retentions.map(({ table, column, rows, keepMs }) => {
    const old = `SELECT rowid FROM ${table} WHERE ${rows} AND ${column} <= ? LIMIT ${BATCH}`
    return sql.exec(`DELETE FROM ${table} WHERE rowid IN (${old})`, nowMs - keepMs).rowsWritten
  })
  // Index entries count as rows written, so this errs towards looking again.
  return written.some((rows) => rows >= BATCH)
}

/**
 * When this principal must wake up, in Unix milliseconds, or null for never: the next session's end, the next
 * send that Legiti may get, the end of a lease, or the next full hour after which something can be deleted.
 */
export function nextWakeMs(sql: SqlStorage, incarnation: string, nowMs: number): number | null {
  const wakes = [
    scalar(sql, 'SELECT min(ends_at) AS at FROM sessions WHERE ended_at IS NULL'),
    nextDeliveryMs(sql, incarnation, nowMs),
    nextPurgeMs(sql),
  ].filter((at) => at !== null)
  return wakes.length === 0 ? null : Math.max(Math.min(...wakes), nowMs)
}

/** When the next event may be sent, or null when none is pending. */
export function nextDeliveryMs(sql: SqlStorage, incarnation: string, nowMs: number): number | null {
  const head = sql
    .exec<{ leased_by: string | null; lease_until: number | null }>(
      "SELECT leased_by, lease_until FROM outbox WHERE state = 'pending' ORDER BY seq LIMIT 1",
    )
    .toArray()[0]
  if (head === undefined) return null
  if (head.leased_by === incarnation && head.lease_until !== null) return head.lease_until
  return Math.max(nowMs + DRAIN_GRACE_MS, readDestination(sql).retryAtMs)
}

function nextPurgeMs(sql: SqlStorage): number | null {
  const dues = retentions
    .map(({ table, column, rows, keepMs }) => {
      const oldest = scalar(sql, `SELECT min(${column}) AS at FROM ${table} WHERE ${rows}`)
      return oldest === null ? null : oldest + keepMs
    })
    .filter((due) => due !== null)
  return dues.length === 0 ? null : Math.ceil(Math.min(...dues) / HOUR_MS) * HOUR_MS
}

/** The earliest a row written now can have to be deleted. */
export function soonestPurgeMs(nowMs: number): number {
  return nowMs + Math.min(...Object.values(KEEP_MS))
}

function scalar(sql: SqlStorage, query: string): number | null {
  return sql.exec<{ at: number | null }>(query).one().at
}

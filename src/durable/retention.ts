/** Rows that an object deletes once they have been kept long enough, and when it must wake up for that. Times are Unix milliseconds. */
import { ROUND_ROWS } from './turns.ts'

/** Rows of a table that go away `keepMs` after the time in `column`. */
export interface Retention {
  readonly keepMs: number
  /** Deletes up to `?2` of those whose time is up to `?1`, and returns one row for each. */
  readonly purge: string
  /** The oldest time that there is. */
  readonly oldest: string
}

const HOUR_MS = 3_600_000

/** All text is fixed SQL, never a caller's; the table has row ids. Call it when the module is loaded. */
export function retention({
  table,
  column,
  rows = 'TRUE',
  keepMs,
}: {
  readonly table: string
  readonly column: string
  /** The condition of those that go away at all. */
  readonly rows?: string
  readonly keepMs: number
}): Retention {
  return {
    keepMs,
    purge: deletion(table, `${rows} AND ${column} <= ?1`),
    oldest: `SELECT min(${column}) AS at FROM ${table} WHERE ${rows}`,
  }
}

/** A statement that deletes up to `?2` rows of a table with row ids, and returns one row for each. Fixed SQL, which mentions `?1`. */
export function deletion(table: string, rows: string): string {
  return `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${rows} LIMIT ?2) RETURNING 1`
}

/** Runs a `deletion`. Returns how many rows went. */
export function deleteRows(sql: SqlStorage, statement: string, bound: number, most: number): number {
  return sql.exec(statement, bound, most).toArray().length
}

/** Deletes what has been kept long enough, one round's worth. True when there may be more. */
export function purgeRows(sql: SqlStorage, retentions: readonly Retention[], nowMs: number): boolean {
  let left = ROUND_ROWS
  for (const { purge, keepMs } of retentions) {
    left -= deleteRows(sql, purge, nowMs - keepMs, left)
    if (left === 0) return true
  }
  return false
}

/** When the first row has been kept long enough; null: there is none. */
export function nextPurgeMs(sql: SqlStorage, retentions: readonly Retention[]): number | null {
  return soonest(
    retentions.map(({ oldest, keepMs }) => {
      const { at } = sql.exec<{ at: number | null }>(oldest).one()
      return at === null ? null : at + keepMs
    }),
  )
}

/** The soonest of several times; null: there is none. */
export function soonest(times: readonly (number | null)[]): number | null {
  const known = times.filter((at) => at !== null)
  return known.length === 0 ? null : Math.min(...known)
}

/** The full hour after a time, so that what comes one after the other goes together. */
export function fullHour(atMs: number): number {
  return Math.ceil(atMs / HOUR_MS) * HOUR_MS
}

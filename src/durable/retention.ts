/** Rows that an object deletes once they have been kept long enough, and when it must wake up for that. Times are Unix milliseconds. */

/** Rows of a table that go away `keepMs` after the time in `column`. */
export interface Retention {
  readonly keepMs: number
  /** Deletes a batch of those whose time is up to `?`. */
  readonly purge: string
  /** The oldest time that there is. */
  readonly oldest: string
}

/** Rows handled in one go, so that no transaction grows without bound. */
export const PURGE_BATCH = 1_000
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
  const old = `SELECT rowid FROM ${table} WHERE ${rows} AND ${column} <= ? LIMIT ${PURGE_BATCH}`
  return {
    keepMs,
    purge: `DELETE FROM ${table} WHERE rowid IN (${old})`,
    oldest: `SELECT min(${column}) AS at FROM ${table} WHERE ${rows}`,
  }
}

/** Deletes what has been kept long enough. True when there may be more. */
export function purgeRows(sql: SqlStorage, retentions: readonly Retention[], nowMs: number): boolean {
  const written = retentions.map(({ purge, keepMs }) => sql.exec(purge, nowMs - keepMs).rowsWritten)
  // Index entries count as rows written, so this errs towards looking again.
  return written.some((rows) => rows >= PURGE_BATCH)
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

/** Whose principal has yet to be told of what its grant is now, and when. */

/** After a principal could not be told: twice as long with every time, up to the longest. */
export const RETRY_MS = 5_000
export const LONGEST_RETRY_MS = 5 * 60_000

/** How many principals have yet to be told; of these grants, where some are given. */
export function countPending(sql: SqlStorage, grants: readonly string[] | null = null): number {
  return sql
    .exec<{ n: number }>(
      `SELECT count(*) AS n FROM grants
       WHERE pushed < revision AND (?1 IS NULL OR name IN (SELECT value FROM json_each(?1)))`,
      grants === null ? null : JSON.stringify(grants),
    )
    .one().n
}

/** Up to `most` grants whose principals are due: new changes first, and of those whoever could be told last time. */
export function dueGrants(sql: SqlStorage, most: number, nowMs: number): string[] {
  return sql
    .exec<{ name: string }>(
      'SELECT name FROM grants WHERE pushed < revision AND due_at <= ? ORDER BY due_at, tries, name LIMIT ?',
      nowMs,
      most,
    )
    .toArray()
    .map(({ name }) => name)
}

/** These grants, those whose principals could be told last time first: whoever cannot be told keeps nobody waiting. */
export function likelyFirst(sql: SqlStorage, grants: readonly string[]): string[] {
  return sql
    .exec<{ name: string }>(
      'SELECT name FROM grants WHERE name IN (SELECT value FROM json_each(?)) ORDER BY tries, name',
      JSON.stringify(grants),
    )
    .toArray()
    .map(({ name }) => name)
}

/** When the next principal is due, in Unix milliseconds; null: all have been told. */
export function nextDueMs(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>('SELECT min(due_at) AS at FROM grants WHERE pushed < revision').one()
    .at
}

/** The principal knows of `revision`. A deleted grant is gone for good, if nothing came after. */
export function markPushed(sql: SqlStorage, name: string, revision: number): void {
  sql.exec('UPDATE grants SET pushed = max(pushed, ?), tries = 0 WHERE name = ?', revision, name)
  sql.exec('DELETE FROM grants WHERE name = ? AND deleted_at IS NOT NULL AND pushed = revision', name)
}

/**
 * The principal could not be told of `revision`, or not in time. It counts for this grant alone; what has changed since is
 * due all the same.
 */
export function markFailed(sql: SqlStorage, name: string, revision: number, nowMs: number): void {
  sql.exec(
    `UPDATE grants SET due_at = ?1 + min(?2 * (1 << min(tries, 20)), ?3), tries = tries + 1
     WHERE name = ?4 AND revision = ?5 AND pushed < revision`,
    ...[nowMs, RETRY_MS, LONGEST_RETRY_MS, name, revision],
  )
}

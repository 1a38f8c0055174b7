/** The grants whose principals do not have the present revision yet, and when each is tried next. */

/** The wait after a push that failed. It doubles with every failure, up to the longest. */
export const RETRY_MS = 5_000
export const LONGEST_RETRY_MS = 5 * 60_000

/** Counts the principals that are behind; of these grants alone, where some are given. */
export function countPending(sql: SqlStorage, grants: readonly string[] | null = null): number {
  return sql
    .exec<{ n: number }>(
      `SELECT count(*) AS n FROM grants
       WHERE pushed < revision AND (?1 IS NULL OR name IN (SELECT value FROM json_each(?1)))`,
      grants === null ? null : JSON.stringify(grants),
    )
    .one().n
}

/** Returns up to `most` grants that are due: new changes first, and of those the ones whose last push succeeded. */
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

/** Orders these grants: those whose last push succeeded come first, so that a principal that fails keeps no other waiting. */
export function likelyFirst(sql: SqlStorage, grants: readonly string[]): string[] {
  return sql
    .exec<{ name: string }>(
      'SELECT name FROM grants WHERE name IN (SELECT value FROM json_each(?)) ORDER BY tries, name',
      JSON.stringify(grants),
    )
    .toArray()
    .map(({ name }) => name)
}

/** Returns when the next principal is due, in Unix milliseconds; null: none is behind. */
export function nextDueMs(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>('SELECT min(due_at) AS at FROM grants WHERE pushed < revision').one()
    .at
}

/** Records that the principal has `revision`. The row of a deleted grant goes, if no later revision exists. */
export function markPushed(sql: SqlStorage, name: string, revision: number): void {
  sql.exec('UPDATE grants SET pushed = max(pushed, ?), tries = 0 WHERE name = ?', revision, name)
  sql.exec('DELETE FROM grants WHERE name = ? AND deleted_at IS NOT NULL AND pushed = revision', name)
}

/**
 * Records that the push of `revision` failed, or took too long. Only this revision waits: a later one is due at once all the
 * same.
 */
export function markFailed(sql: SqlStorage, name: string, revision: number, nowMs: number): void {
  sql.exec(
    `UPDATE grants SET due_at = ?1 + min(?2 * (1 << min(tries, 20)), ?3), tries = tries + 1
     WHERE name = ?4 AND revision = ?5 AND pushed < revision`,
    ...[nowMs, RETRY_MS, LONGEST_RETRY_MS, name, revision],
  )
}

/**
 * The sealed content of waiting calls, kept as long as somebody may decide, and not longer. Synchronous SQL, in the caller's transaction.
 */

/**
 * Keeps the content of a call that waits, as it was last asked for: under the present key, without what the policy conceals by
 * now, and as long as the grant lasts by now.
 */
export function keepContent(sql: SqlStorage, id: string, sealed: string, expiresAtMs: number): void {
  sql.exec(
    `INSERT INTO approval_contents (approval, sealed, expires_at) VALUES (?, ?, ?)
     ON CONFLICT (approval) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at`,
    ...[id, sealed, expiresAtMs],
  )
}

/** The sealed content of a call that waits, or null: there is none, or its time is over. */
export function readContent(sql: SqlStorage, id: string, nowMs: number): string | null {
  const row = sql
    .exec<{ sealed: string }>(
      'SELECT sealed FROM approval_contents WHERE approval = ? AND expires_at > ?',
      ...[id, nowMs],
    )
    .toArray()[0]
  return row?.sealed ?? null
}

/** Erases what is kept of a call: it has been decided. */
export function eraseContent(sql: SqlStorage, id: string): void {
  sql.exec('DELETE FROM approval_contents WHERE approval = ?', id)
}

/** Erases everything that is kept: nobody can call here any more, or not at present. */
export function eraseContents(sql: SqlStorage): void {
  sql.exec('DELETE FROM approval_contents')
}

/** Has nothing be kept for longer than until `untilMs`. */
export function endContentsBy(sql: SqlStorage, untilMs: number): void {
  sql.exec('UPDATE approval_contents SET expires_at = ? WHERE expires_at > ?', untilMs, untilMs)
}

/** Erases what nobody can decide about any more. */
export function eraseOverdueContents(sql: SqlStorage, nowMs: number): void {
  sql.exec('DELETE FROM approval_contents WHERE expires_at <= ?', nowMs)
}

/** When `eraseOverdueContents` has something to do; null: nothing is kept. */
export function nextContentEndMs(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>('SELECT min(expires_at) AS at FROM approval_contents').one().at
}

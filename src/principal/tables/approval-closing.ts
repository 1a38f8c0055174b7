/** Approvals of an agent that is gone: whoever comes after it under its name has none of them. Synchronous SQL. */
import { eraseContents } from './approval-contents.ts'
import { announced } from './approval-rows.ts'

/** Why nobody decides any more; shown where nobody has said anything. */
export const REVOKED = 'The grant was revoked.'
export const REPLACED = 'The token that the call was asked for with was replaced.'

/**
 * Ends the time of everything that was asked for, in the caller's transaction: what waits or was approved expires, what is at
 * its server does not go on, and what was denied may be asked for anew. The tenant is told of what was open, which are as
 * many as people have been asked about.
 */
export function closeApprovals(sql: SqlStorage, why: string, grant: string, nowMs: number): void {
  const open = sql
    .exec<{ id: string }>(
      "SELECT id FROM approvals WHERE expires_at > ? AND state IN ('pending', 'approved', 'asking') ORDER BY seq",
      nowMs,
    )
    .toArray()
  for (const { id } of open) {
    sql.exec(
      `UPDATE approvals SET expires_at = ?, reason = CASE WHEN decided_at IS NULL THEN ? ELSE reason END,
         revision = revision + 1 WHERE id = ?`,
      ...[nowMs, why, id],
    )
    announced(sql, { id, grant }, nowMs)
  }
  sql.exec('UPDATE approvals SET expires_at = ? WHERE expires_at > ?', nowMs, nowMs)
  eraseContents(sql)
}

/**
 * The checkpoints that an object stores of its own log besides its head: here and there a row's place and hash, as the audit database
 * confirmed it. Somebody who rewrites a log there, with all hashes anew, can neither have it cut nor hide where it was rewritten. The
 * same in a PrincipalObject and a TenantObject (docs/decisions/0017-checkpoints.md).
 */
import type { Checkpoint } from '../contract/audit-logs.ts'

/**
 * The number of rows from one checkpoint to the next, or some more: a batch is confirmed as one. As many are hashed again to find a
 * rewriting.
 */
export const CHECKPOINT_EVERY = 1_000
/** The most that are kept. Beyond it those go whose neighbours are closest to each other, so the longest stretch stays as short as it can be. */
export const MOST_CHECKPOINTS = 1_024

/** Remembers the row `seq`, once it is far enough from the last that is. Call it in the transaction that moves the head. */
export function markCheckpoint(sql: SqlStorage, seq: number, hash: string): void {
  const { last } = sql
    .exec<{ last: number }>('SELECT coalesce(max(seq), 0) AS last FROM audit_checkpoints')
    .one()
  if (seq - last < CHECKPOINT_EVERY) return
  sql.exec('INSERT INTO audit_checkpoints (seq, hash) VALUES (?, ?)', seq, hash)
  thin(sql)
}

function thin(sql: SqlStorage): void {
  const { n } = sql.exec<{ n: number }>('SELECT count(*) AS n FROM audit_checkpoints').one()
  if (n <= MOST_CHECKPOINTS) return
  // Never the last: from there the next is counted.
  sql.exec(
    `DELETE FROM audit_checkpoints WHERE seq = (
       SELECT seq FROM (
         SELECT seq, lead(seq) OVER (ORDER BY seq) - lag(seq, 1, 0) OVER (ORDER BY seq) AS stretch
         FROM audit_checkpoints)
       WHERE stretch IS NOT NULL ORDER BY stretch, seq LIMIT 1)`,
  )
}

/** All of them, in order. */
export function readCheckpoints(sql: SqlStorage): readonly Checkpoint[] {
  return sql
    .exec<{ seq: number; hash: string }>('SELECT seq, hash FROM audit_checkpoints ORDER BY seq')
    .toArray()
}

/** Lets go of those up to `seq`: retention has cut the log there, and keeps the hash itself. */
export function forgetCheckpoints(sql: SqlStorage, seq: number): void {
  sql.exec('DELETE FROM audit_checkpoints WHERE seq <= ?', seq)
}

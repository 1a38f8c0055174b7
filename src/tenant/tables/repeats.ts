/** Requests that were made with an `Idempotency-Key`, and their answers. Sealed, for an answer may hold a token. */
import type { Repeat } from '../../contract/tenant.ts'

/** How long a key means its request. */
const KEEP_MS = 24 * 3_600_000
const MOST = 10_000

/** What is known of a key, or null: then this request is written down as its own. */
export function claimRepeat(
  sql: SqlStorage,
  actor: string,
  key: string,
  mine: { readonly digest: string; readonly sealedSeed: string },
  nowMs: number,
): Repeat | null {
  sql.exec('DELETE FROM repeats WHERE at <= ?', nowMs - KEEP_MS)
  const row = sql
    .exec<{ digest: string; sealed_seed: string; sealed_answer: string | null }>(
      'SELECT digest, sealed_seed, sealed_answer FROM repeats WHERE actor = ? AND key = ?',
      actor,
      key,
    )
    .toArray()[0]
  if (row !== undefined)
    return { digest: row.digest, sealedSeed: row.sealed_seed, sealedAnswer: row.sealed_answer }
  sql.exec(
    `DELETE FROM repeats WHERE rowid IN
       (SELECT rowid FROM repeats ORDER BY at DESC LIMIT -1 OFFSET ${MOST - 1})`,
  )
  sql.exec(
    'INSERT INTO repeats (key, actor, digest, sealed_seed, at) VALUES (?, ?, ?, ?, ?)',
    ...[key, actor, mine.digest, mine.sealedSeed, nowMs],
  )
  return null
}

export function answerRepeat(sql: SqlStorage, actor: string, key: string, sealedAnswer: string): void {
  sql.exec('UPDATE repeats SET sealed_answer = ? WHERE actor = ? AND key = ?', sealedAnswer, actor, key)
}

/** Whoever is gone repeats nothing. */
export function forgetRepeatsOf(sql: SqlStorage, actor: string): void {
  sql.exec('DELETE FROM repeats WHERE actor = ?', actor)
}

/** A request that was refused leaves its key free, if it was the one that claimed it. */
export function forgetRepeat(sql: SqlStorage, actor: string, key: string, digest: string): void {
  sql.exec(
    'DELETE FROM repeats WHERE actor = ? AND key = ? AND digest = ? AND sealed_answer IS NULL',
    ...[actor, key, digest],
  )
}

/** Requests that were made with an `Idempotency-Key`, and their answers. Sealed, for an answer may hold a token. */
import type { IdempotentRequest } from '../../contract/tenant.ts'
import { deleteRows, deletion } from '../../durable/retention.ts'
import { ROUND_ROWS } from '../../durable/turns.ts'

/** The time for which a key stands for its request. */
const KEEP_MS = 24 * 3_600_000
const MOST = 10_000
const EXPIRED = deletion('repeats', 'at <= ?1')

/** Returns the request that used a key before. Null: there was none, and the key now belongs to this request. */
export function claimIdempotencyKey(
  sql: SqlStorage,
  {
    actor,
    key,
    mine,
  }: {
    readonly actor: string
    readonly key: string
    readonly mine: { readonly digest: string; readonly sealedSeed: string }
  },
  nowMs: number,
): IdempotentRequest | null {
  // Its own first: others may have to wait for the next claim.
  sql.exec('DELETE FROM repeats WHERE actor = ? AND key = ? AND at <= ?', actor, key, nowMs - KEEP_MS)
  deleteRows(sql, EXPIRED, nowMs - KEEP_MS, ROUND_ROWS)
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

/** The key of a request, which is its actor's own. */
interface IdempotencyKey {
  readonly actor: string
  readonly key: string
}

export function keepIdempotentAnswer(
  sql: SqlStorage,
  { actor, key }: IdempotencyKey,
  sealedAnswer: string,
): void {
  sql.exec('UPDATE repeats SET sealed_answer = ? WHERE actor = ? AND key = ?', sealedAnswer, actor, key)
}

/** Forgets the keys of a person who is deleted, since nobody can repeat their requests. */
export function forgetIdempotencyKeysOf(sql: SqlStorage, actor: string): void {
  sql.exec('DELETE FROM repeats WHERE actor = ?', actor)
}

/** Frees the key of a request that was refused, if that request was the one that claimed it. */
export function releaseIdempotencyKey(sql: SqlStorage, { actor, key }: IdempotencyKey, digest: string): void {
  sql.exec(
    'DELETE FROM repeats WHERE actor = ? AND key = ? AND digest = ? AND sealed_answer IS NULL',
    ...[actor, key, digest],
  )
}

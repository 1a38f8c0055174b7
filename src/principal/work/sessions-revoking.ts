/**
 * Tells stores that their tokens are done with. Best effort with a bound: a store that cannot be tried lets its token
 * expire by itself.
 */
import { log } from '../../base/log.ts'
import type { Env } from '../../contract/env.ts'
import type { MagentoStore } from '../../contract/identity.ts'
import { deleteRows, deletion } from '../../durable/retention.ts'
import { inTurns, ROUND_ROWS } from '../../durable/turns.ts'
import { type OpenFailure, open, SealedTextError, secretKeys, storeTokenContext } from '../../secrets/seal.ts'
import { revokeCustomerToken } from '../../stores/magento-revoking.ts'

export const MOST_REVOCATION_TRIES = 4
export const REVOCATION_RETRY_MS = 60_000
const CONCURRENCY = 6

interface Revocation {
  readonly seq: number
  readonly store: string
  readonly sealedToken: string
  /** This one included. */
  readonly tries: number
}

export interface RevokingContext {
  readonly sql: SqlStorage
  readonly env: Env
  readonly tenant: string
  readonly grant: string
  readonly stores: readonly MagentoStore[]
  /** Runs reads and writes as one transaction. */
  readonly commit: <T>(work: () => T) => Promise<T>
  readonly now: () => number
}

/** Tells stores until nobody is to be tried now. Never throws for what goes wrong on the other side. */
export async function revokeTokens(context: RevokingContext): Promise<void> {
  const { sql, commit, now } = context
  // In turns, for a token of a store that is no more costs no request.
  await inTurns(async () => {
    const batch = await commit(() => take(sql, now()))
    if (batch.length === 0) return false
    const tried = await Promise.all(
      batch.map(async (it) => ({ it, failure: await revokeAtStore(context, it) })),
    )
    await commit(() => {
      for (const { it, failure } of tried) settle(context, it, failure)
    })
    return true
  }, Number.POSITIVE_INFINITY)
}

/** Tells whether `revokeTokens` would find any. Writes nothing. */
export function hasRevocations(sql: SqlStorage, nowMs: number): boolean {
  return sql.exec('SELECT 1 FROM revocations WHERE retry_at <= ? LIMIT 1', nowMs).toArray().length > 0
}

/** Drops revocations that were not tried by now: the principal is about to be erased. One round's worth; true when none is left. */
export function forgetRevocations(sql: SqlStorage): boolean {
  return deleteRows(sql, FORGET, Number.MAX_SAFE_INTEGER, ROUND_ROWS) < ROUND_ROWS
}

const FORGET = deletion('revocations', 'seq <= ?1')

/** When the next store is to be tried, but not before `soonestMs`; null for never. */
export function nextRevocationMs(sql: SqlStorage, soonestMs: number): number | null {
  const { at } = sql.exec<{ at: number | null }>('SELECT min(retry_at) AS at FROM revocations').one()
  return at === null ? null : Math.max(at, soonestMs)
}

/** None is taken again before its time, so a run that dies loses one try, no more. */
function take(sql: SqlStorage, nowMs: number): Revocation[] {
  return sql
    .exec<{ seq: number; store: string; store_token: string; tries: number }>(
      `UPDATE revocations SET tries = tries + 1, retry_at = ?1 WHERE seq IN (
         SELECT seq FROM revocations WHERE retry_at <= ?2 ORDER BY retry_at LIMIT ?3
       ) RETURNING seq, store, store_token, tries`,
      ...[nowMs + REVOCATION_RETRY_MS, nowMs, CONCURRENCY],
    )
    .toArray()
    .map(({ seq, store, store_token, tries }) => ({ seq, store, sealedToken: store_token, tries }))
}

function settle(context: RevokingContext, it: Revocation, failure: string | null): void {
  const isOver = failure === null || it.tries >= MOST_REVOCATION_TRIES
  if (isOver) context.sql.exec('DELETE FROM revocations WHERE seq = ?', it.seq)
  if (isOver && failure !== null) logNotRevoked(context, it, failure)
}

function logNotRevoked({ tenant, grant }: RevokingContext, { store }: Revocation, reason: string): void {
  log('warn', 'magento.token_not_revoked', { principal: `${tenant}/${grant}`, store, reason })
}

/** Null when this is over and done with; otherwise why another try makes sense. */
async function revokeAtStore(context: RevokingContext, it: Revocation): Promise<string | null> {
  const { env, tenant, grant } = context
  const store = context.stores.find(({ name }) => name === it.store)
  // The store is no more, or the run that had the last try died.
  if (store === undefined || it.tries > MOST_REVOCATION_TRIES) return null
  const keys = secretKeys(env)
  if (keys === null) return 'unknown_key'
  try {
    const place = storeTokenContext({
      tenant,
      grant,
      store: store.name,
      origin: new URL(store.base_url).origin,
    })
    return await revokeCustomerToken(env, store, await open(keys, it.sealedToken, place))
  } catch (error) {
    if (!(error instanceof SealedTextError)) return 'failed'
    // A key may be put back, or have yet to reach this part of the deployment; a store that has moved stays there.
    return error.code === 'unknown_key' ? error.code : unreadable(context, it, error.code)
  }
}

/** Over and done with, but the store goes on taking a token that nobody can name any more. */
function unreadable(context: RevokingContext, it: Revocation, why: OpenFailure): null {
  logNotRevoked(context, it, why)
  return null
}

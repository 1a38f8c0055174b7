/**
 * Lets go what a tenant does not keep any longer. Where a log is cut is written down in the tenant's object first, with
 * the hash of the last row that goes: so what is left can still be verified, and nobody can pass a removal off as this.
 */
import { errorName, log } from '../log.ts'
import type { Cut } from './local.ts'
import { asked, StoreError } from './store.ts'

export interface RetentionContext {
  readonly sql: SqlStorage
  readonly db: D1Database
  readonly tenant: string
  readonly days: number
  readonly commit: <T>(work: () => T) => Promise<T>
  readonly now: () => number
}

const DAY_MS = 24 * 3_600_000
const EVERY_MS = DAY_MS
const AGAIN_MS = 15 * 60_000
/** Logs in one run, and rows in one statement; what is left is the next run's. */
const MOST_LOGS = 100
const MOST_ROWS = 5_000
const MOST_STATEMENTS = 300

/** When old rows are to be looked for: of a tenant that is new, not before there can be any. */
export function nextRetentionMs(sql: SqlStorage): number {
  return sql
    .exec<{ at: number }>(
      'SELECT max(next_at, coalesce((SELECT created_at FROM tenant), 0) + ?) AS at FROM audit_retention',
      DAY_MS,
    )
    .one().at
}

/** Removes what is older than the tenant keeps. Never throws; does nothing before its time. */
export async function retain(context: RetentionContext): Promise<void> {
  const { sql, tenant, now, commit } = context
  if (nextRetentionMs(sql) > now()) return
  let isDone = false
  try {
    isDone = await cutAll(context)
  } catch (error) {
    log('warn', 'audit.not_cut', {
      tenant,
      error: error instanceof StoreError ? error.code : errorName(error),
    })
  }
  const nextMs = now() + (isDone ? EVERY_MS : AGAIN_MS)
  await commit(() => sql.exec('UPDATE audit_retention SET next_at = ? WHERE id = 1', nextMs).rowsWritten)
}

async function cutAll({ sql, db, tenant, days, commit, now }: RetentionContext): Promise<boolean> {
  const beforeMs = now() - days * DAY_MS
  const { results: old } = await asked(() =>
    db
      .prepare(
        `SELECT principal, chain, max(seq) AS seq, hash FROM audit WHERE tenant = ?1 AND at < ?2
         GROUP BY principal, chain LIMIT ${MOST_LOGS}`,
      )
      .bind(tenant, beforeMs)
      .all<Cut>(),
  )
  let statements = 0
  for (const candidate of old) {
    const cut = await lastOf(db, tenant, candidate, beforeMs)
    if (cut === null) continue
    await commit(() =>
      sql.exec(
        `INSERT INTO audit_cuts (principal, chain, seq, hash) VALUES (?, ?, ?, ?)
         ON CONFLICT (principal, chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
         WHERE excluded.seq > seq`,
        cut.principal,
        cut.chain,
        cut.seq,
        cut.hash,
      ),
    )
    for (let removed = MOST_ROWS; removed === MOST_ROWS; statements++) {
      if (statements >= MOST_STATEMENTS) return false
      removed = await removeTo(db, tenant, cut)
    }
  }
  return old.length < MOST_LOGS
}

/** A log goes from its beginning: a row whose time is later keeps all that follow it. */
async function lastOf(
  db: D1Database,
  tenant: string,
  { principal, chain, seq, hash }: Cut,
  beforeMs: number,
) {
  const row = await asked(() =>
    db
      .prepare(
        `SELECT seq, hash FROM audit WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq < (
           SELECT min(seq) FROM audit WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq <= ?4 AND at >= ?5)
         ORDER BY seq DESC LIMIT 1`,
      )
      .bind(tenant, principal, chain, seq, beforeMs)
      .all<{ seq: number; hash: string }>(),
  )
  const [earlier] = row.results
  if (earlier !== undefined) return { principal, chain, ...earlier }
  const first = await asked(() =>
    db
      .prepare(
        `SELECT at FROM audit WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 ORDER BY seq LIMIT 1`,
      )
      .bind(tenant, principal, chain)
      .all<{ at: number }>(),
  )
  return (first.results[0]?.at ?? beforeMs) < beforeMs ? { principal, chain, seq, hash } : null
}

async function removeTo(db: D1Database, tenant: string, { principal, chain, seq }: Cut): Promise<number> {
  const { meta } = await asked(() =>
    db
      .prepare(
        `DELETE FROM audit WHERE arrived IN (SELECT arrived FROM audit
           WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq <= ?4 ORDER BY seq LIMIT ${MOST_ROWS})`,
      )
      .bind(tenant, principal, chain, seq)
      .run(),
  )
  return meta.changes
}

/** Removes all that there is of a tenant, for one that is deleted. True when nothing is left; call it again until then. */
export async function forgetTenant(db: D1Database, tenant: string): Promise<boolean> {
  for (let statement = 0; statement < MOST_STATEMENTS; statement++) {
    const { meta } = await asked(() =>
      db
        .prepare(
          `DELETE FROM audit WHERE arrived IN (SELECT arrived FROM audit WHERE tenant = ?1 LIMIT ${MOST_ROWS})`,
        )
        .bind(tenant)
        .run(),
    )
    if (meta.changes < MOST_ROWS) return true
  }
  return false
}

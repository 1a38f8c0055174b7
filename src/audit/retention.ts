/**
 * Lets go what a tenant does not keep any longer. Where a log is cut is written down in the tenant's object first, with
 * the hash of the last row that goes: so what is left can still be verified, and nobody can pass a removal off as this.
 */
import { errorName, log } from '../log.ts'
import { GENESIS, linkHash } from './chain.ts'
import { readLog } from './query.ts'
import type { Log } from './row.ts'
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
/** Rows that are hashed, cut and removed at a time, and how often in one run. */
const PIECE = 1_000
const MOST_PIECES = 200

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

async function cutAll(context: RetentionContext): Promise<boolean> {
  const { db, tenant, days, now } = context
  const beforeMs = now() - days * DAY_MS
  const { results: old } = await asked(() =>
    db
      .prepare(`SELECT DISTINCT principal, chain FROM audit WHERE tenant = ?1 AND at < ?2 LIMIT ${MOST_LOGS}`)
      .bind(tenant, beforeMs)
      .all<Pick<Log, 'principal' | 'chain'>>(),
  )
  let pieces = 0
  for (const { principal, chain } of old) {
    const log = { tenant, principal, chain }
    let cut = readCut(context.sql, log)
    // What an earlier run has cut and not removed goes first.
    if (cut !== null && !(await removeTo(context, log, cut))) return false
    for (let isMore = true; isMore; pieces++) {
      if (pieces >= MOST_PIECES) return false
      const next = await nextCut(context, log, cut, beforeMs)
      if (next === null) break
      await writeCut(context, log, next)
      if (!(await removeTo(context, log, next))) return false
      isMore = next.isMore
      cut = next
    }
  }
  return old.length < MOST_LOGS
}

interface Place {
  readonly seq: number
  readonly hash: string
}

/**
 * How far the next piece of a log may go. Nothing that the database says is believed: its rows are hashed again, from
 * the last cut to the row that stays. Null: nothing is old enough, or these are not the rows that were written.
 */
async function nextCut(
  { db, tenant }: RetentionContext,
  of: Log,
  last: Place | null,
  beforeMs: number,
): Promise<(Place & { readonly isMore: boolean }) | null> {
  const rows = await readLog(db, of, last?.seq ?? 0, PIECE + 1)
  let before = last
  let cut: Place | null = null
  for (const [i, row] of rows.entries()) {
    const follows = before === null || row.seq === before.seq + 1
    if (!follows || (await linkHash(before?.hash ?? GENESIS, of, row)) !== row.hash) {
      const { principal, chain } = of
      log('error', 'audit.not_cut', { tenant, grant: principal, chain, seq: row.seq, error: 'altered' })
      return null
    }
    // A log goes from its beginning: a row whose time is later keeps all that follow it.
    if (row.at >= beforeMs || i === PIECE) break
    before = { seq: row.seq, hash: row.hash }
    cut = before
  }
  return cut === null ? null : { ...cut, isMore: rows.length > PIECE && cut.seq === rows[PIECE - 1]?.seq }
}

function readCut(sql: SqlStorage, { principal, chain }: Log): Place | null {
  const [cut] = sql
    .exec<{ seq: number; hash: string }>(
      'SELECT seq, hash FROM audit_cuts WHERE principal = ? AND chain = ?',
      principal,
      chain,
    )
    .toArray()
  return cut ?? null
}

async function writeCut({ sql, commit }: RetentionContext, log: Log, { seq, hash }: Place): Promise<void> {
  await commit(() =>
    sql.exec(
      `INSERT INTO audit_cuts (principal, chain, seq, hash) VALUES (?, ?, ?, ?)
       ON CONFLICT (principal, chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
       WHERE excluded.seq > seq`,
      log.principal,
      log.chain,
      seq,
      hash,
    ),
  )
}

/**
 * Removes what is cut, and writes down that it is gone: from then on no such row may be there. False: there is more than
 * a piece can have left, for the next run.
 */
async function removeTo(
  { sql, db, commit }: RetentionContext,
  { tenant, principal, chain }: Log,
  { seq }: Place,
): Promise<boolean> {
  const { meta } = await asked(() =>
    db
      .prepare(
        `DELETE FROM audit WHERE arrived IN (SELECT arrived FROM audit
             WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq <= ?4 ORDER BY seq LIMIT ${MOST_ROWS})`,
      )
      .bind(tenant, principal, chain, seq)
      .run(),
  )
  if (meta.changes === MOST_ROWS) return false
  await commit(() =>
    sql.exec(
      'UPDATE audit_cuts SET removed_seq = max(removed_seq, ?1) WHERE principal = ?2 AND chain = ?3',
      seq,
      principal,
      chain,
    ),
  )
  return true
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

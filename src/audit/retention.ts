/**
 * Removes audit rows that a tenant does not keep any longer. The place of each cut is stored in the tenant's object first, with the hash
 * of the last row that goes: so the rest can still be verified, and no other removal can pass for this one.
 *
 * Logs with old rows are looked at in the order of their names, each in its turn and for its share, whatever the result for the others;
 * the progress of the round is stored.
 */
import { errorName, log } from '../base/log.ts'
import type { Log } from '../contract/audit-row.ts'
import { type Budget, type CutContext, type CutOutcome, cutLog, removeUpTo } from './cut-log.ts'
import { readRound, unremoved, writeRound } from './cuts.ts'
import { asked, StoreError } from './store.ts'

export interface RetentionContext extends CutContext {
  readonly tenant: string
  readonly days: number
  readonly now: () => number
}

const DAY_MS = 24 * 3_600_000
const EVERY_MS = DAY_MS
/** After something did not answer. */
const AGAIN_MS = 15 * 60_000
/** The wait where only the run was over. */
const SOON_MS = 60_000
/** Logs in one run. Each costs three requests of the thousand that a run may make, besides those that are counted. */
const MOST_LOGS = 100
/** Statements of one run, and of one log however many there are. */
const MOST_STATEMENTS = 500
const LEAST_SHARE = 10
/** In one statement, where all of a tenant goes; and such statements in one run. */
const MOST_ROWS = 5_000
export const MOST_FORGETTING = 300

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
  let againMs = AGAIN_MS
  try {
    againMs = await resume(context)
  } catch (error) {
    const code = error instanceof StoreError ? error.code : errorName(error)
    log('warn', 'audit.not_cut', { tenant, error: code })
  }
  const nextMs = now() + againMs
  await commit(() => sql.exec('UPDATE audit_retention SET next_at = ? WHERE id = 1', nextMs).rowsWritten)
}

/** Goes on with the round, or begins one. Answers how soon there must be another run, in milliseconds. */
async function resume(context: RetentionContext): Promise<number> {
  const { sql, tenant, days, now, commit } = context
  const beforeMs = now() - days * DAY_MS
  const budget: Budget = { left: MOST_STATEMENTS }
  // Rows that an earlier run has cut and not removed go first.
  for (const { seq, ...of } of unremoved(sql, MOST_LOGS))
    if (!(await removeUpTo(context, { tenant, ...of }, seq, budget))) return SOON_MS
  const logs = await logsWithOldRows(context, beforeMs)
  const share = Math.max(LEAST_SHARE, Math.floor(budget.left / Math.max(logs.length, 1)))
  for (const of of logs) {
    if (budget.left <= 0) return SOON_MS
    // Its turn is over before it begins: whatever happens there, the next run begins with the next.
    const before = readRound(sql)
    await commit(() => writeRound(sql, { ...of, againMs: soonest(before.againMs, AGAIN_MS) }))
    const own: Budget = { left: Math.min(share, budget.left) }
    const ofRun = budget.left - own.left
    const outcome = await cutLog(context, { tenant, ...of }, beforeMs, own)
    budget.left = ofRun + own.left
    await commit(() => writeRound(sql, { ...of, againMs: soonest(before.againMs, againAfter(outcome)) }))
  }
  if (logs.length === MOST_LOGS) return SOON_MS
  const { againMs } = readRound(sql)
  await commit(() => writeRound(sql, { principal: '', chain: '', againMs: null }))
  return againMs ?? EVERY_MS
}

/** Returns the wait until a log must be looked at again; null: tomorrow, with all others. */
function againAfter(outcome: CutOutcome): number | null {
  switch (outcome) {
    case 'more':
      return SOON_MS
    case 'unreachable':
      return AGAIN_MS
    case 'done':
    case 'refused':
      return null
  }
}

function soonest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other)
}

/** The next logs of the round. */
async function logsWithOldRows(
  { sql, db, tenant }: RetentionContext,
  beforeMs: number,
): Promise<readonly Pick<Log, 'principal' | 'chain'>[]> {
  const { principal, chain } = readRound(sql)
  // By time: the index by name would go through all that the tenant has.
  const { results } = await asked(() =>
    db
      .prepare(
        `SELECT principal, chain FROM audit
         WHERE tenant = ?1 AND at < ?2 AND (+principal > ?3 OR (+principal = ?3 AND +chain > ?4))
         GROUP BY +principal, +chain ORDER BY +principal, +chain LIMIT ${MOST_LOGS}`,
      )
      .bind(tenant, beforeMs, principal, chain)
      .all<Pick<Log, 'principal' | 'chain'>>(),
  )
  return results
}

/** Removes all that there is of a tenant, for one that is deleted. True when nothing is left; call it again until then. */
export async function forgetTenant(db: D1Database, tenant: string): Promise<boolean> {
  for (let statement = 0; statement < MOST_FORGETTING; statement++) {
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

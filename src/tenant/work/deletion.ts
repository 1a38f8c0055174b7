/**
 * Deletes a tenant, step by step. Every principal is revoked first, which ends its sessions, so that their logouts are queued. Each
 * waits until its outbox has been delivered, or the time for that is over; then it says what is lost, and is erased. After them go the
 * resources that sessions watched, the audit trail, the counters, the tenant's name in the directory, and last its own object. Each step
 * can be repeated, and those that are done are written down, so a crash anywhere is only a delay (docs/decisions/0022-deletion.md).
 */
import { forgetTenant, MOST_FORGETTING } from '../../audit/retention.ts'
import { errorName, log } from '../../base/log.ts'
import { tenantCounters, tenantDirectory } from '../../contract/objects.ts'
import type { ChangeContext, DeletionView } from '../../contract/tenant.ts'
import { readTenant } from '../tables/settings.ts'
import { eraseExchanges } from './exchanges.ts'
import { inTime } from './in-time.ts'
import {
  countLeaving,
  type LeavingContext,
  letGoSome,
  listLeaving,
  type Requests,
  revokeSome,
} from './leaving.ts'

/** Between two rounds, where something has to be waited for. */
export const DELETION_ROUND_MS = 5_000
/** The most requests of one round. The platform allows each invocation 1,000. */
const MOST_REQUESTS = 900
/** Nobody is asked later than this after a round began. */
const MOST_MS = 25_000
/** The end of it: the audit trail, the counters and the directory. */
const LAST_REQUESTS = MOST_FORGETTING + 2

/** Marks the tenant; asked again, it can only get shorter, and remains whose it was. The tables must exist. */
export function startDeletion(
  sql: SqlStorage,
  { nowMs, byMs }: { readonly nowMs: number; readonly byMs: number },
  { actor, reason }: ChangeContext,
): void {
  sql.exec(
    `UPDATE tenant SET deleting_at = coalesce(deleting_at, ?1), delete_by = min(coalesce(delete_by, ?2), ?2),
       deleted_by = coalesce(deleted_by, ?3), deleted_with_reason = coalesce(deleted_with_reason, ?4)
     WHERE id = 1`,
    nowMs,
    byMs,
    actor,
    reason === null ? 0 : 1,
  )
  listLeaving(sql)
}

/** Says when the next round is due, in Unix milliseconds. */
export function planRound(sql: SqlStorage, atMs: number): void {
  sql.exec('UPDATE tenant SET delete_round_at = ? WHERE id = 1', atMs)
}

/** Returns the progress of the deletion; null where none was ordered. */
export function deletionView(sql: SqlStorage): DeletionView | null {
  const deletion = readTenant(sql)?.deletion ?? null
  if (deletion === null) return null
  const { sinceMs, byMs } = deletion
  return { kind: 'going', sinceMs, byMs, principals: countLeaving(sql) }
}

/** The result of a round. `isMore`: the next can follow at once, for no object has to be waited for. */
export interface DeletionRound {
  readonly view: DeletionView
  readonly isMore: boolean
}

export interface DeletionContext extends Omit<LeavingContext, 'tenant' | 'untilMs'> {
  /** Returns when nothing is on its way to the audit database. */
  readonly kept: () => Promise<void>
}

const absent: DeletionRound = { view: { kind: 'absent' }, isMore: false }

/** Goes one round further. `gone`: of the tenant nothing is left but its own object. */
export async function resumeDeletion(context: DeletionContext, nowMs: number): Promise<DeletionRound> {
  const { sql, env, isStill, kept } = context
  const tenant = readTenant(sql)
  if (tenant === null || tenant.deletion === null) return absent
  const { name, deletion } = tenant
  const requests: Requests = { left: MOST_REQUESTS }
  const leaving: LeavingContext = { ...context, tenant: name, untilMs: nowMs + MOST_MS }
  const going = (isMore: boolean): DeletionRound =>
    isStill() ? { view: deletionView(sql) ?? { kind: 'absent' }, isMore } : absent
  try {
    // Before anybody is waited for, nobody gets in any more.
    if (await revokeSome(leaving, requests)) return going(true)
    // Rows on their way to the audit database arrive before all of it goes.
    await inTime(kept())
    if (!isStill()) return absent
    const canFollow = await letGoSome(leaving, nowMs >= deletion.byMs, requests)
    if (!isStill() || countLeaving(sql) > 0) return going(canFollow)
    // After the last session that could still watch something.
    const exchanges = await eraseExchanges({ sql, env, tenant: name, isStill }, requests)
    if (exchanges !== 'none') return going(exchanges === 'more')
    if (requests.left < LAST_REQUESTS) return going(true)
    // After the last log that could still have sent something.
    if (env.AUDIT_DB !== undefined && !(await forgetTenant(env.AUDIT_DB, name))) return going(true)
    if (!isStill()) return absent
    await inTime(tenantCounters(env, name).erase())
    if (!isStill()) return absent
    await inTime(tenantDirectory(env).remove(name))
  } catch (error) {
    log('warn', 'tenant.delete_delayed', { tenant: name, error: errorName(error) })
    return going(false)
  }
  if (!isStill()) return absent
  const { lost } = sql.exec<{ lost: number }>('SELECT coalesce(sum(lost), 0) AS lost FROM leaving').one()
  const { actor, has_reason } = sql
    .exec<{ actor: string | null; has_reason: number | null }>(
      'SELECT deleted_by AS actor, deleted_with_reason AS has_reason FROM tenant',
    )
    .one()
  // A reason is a person's own words: that there was one is enough.
  const who = { actor, reason_given: has_reason === 1 }
  log('info', 'tenant.deleted', { tenant: name, ...who, events_lost: lost })
  return { view: { kind: 'gone', lost }, isMore: false }
}

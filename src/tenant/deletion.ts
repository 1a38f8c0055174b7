/**
 * A tenant that goes away, step by step: every principal ends its sessions, so that their logouts are queued; waits
 * until its outbox has been delivered, or the time for that is over; says what is lost; and is erased. Then what its
 * sessions watched, the audit trail, the counters, its name in the directory, and last the tenant's own object. Each
 * step can be repeated, and what has been done is written down, so a crash anywhere is only a delay
 * (docs/decisions/0022-deletion.md).
 */
import { forgetTenant } from '../audit/retention.ts'
import type { Env } from '../env.ts'
import { errorName, log } from '../log.ts'
import { principalObject, tenantCounters, tenantDirectory } from '../objects.ts'
import type { By, DeletionView } from './contract.ts'
import { eraseExchanges } from './exchanges.ts'
import { readTenant } from './settings.ts'

/** Between two rounds. */
export const DELETION_ROUND_MS = 5_000
/** Principals that are asked at the same time, and in one round. */
const AT_ONCE = 16
const MOST_A_ROUND = 400

/** Marks the tenant; asked again, it can only get shorter, and remains whose it was. The tables must exist. */
export function startDeletion(sql: SqlStorage, nowMs: number, byMs: number, { actor, reason }: By): void {
  sql.exec(
    `UPDATE tenant SET deleting_at = coalesce(deleting_at, ?1), delete_by = min(coalesce(delete_by, ?2), ?2),
       deleted_by = coalesce(deleted_by, ?3), deleted_with_reason = coalesce(deleted_with_reason, ?4)
     WHERE id = 1`,
    nowMs,
    byMs,
    actor,
    reason === null ? 0 : 1,
  )
  sql.exec('INSERT OR IGNORE INTO leaving (principal) SELECT name FROM audit_principals')
}

/** How far it is; null where nobody has asked for it. */
export function deletionView(sql: SqlStorage): DeletionView | null {
  const deletion = readTenant(sql)?.deletion ?? null
  if (deletion === null) return null
  const { n } = sql.exec<{ n: number }>('SELECT count(*) AS n FROM leaving WHERE gone = 0').one()
  return { kind: 'going', ...deletion, principals: n }
}

/**
 * Goes one round further. `gone`: of the tenant nothing is left but its own object.
 *
 * @param isStill whether the tenant is there and this is its deletion; asked after every wait, and once it is false
 *   nothing more is done
 */
export async function goOnDeleting(
  sql: SqlStorage,
  env: Env,
  nowMs: number,
  isStill: () => boolean,
): Promise<DeletionView> {
  const tenant = readTenant(sql)
  if (tenant === null || tenant.deletion === null) return { kind: 'absent' }
  const isOver = nowMs >= tenant.deletion.byMs
  const left = sql
    .exec<{ principal: string }>(
      `SELECT principal FROM leaving WHERE gone = 0 ORDER BY principal LIMIT ${MOST_A_ROUND}`,
    )
    .toArray()
    .map(({ principal }) => principal)
  const work = async () => {
    for (let name = left.shift(); name !== undefined && isStill(); name = left.shift())
      await leave(sql, env, tenant.name, name, isOver, isStill)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, work))
  if (!isStill()) return { kind: 'absent' }
  const remaining = deletionView(sql) ?? { kind: 'absent' }
  if (remaining.kind === 'going' && remaining.principals > 0) return remaining
  // After the last session that could still watch something.
  if (!(await eraseExchanges(sql, env, tenant.name, isStill)))
    return isStill() ? remaining : { kind: 'absent' }
  try {
    // After the last log that could still have sent something.
    if (env.AUDIT_DB !== undefined && !(await forgetTenant(env.AUDIT_DB, tenant.name))) return remaining
    if (!isStill()) return { kind: 'absent' }
    await tenantCounters(env, tenant.name).erase()
    if (!isStill()) return { kind: 'absent' }
    await tenantDirectory(env).remove(tenant.name)
  } catch (error) {
    log('warn', 'tenant.delete_delayed', { tenant: tenant.name, error: errorName(error) })
    return remaining
  }
  if (!isStill()) return { kind: 'absent' }
  const { lost } = sql.exec<{ lost: number }>('SELECT coalesce(sum(lost), 0) AS lost FROM leaving').one()
  const { actor, has_reason } = sql
    .exec<{ actor: string | null; has_reason: number | null }>(
      'SELECT deleted_by AS actor, deleted_with_reason AS has_reason FROM tenant',
    )
    .one()
  // A reason is a person's own words: that there was one is enough.
  const who = { actor, reason_given: has_reason === 1 }
  log('info', 'tenant.deleted', { tenant: tenant.name, ...who, events_lost: lost })
  return { kind: 'gone', lost }
}

/** One principal. Never throws: who cannot be reached is asked again in the next round. */
async function leave(
  sql: SqlStorage,
  env: Env,
  tenant: string,
  name: string,
  isOver: boolean,
  isStill: () => boolean,
): Promise<void> {
  try {
    const principal = principalObject(env, tenant, name)
    const { undelivered, dead } = await principal.leave(isOver)
    if (!isStill() || (undelivered > 0 && !isOver)) return
    // Written down before the erasure: asked after a crash, an empty principal has lost nothing.
    sql.exec('UPDATE leaving SET lost = max(lost, ?) WHERE principal = ?', undelivered + dead, name)
    await principal.erase()
    if (!isStill()) return
    sql.exec('UPDATE leaving SET gone = 1 WHERE principal = ?', name)
  } catch (error) {
    log('warn', 'tenant.delete_delayed', { tenant, grant: name, error: errorName(error) })
  }
}

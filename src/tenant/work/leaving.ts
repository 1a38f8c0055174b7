/**
 * Removes the principals of a tenant that is deleted: every one is revoked first, then each sends its due events and is erased. The
 * progress of each is in table `leaving`. The one that was asked least often comes first, so that none keeps another waiting.
 */
import { errorName, log } from '../../base/log.ts'
import type { Env } from '../../contract/env.ts'
import { principalObject } from '../../contract/objects.ts'
import { inTime } from './in-time.ts'

/** Principals that are asked at the same time, and in one round. */
const AT_ONCE = 16
const MOST_A_ROUND = 400

export interface LeavingContext {
  readonly sql: SqlStorage
  readonly env: Env
  readonly tenant: string
  /** Tells whether the tenant is there and this is its deletion; asked after every wait, and once it is false nothing more is done. */
  readonly isStill: () => boolean
  /** Nobody is asked first after this, in Unix milliseconds: somebody waits for the answer. */
  readonly untilMs: number
  /** Returns when no push to this principal is on its way: it would bring the principal back. */
  readonly quiet: (grant: string) => Promise<void>
}

/** The requests that this invocation may still make. */
export interface Requests {
  left: number
}

/** Lists everybody that there ever was. */
export function listLeaving(sql: SqlStorage): void {
  sql.exec('INSERT OR IGNORE INTO leaving (principal) SELECT name FROM audit_principals')
}

/** Counts the principals that are not erased yet. */
export function countLeaving(sql: SqlStorage): number {
  return sql.exec<{ n: number }>('SELECT count(*) AS n FROM leaving WHERE gone = 0').one().n
}

/** Revokes a round's worth of those who are not. Answers whether somebody was never asked. Never throws for a principal. */
export async function revokeSome(context: LeavingContext, requests: Requests): Promise<boolean> {
  const { sql, env, tenant, isStill, quiet } = context
  const most = Math.min(MOST_A_ROUND, requests.left)
  const names = next(sql, false, most)
  requests.left -= names.length
  await forEach(context, names, async (name) => {
    await inTime(quiet(name))
    if (!isStill()) return
    await inTime(principalObject(env, tenant, name).revoke())
    if (isStill()) sql.exec('UPDATE leaving SET revoked = 1 WHERE principal = ?', name)
  })
  return (
    isStill() &&
    sql.exec('SELECT 1 FROM leaving WHERE gone = 0 AND revoked = 0 AND asked = 0 LIMIT 1').toArray().length >
      0
  )
}

/**
 * Has a round's worth of those who are revoked leave. Answers whether others can follow at once, because none of these has
 * to be waited for. Never throws for a principal.
 *
 * @param isOver nobody waits for Legiti any more
 */
export async function letGoSome(
  context: LeavingContext,
  isOver: boolean,
  requests: Requests,
): Promise<boolean> {
  const { sql, env, tenant, isStill } = context
  // Each is asked twice.
  const names = next(sql, true, Math.min(MOST_A_ROUND, Math.floor(requests.left / 2)))
  requests.left -= 2 * names.length
  let gone = 0
  await forEach(context, names, async (name) => {
    const principal = principalObject(env, tenant, name)
    const { undelivered, dead } = await inTime<{ undelivered: number; dead: number }>(principal.leave(isOver))
    if (!isStill() || (undelivered > 0 && !isOver)) return
    // Written down before the erasure: asked after a crash, an empty principal has lost nothing.
    sql.exec('UPDATE leaving SET lost = max(lost, ?) WHERE principal = ?', undelivered + dead, name)
    await inTime(principal.erase())
    if (!isStill()) return
    sql.exec('UPDATE leaving SET gone = 1 WHERE principal = ?', name)
    gone += 1
  })
  return gone === names.length && isStill() && next(sql, true, 1).length > 0
}

function next(sql: SqlStorage, isRevoked: boolean, most: number): string[] {
  return sql
    .exec<{ principal: string }>(
      'SELECT principal FROM leaving WHERE gone = 0 AND revoked = ? ORDER BY asked, principal LIMIT ?',
      isRevoked ? 1 : 0,
      most,
    )
    .toArray()
    .map(({ principal }) => principal)
}

/** Whoever cannot be reached, or does not answer in time, is asked again in a later round. */
async function forEach(
  { sql, tenant, isStill, untilMs }: LeavingContext,
  names: readonly string[],
  ask: (name: string) => Promise<void>,
): Promise<void> {
  const left = [...names]
  const work = async () => {
    for (let name = left.shift(); name !== undefined && isStill(); name = left.shift()) {
      if (Date.now() >= untilMs) return
      sql.exec('UPDATE leaving SET asked = asked + 1 WHERE principal = ?', name)
      try {
        await ask(name)
      } catch (error) {
        log('warn', 'tenant.delete_delayed', { tenant, grant: name, error: errorName(error) })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, names.length) }, work))
}

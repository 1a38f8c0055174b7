/** Asks principals to end sessions: some when a logout arrives, whoever could not be asked then by alarm. */
import { errorName, log } from '../../base/log.ts'
import type { Env } from '../../contract/env.ts'
import { principalObject } from '../../contract/objects.ts'
import { dropTarget, postponeTarget, type Target, takeTargets } from '../tables/logouts.ts'
import { inTime } from './in-time.ts'

/** Principals that are asked at the same time. */
const AT_ONCE = 16

export interface SessionEndContext {
  readonly sql: SqlStorage
  readonly env: Env
  readonly tenant: string
}

/** Asks up to `most` principals that are due. Answers how many sessions of each logout ended. Never throws for a principal. */
export async function endDueSessions(
  context: SessionEndContext,
  most: number,
): Promise<ReadonlyMap<number, number>> {
  const left = takeTargets(context.sql, most, Date.now())
  const ended = new Map<number, number>()
  const worker = async () => {
    for (let target = left.shift(); target !== undefined; target = left.shift()) {
      const count = await ask(context, target)
      ended.set(target.seq, (ended.get(target.seq) ?? 0) + count)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, left.length) }, worker))
  return ended
}

async function ask({ sql, env, tenant }: SessionEndContext, target: Target): Promise<number> {
  try {
    const principal = principalObject(env, tenant, target.grant)
    const ended = await inTime(principal.endSessions(target.which))
    dropTarget(sql, target)
    // Null: a grant that was never installed has no session.
    return ended ?? 0
  } catch (error) {
    log('warn', 'tenant.sessions_not_ended', { tenant, grant: target.grant, error: errorName(error) })
    postponeTarget(sql, target, Date.now())
    return 0
  }
}

/** Orders to end sessions, by an issuer or an administrator: put on record, and asked of the principals concerned. */
import type { Ended, IssuerLogout } from '../../contract/logouts.ts'
import type { ChangeContext } from '../../contract/tenant.ts'
import { grantNames } from '../tables/grants.ts'
import { pendingTargets, recordAccountEnd, recordIssuerLogout } from '../tables/logouts.ts'
import { present } from '../tables/present.ts'
import { recordOnly } from '../tables/recording.ts'
import { readTenant } from '../tables/settings.ts'
import { endDueSessions } from '../work/session-ends.ts'
import type { Tenancy } from '../work/tenancy.ts'

/** Principals that one invocation may ask; the platform counts. The rest is the alarm's. */
const MOST_ASKED = 500

/** Ends what an issuer's logout names; null where another logout had its id. Principals that cannot be asked now are asked by alarm. */
export async function issuerLogout(tenancy: Tenancy, logout: IssuerLogout): Promise<Ended | null> {
  if (!tenancy.isThere) return { ended: 0, pending: 0 }
  const recorded = tenancy.commit(() => recordIssuerLogout(tenancy.sql, logout, Date.now()))
  if (recorded.kind === 'clash') return null
  return recorded.kind === 'recorded' ? endSessions(tenancy, recorded.seq) : { ended: 0, pending: 0 }
}

/** Ends the sessions of an account in all grants, `others` besides. Principals that cannot be asked now are asked by alarm. */
export async function endAccount(
  tenancy: Tenancy,
  account: string,
  others: readonly string[],
  by: ChangeContext,
): Promise<Ended> {
  const { sql } = tenancy
  if (!tenancy.isThere) return { ended: 0, pending: 0 }
  const seq = tenancy.commit(() => {
    const names = new Set([...grantNames(sql), ...others])
    const nowMs = Date.now()
    recordOnly(sql, by, { action: 'session.end', subject: `account/${account}`, detail: {}, atMs: nowMs })
    return recordAccountEnd(sql, account, [...names], nowMs)
  })
  return endSessions(tenancy, seq)
}

/** Puts on record that something is asked of a grant's principal: that sessions end, or that an event is sent again. */
export async function recordOfGrant(
  tenancy: Tenancy,
  {
    grant,
    action,
    by,
    detail,
  }: {
    readonly grant: string
    readonly action: 'session.end' | 'outbox.replay'
    readonly by: ChangeContext
    readonly detail: Readonly<Record<string, string>>
  },
): Promise<void> {
  if (!tenancy.isThere) return
  tenancy.commit(() =>
    recordOnly(tenancy.sql, by, { action, subject: `grant/${grant}`, detail, atMs: Date.now() }),
  )
  await tenancy.wake.rearm()
}

/** Asks principals that are to end sessions; counts those of the order `seq`. */
export async function endSessions(tenancy: Tenancy, seq: number | null): Promise<Ended> {
  const { sql, env, wake } = tenancy
  const { name: tenant } = present(readTenant(sql))
  const asking = endDueSessions({ sql, env, tenant }, MOST_ASKED)
  // Should this object die before they have answered, the alarm finds whom it has asked.
  await wake.rearm()
  const ended = await asking
  await wake.rearm()
  return seq === null
    ? { ended: 0, pending: 0 }
    : { ended: ended.get(seq) ?? 0, pending: pendingTargets(sql, seq) }
}

/** Removes a principal for good: its grant is revoked, due events are sent for a while, and everything is erased. */
import { closeApprovals, REVOKED } from '../tables/approval-closing.ts'
import { type EndingContext, endAll } from '../tables/ending.ts'
import { markRevoked } from '../tables/grants.ts'
import { stopSending } from '../tables/outbox.ts'
import { schemaVersion } from '../tables/schema.ts'
import { liveSessions } from '../tables/sessions.ts'
import { endAllTransports } from '../tables/transports.ts'
import { endAllUpstreams } from '../tables/upstream-session-ends.ts'
import type { BackgroundWork } from './background-work.ts'
import { forgetRevocations } from './sessions-revoking.ts'
import type { PrincipalState } from './state.ts'

/** Revokes the grant, ends its sessions and closes its approvals. False when it was revoked before. */
export async function revokeGrant(principal: PrincipalState): Promise<boolean> {
  const { sql, alarm, grant } = principal
  if (grant === null) return false
  return principal.write(() => {
    const nowMs = Date.now()
    if (!markRevoked(sql, nowMs)) return false
    endEverything(principal, grant.name, nowMs)
    alarm.by(nowMs)
    principal.reread()
    return true
  })
}

/**
 * Another grant takes the name of one that was deleted: of that one nothing is left but the record, and what has yet to be
 * delivered. Part of the transaction that installs the other. A grant that was revoked already is left as it is.
 */
export function replacePredecessor(context: EndingContext, grant: string, nowMs: number): void {
  const { sql } = context
  endEverything(context, grant, nowMs)
  sql.exec('DELETE FROM counters')
  sql.exec('UPDATE grants SET decided_at = NULL, predecessor_seq = (SELECT coalesce(max(seq), 0) FROM audit)')
}

/** Ends every session and transport, here and upstream, and closes what waits for a person. */
function endEverything(context: EndingContext, grant: string, nowMs: number): void {
  const { sql } = context
  endAll(context, liveSessions(sql), 'revoked', nowMs)
  endAllTransports(sql, nowMs)
  endAllUpstreams(sql, nowMs)
  closeApprovals(sql, REVOKED, grant, nowMs)
}

/** Has everything that is on its way come to its end, and nothing begin, so that its rows can go. */
export async function stopEverything(principal: PrincipalState, background: BackgroundWork): Promise<void> {
  const { sql } = principal
  if (principal.grant !== null && principal.grant.revokedAtMs === null)
    throw new Error('erased before it has left')
  // From here on nothing begins, and what is on its way to somebody ends before its rows go.
  principal.grant = null
  if (schemaVersion(sql) > 0)
    await principal.write(() => {
      stopSending(sql, Date.now())
      forgetRevocations(sql)
    })
  await background.quiet()
}

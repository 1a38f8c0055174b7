/** The end of a grant: nobody gets in any more, its sessions end, and what waits for a person is closed. In rounds, for there may be thousands. */
import type { Grant } from '../../contract/grant.ts'
import { inTurns, ROUND_ENDS, ROUND_ROWS } from '../../durable/turns.ts'
import { closeApprovals, REVOKED } from '../tables/approval-closing.ts'
import { type EndingContext, endAll } from '../tables/ending.ts'
import { markRevoked } from '../tables/grants.ts'
import { liveSessions } from '../tables/sessions.ts'
import { endTransports } from '../tables/transports.ts'
import { deleteAllPreferences } from '../tables/upstream-preferences.ts'
import { endUpstreams } from '../tables/upstream-session-ends.ts'
import type { PrincipalState } from './state.ts'

/** Rounds, where somebody waits for the last of them. */
const ALL = Number.POSITIVE_INFINITY

/**
 * Revokes the grant, ends its sessions and closes its approvals. False when it was revoked before. Nobody gets in from the first
 * transaction on; should the object die before the last, the alarm does the rest.
 */
export async function revokeGrant(principal: PrincipalState): Promise<boolean> {
  const { sql, alarm, grant } = principal
  if (grant === null) return false
  const { isNew, isMore } = await principal.write(() => {
    const nowMs = Date.now()
    const isNew = markRevoked(sql, nowMs)
    if (isNew) {
      principal.reread()
      alarm.by(nowMs)
    }
    return { isNew, isMore: endRevoked(principal, nowMs) }
  })
  if (isMore) await inTurns(() => principal.write(() => endRevoked(principal, Date.now())), ALL)
  return isNew
}

/** Ends what a revoked grant has left behind, one round's worth. True when there may be more. */
export function endRevoked(principal: PrincipalState, nowMs: number): boolean {
  const { grant } = principal
  // It may be open again, under another secret, since the last round.
  return grant !== null && grant.revokedAtMs !== null && endSome(principal, grant.name, nowMs)
}

/** Ends what belongs to a grant that another one is about to replace, but for the little that comes meanwhile. */
export async function endPredecessor(principal: PrincipalState, before: Grant): Promise<void> {
  await inTurns(
    () => principal.write(() => principal.grant === before && endSome(principal, before.name, Date.now())),
    ALL,
  )
}

/**
 * Another grant takes the name of one that was deleted: of that one nothing is left but the record, and what has yet to be
 * delivered. Part of the transaction that installs the other. A grant that was revoked already is left as it is.
 */
export function replacePredecessor(context: EndingContext, grant: string, nowMs: number): void {
  const { sql, decisionLog } = context
  while (endSome(context, grant, nowMs)) {}
  sql.exec('UPDATE grants SET predecessor_seq = ?', decisionLog.last())
  decisionLog.beginAnew()
}

/**
 * Ends sessions and transports, here and upstream, one round's worth; with the last of them it closes what waits for a person. True
 * when there may be more.
 */
function endSome(context: EndingContext, grant: string, nowMs: number): boolean {
  const { sql } = context
  const live = liveSessions(sql, ROUND_ENDS)
  endAll(context, live, 'revoked', nowMs)
  if (live.length === ROUND_ENDS) return true
  if (endTransports(sql, ROUND_ROWS, nowMs) === ROUND_ROWS) return true
  if (endUpstreams(sql, ROUND_ROWS, nowMs) === ROUND_ROWS) return true
  deleteAllPreferences(sql)
  closeApprovals(sql, REVOKED, grant, nowMs)
  return false
}

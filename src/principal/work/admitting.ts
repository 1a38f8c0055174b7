/** One admission in its transaction: what `admit` decides, and the wake-ups that follow from it. */
import { GATHER_MS } from '../../audit/carry.ts'
import type { TenantConfig } from '../../contract/config.ts'
import { type AdmitAnswer, type AdmitRequest, isOnRecord } from '../../contract/principal.ts'
import { admit } from '../admission/admit.ts'
import { opens } from '../tables/grants.ts'
import { DRAIN_GRACE_MS, nextDeliveryMs, soonestPurgeMs } from './housekeeping.ts'
import type { PrincipalState } from './state.ts'

/** Tells whether the request reads alone, so that it need not queue for the disk; should it write after all, the output gate still waits. */
export function onlyReads({ intent: { kind }, settled }: AdmitRequest): boolean {
  return (kind === 'check' || kind === 'configure') && settled.length === 0
}

/** Tells whether a login has begun, with no `drain` to follow that would tell the streams of it. */
export function hasLoggedIn(answer: AdmitAnswer): boolean {
  return answer.kind === 'admitted' && answer.admitted.outcome.kind === 'logged_in' && !answer.admitted.drain
}

/** The settings of the deployment that an admission depends on. */
export interface AdmittingSettings {
  /** Legiti is told of logins, too. */
  readonly reportLogins: boolean
  /** Audit rows have a database to go to. */
  readonly hasAuditDatabase: boolean
}

/** Answers a request that has been authenticated. */
export function admitAndArm(
  principal: PrincipalState,
  request: AdmitRequest,
  config: TenantConfig,
  { reportLogins, hasAuditDatabase }: AdmittingSettings,
): AdmitAnswer {
  const { sql, grant, alarm, incarnation, hasStream, rows, decisionLog, hasLegiti } = principal
  const nowMs = Date.now()
  // Between authentication and this transaction another may have revoked the grant.
  if (!opens(grant, request.credential, nowMs)) return { kind: 'unauthorized' }
  const newId = () => crypto.randomUUID()
  const context = {
    sql,
    grant,
    config,
    nowMs,
    newId,
    hasLegiti,
    reportLogins,
    hasStream,
    rows,
    decisionLog,
  }
  const answer = admit(context, request)
  alarm.by(soonestPurgeMs(nowMs))
  const isRecorded = isOnRecord(request.intent) || request.intent.kind === 'close'
  if (hasAuditDatabase && isRecorded) alarm.by(nowMs + GATHER_MS)
  if (answer.kind === 'approval') {
    if (answer.drain) alarm.by(nowMs + DRAIN_GRACE_MS)
    if (answer.approval.state === 'pending') alarm.by(answer.approval.expiresAtMs)
  }
  if (answer.kind === 'admitted') {
    const { session, drain } = answer.admitted
    if (session !== null) alarm.by(session.idleExpiresAtMs)
    if (drain) alarm.by(nextDeliveryMs(sql, incarnation, nowMs) ?? nowMs)
  }
  return answer
}

import type { EndReason } from '../../contract/principal.ts'
import type { DecisionLog } from '../log/decision-log.ts'
import { enqueue } from './outbox.ts'
import { endSession, isOverdue, type Session } from './sessions.ts'
import { retireStoreToken } from './sessions-evidence.ts'
import { deletePreferencesOfLogin } from './upstream-preferences.ts'
import { endUpstreamsOfLogin } from './upstream-session-ends.ts'

/** The parts of the principal that an end needs. */
export interface EndingContext {
  readonly sql: SqlStorage
  readonly decisionLog: DecisionLog
  /** Legiti is told of it: false where the deployment has no Legiti, and then nothing is queued. */
  readonly hasLegiti: boolean
}

/**
 * Ends a session and its sessions upstream, writes it down and queues its logout: the only way a session ends. The transport
 * that it was made on goes on. All of it happens in the caller's transaction, and once: a session that has ended already
 * changes nothing.
 */
export function end(
  { sql, decisionLog, hasLegiti }: EndingContext,
  session: Session,
  reason: EndReason,
  nowMs: number,
): boolean {
  if (!endSession(sql, session.id, reason, nowMs)) return false
  endUpstreamsOfLogin(sql, session.id, nowMs)
  deletePreferencesOfLogin(sql, session.id)
  retireStoreToken(sql, session.id, nowMs)
  decisionLog.write({
    atMs: nowMs,
    requestId: '',
    sessionId: session.id,
    account: session.account,
    client: session.client,
    call: { server: 'session', tool: '(session)', argumentNames: [], argumentsHmac: null },
    decision: 'end',
    rule: `(${reason})`,
    configVersion: '',
    taken: [],
    shadow: [],
  })
  if (!hasLegiti) return true
  enqueue(sql, {
    id: `logout:${session.id}`,
    tool: 'track_logout',
    args: { account_id: session.account },
    occurredAtMs: nowMs,
  })
  return true
}

/** Ends several, each as what it is: one whose time is over has ended of that. Returns how many ended now. */
export function endAll(
  context: EndingContext,
  sessions: readonly Session[],
  reason: EndReason,
  nowMs: number,
): number {
  const ended = sessions.filter((session) => {
    const why = isOverdue(session, nowMs) ? overdue(session) : { reason, atMs: nowMs }
    return end(context, session, why.reason, why.atMs)
  })
  return ended.length
}

/**
 * Why a session whose time is over ended, and when: at its own deadline, even if it is noticed later.
 */
export function overdue(session: Session): { reason: EndReason; atMs: number } {
  const idleAtMs = session.lastSeenAtMs + session.idleMs
  return idleAtMs < session.expiresAtMs
    ? { reason: 'idle', atMs: idleAtMs }
    : { reason: 'expired', atMs: session.expiresAtMs }
}

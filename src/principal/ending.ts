import { writeAudit } from './audit.ts'
import type { EndReason } from './contract.ts'
import { enqueue } from './outbox.ts'
import { endSession, type Session } from './sessions.ts'
import { retireStoreToken } from './sessions-evidence.ts'
import { endUpstreamsOf } from './upstream-sessions.ts'
import { forgetWishes } from './upstream-wishes.ts'

/**
 * Ends a session and its sessions upstream, writes it down and, if it had logged in, queues its logout: the only
 * way a session ends. All of it happens in the caller's transaction, and once: a session that has ended already changes nothing.
 */
export function end(sql: SqlStorage, session: Session, reason: EndReason, nowMs: number): boolean {
  if (!endSession(sql, session.id, reason, nowMs)) return false
  endUpstreamsOf(sql, session.id, nowMs)
  // A connection that goes on keeps what its client has asked for.
  if (session.transport !== null && reason !== 'rotated') forgetWishes(sql, session.transport)
  retireStoreToken(sql, session.id, nowMs)
  writeAudit(sql, {
    atMs: nowMs,
    requestId: '',
    sessionId: session.id,
    account: session.account,
    call: { server: 'session', tool: '(session)', argumentNames: [], argumentsHmac: null },
    decision: 'end',
    rule: `(${reason})`,
    configVersion: '',
    taken: [],
    shadow: [],
  })
  if (session.account !== null) {
    enqueue(sql, {
      id: `logout:${session.id}`,
      tool: 'track_logout',
      args: { account_id: session.account },
      occurredAtMs: nowMs,
    })
  }
  return true
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

/** Sessions: logins of this principal. Each acts for one account, and ends once (ending.ts). */
import type { ClientName } from '../../contract/client.ts'
import type { EndReason, SessionView } from '../../contract/principal.ts'

/** A live session of this principal. */
export interface Session {
  readonly id: string
  /** The transport that it was made on, or null: in the stateless era. */
  readonly transport: string | null
  readonly account: string
  readonly provider: string | null
  /** The one that logged in; null: it named itself none, or that was not kept yet. */
  readonly client: ClientName | null
  readonly startedAtMs: number
  readonly lastSeenAtMs: number
  readonly idleMs: number
  readonly expiresAtMs: number
}

export interface SessionRow extends Record<string, SqlStorageValue> {
  id: string
  transport: string | null
  account: string
  provider: string | null
  client_name: string | null
  client_version: string | null
  started_at: number
  last_seen_at: number
  idle_ms: number
  expires_at: number
}

/** The longest times that a session may live, from the tenant's settings. */
export interface Lifetimes {
  readonly idleMs: number
  readonly absoluteMs: number
}

export const SESSION_COLUMNS =
  'id, transport, account, provider, client_name, client_version, started_at, last_seen_at, idle_ms, expires_at'

export function sessionFrom(row: SessionRow): Session {
  return {
    id: row.id,
    transport: row.transport,
    account: row.account,
    provider: row.provider,
    client: row.client_name === null ? null : { name: row.client_name, version: row.client_version },
    startedAtMs: row.started_at,
    lastSeenAtMs: row.last_seen_at,
    idleMs: row.idle_ms,
    expiresAtMs: row.expires_at,
  }
}

/** The session with this id, unless it has ended or its time is over. */
export function liveById(sql: SqlStorage, id: string, nowMs: number): Session | null {
  return sessionsWhere(sql, 'id = ? AND ended_at IS NULL AND ends_at > ?', id, nowMs)[0] ?? null
}

/** Counts the sessions that have not ended. */
export function countLive(sql: SqlStorage): number {
  return sql.exec<{ n: number }>('SELECT count(*) AS n FROM sessions WHERE ended_at IS NULL').one().n
}

/** Counts the sessions that have not ended and are in their time. */
export function countInTime(sql: SqlStorage, nowMs: number): number {
  return sql
    .exec<{ n: number }>('SELECT count(*) AS n FROM sessions WHERE ended_at IS NULL AND ends_at > ?', nowMs)
    .one().n
}

/** Starts a session: somebody has logged in. */
export function startSession(
  sql: SqlStorage,
  start: Pick<Session, 'id' | 'transport' | 'account' | 'provider' | 'client'>,
  lifetimes: Lifetimes,
  nowMs: number,
): Session {
  const session: Session = {
    ...start,
    startedAtMs: nowMs,
    lastSeenAtMs: nowMs,
    idleMs: lifetimes.idleMs,
    expiresAtMs: nowMs + lifetimes.absoluteMs,
  }
  sql.exec(
    `INSERT INTO sessions (${SESSION_COLUMNS}, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    session.id,
    session.transport,
    session.account,
    session.provider,
    session.client?.name ?? null,
    session.client?.version ?? null,
    session.startedAtMs,
    session.lastSeenAtMs,
    session.idleMs,
    session.expiresAtMs,
    endsAtMs(session),
  )
  return session
}

/** Postpones the idle expiry. */
export function touchSession(sql: SqlStorage, session: Session, nowMs: number): Session {
  const touched = { ...session, lastSeenAtMs: Math.max(nowMs, session.lastSeenAtMs) }
  sql.exec(
    'UPDATE sessions SET last_seen_at = ?, ends_at = ? WHERE id = ?',
    touched.lastSeenAtMs,
    endsAtMs(touched),
    session.id,
  )
  return touched
}

/** Ends a session. False when it had ended before: then nothing changed, and nothing may follow from it. */
export function endSession(sql: SqlStorage, id: string, reason: EndReason, nowMs: number): boolean {
  const ended = sql
    .exec(
      'UPDATE sessions SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL RETURNING id',
      nowMs,
      reason,
      id,
    )
    .toArray()
  return ended.length > 0
}

/** Live sessions whose time is over at `nowMs`. */
export function overdueSessions(sql: SqlStorage, nowMs: number, most: number): Session[] {
  return sessionsWhere(sql, 'ended_at IS NULL AND ends_at <= ? ORDER BY ends_at LIMIT ?', nowMs, most)
}

/** Up to `most` sessions that have not ended, those included whose time is over. */
export function liveSessions(sql: SqlStorage, most: number): Session[] {
  return sessionsWhere(sql, 'ended_at IS NULL LIMIT ?', most)
}

/** Sessions that `where`, fixed text and never a caller's, selects. */
export function sessionsWhere(sql: SqlStorage, where: string, ...bindings: SqlStorageValue[]): Session[] {
  return sql
    .exec<SessionRow>(`SELECT ${SESSION_COLUMNS} FROM sessions WHERE ${where}`, ...bindings)
    .toArray()
    .map(sessionFrom)
}

/** @param protocolVersion of the transport that it was made on; null in the stateless era */
export function viewOf(session: Session, protocolVersion: string | null): SessionView {
  return {
    id: session.id,
    account: session.account,
    provider: session.provider,
    startedAtMs: session.startedAtMs,
    lastSeenAtMs: session.lastSeenAtMs,
    idleExpiresAtMs: endsAtMs(session),
    expiresAtMs: session.expiresAtMs,
    protocolVersion,
  }
}

/** Tells whether the time of a session is over. */
export function isOverdue(session: Session, nowMs: number): boolean {
  return endsAtMs(session) <= nowMs
}

/** The time at which a live session ends unless it is used. */
export function endsAtMs(session: Session): number {
  return Math.min(session.lastSeenAtMs + session.idleMs, session.expiresAtMs)
}

import type { EndReason, SessionView } from './contract.ts'

/** A live session of this principal. */
export interface Session {
  readonly id: string
  readonly transport: string | null
  readonly protocolVersion: string | null
  readonly account: string | null
  readonly provider: string | null
  readonly startedAtMs: number
  readonly lastSeenAtMs: number
  readonly idleMs: number
  readonly expiresAtMs: number
  readonly listedVersion: string | null
  /** What the client said of itself in `initialize`, as JSON; null in the stateless era. */
  readonly client: string | null
}

interface SessionRow extends Record<string, SqlStorageValue> {
  id: string
  transport: string | null
  protocol_version: string | null
  account: string | null
  provider: string | null
  started_at: number
  last_seen_at: number
  idle_ms: number
  expires_at: number
  listed_version: string | null
  client: string | null
}

/** How long a session may live, from the tenant's settings. */
export interface Lifetimes {
  readonly idleMs: number
  readonly absoluteMs: number
}

const COLUMNS =
  'id, transport, protocol_version, account, provider, started_at, last_seen_at, idle_ms, expires_at, listed_version, client'

function fromRow(row: SessionRow): Session {
  return {
    id: row.id,
    transport: row.transport,
    protocolVersion: row.protocol_version,
    account: row.account,
    provider: row.provider,
    startedAtMs: row.started_at,
    lastSeenAtMs: row.last_seen_at,
    idleMs: row.idle_ms,
    expiresAtMs: row.expires_at,
    listedVersion: row.listed_version,
    client: row.client,
  }
}

function first(cursor: SqlStorageCursor<SessionRow>): Session | null {
  const row = cursor.toArray()[0]
  return row === undefined ? null : fromRow(row)
}

/** The session that hangs on `transport`, unless it has ended or its time is over. */
export function liveByTransport(sql: SqlStorage, transport: string, nowMs: number): Session | null {
  return first(
    sql.exec<SessionRow>(
      `SELECT ${COLUMNS} FROM sessions WHERE transport = ? AND ended_at IS NULL AND ends_at > ?`,
      transport,
      nowMs,
    ),
  )
}

/** The session with this id, unless it has ended or its time is over. */
export function liveById(sql: SqlStorage, id: string, nowMs: number): Session | null {
  return first(
    sql.exec<SessionRow>(
      `SELECT ${COLUMNS} FROM sessions WHERE id = ? AND ended_at IS NULL AND ends_at > ?`,
      id,
      nowMs,
    ),
  )
}

export function countLive(sql: SqlStorage): number {
  return sql.exec<{ n: number }>('SELECT count(*) AS n FROM sessions WHERE ended_at IS NULL').one().n
}

/** Starts a session. With an account it has logged in; without, it may do so later. */
export function startSession(
  sql: SqlStorage,
  start: Pick<
    Session,
    'id' | 'transport' | 'protocolVersion' | 'account' | 'provider' | 'listedVersion' | 'client'
  >,
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
    `INSERT INTO sessions (${COLUMNS}, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    session.id,
    session.transport,
    session.protocolVersion,
    session.account,
    session.provider,
    session.startedAtMs,
    session.lastSeenAtMs,
    session.idleMs,
    session.expiresAtMs,
    session.listedVersion,
    session.client,
    endsAt(session),
  )
  return session
}

/** Gives a session that has no account one. Its time begins anew: it is the login that expires. */
export function logInSession(
  sql: SqlStorage,
  session: Session,
  { account, provider }: { readonly account: string; readonly provider: string },
  lifetimes: Lifetimes,
  nowMs: number,
): Session {
  const started = { startedAtMs: nowMs, lastSeenAtMs: nowMs, expiresAtMs: nowMs + lifetimes.absoluteMs }
  const loggedIn: Session = { ...session, ...started, account, provider }
  sql.exec(
    `UPDATE sessions SET account = ?, provider = ?, started_at = ?, last_seen_at = ?, expires_at = ?, ends_at = ?
     WHERE id = ? AND account IS NULL`,
    account,
    provider,
    loggedIn.startedAtMs,
    loggedIn.lastSeenAtMs,
    loggedIn.expiresAtMs,
    endsAt(loggedIn),
    session.id,
  )
  return loggedIn
}

/** Postpones the idle expiry. */
export function touchSession(sql: SqlStorage, session: Session, nowMs: number): Session {
  const touched = { ...session, lastSeenAtMs: Math.max(nowMs, session.lastSeenAtMs) }
  sql.exec(
    'UPDATE sessions SET last_seen_at = ?, ends_at = ? WHERE id = ?',
    touched.lastSeenAtMs,
    endsAt(touched),
    session.id,
  )
  return touched
}

/** Remembers which configuration's tools the client has listed. */
export function markListed(sql: SqlStorage, session: Session, version: string): void {
  sql.exec('UPDATE sessions SET listed_version = ? WHERE id = ?', version, session.id)
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
  return sql
    .exec<SessionRow>(
      `SELECT ${COLUMNS} FROM sessions WHERE ended_at IS NULL AND ends_at <= ? ORDER BY ends_at LIMIT ?`,
      nowMs,
      most,
    )
    .toArray()
    .map(fromRow)
}

export function liveSessions(sql: SqlStorage): Session[] {
  return sql.exec<SessionRow>(`SELECT ${COLUMNS} FROM sessions WHERE ended_at IS NULL`).toArray().map(fromRow)
}

/** Sessions that `where`, fixed text and never a caller's, selects. */
export function sessionsWhere(sql: SqlStorage, where: string, ...bindings: SqlStorageValue[]): Session[] {
  return sql
    .exec<SessionRow>(`SELECT ${COLUMNS} FROM sessions WHERE ${where}`, ...bindings)
    .toArray()
    .map(fromRow)
}

export function viewOf(session: Session): SessionView {
  return {
    id: session.id,
    account: session.account,
    provider: session.provider,
    startedAtMs: session.startedAtMs,
    lastSeenAtMs: session.lastSeenAtMs,
    idleExpiresAtMs: endsAt(session),
    expiresAtMs: session.expiresAtMs,
    protocolVersion: session.protocolVersion,
  }
}

function endsAt(session: Session): number {
  return Math.min(session.lastSeenAtMs + session.idleMs, session.expiresAtMs)
}

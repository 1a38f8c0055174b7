/**
 * Which grants may have sessions of whom, and which sessions are to end. A login is written down here before its session
 * begins, so whoever has a session that an issuer can end is known: docs/decisions/0024.
 */
import type { ExpectedLogin, IssuerLogout } from '../../contract/logouts.ts'
import type { SessionsToEnd } from '../../contract/principal.ts'
import { ROUND_ROWS } from '../../durable/turns.ts'

const DAY_MS = 24 * 3_600_000
/** The longest that any session may last, and an hour for the login to get there. */
const KEEP_LOGINS_MS = 30 * DAY_MS + 3_600_000
/**
 * The time that a logout is remembered, against tokens that were issued before it and against a second arrival. A logout token that is
 * older than an hour is refused.
 */
const KEEP_LOGOUTS_MS = 7 * DAY_MS
/** A principal is asked again no earlier; twice as long with every try, up to the longest. */
const RETRY_MS = 5_000
const LONGEST_RETRY_MS = 5 * 60_000
/** The lease of a run: after it, the principals of a run that died are asked again. */
const LEASE_MS = 30_000

interface LogoutRow extends Record<string, SqlStorageValue> {
  seq: number
  at: number
  account: string | null
  issuer: string | null
  subject: string | null
  sid: string | null
  digest: string | null
}

/**
 * Writes down that `login.grant` may get a session of this subject. Answers how many logouts there have been, or null
 * where the issuer has ended what this token is of.
 */
export function expectLogin(sql: SqlStorage, login: ExpectedLogin, nowMs: number): number | null {
  const { issuer, subject, sid, issuedAt, grant } = login
  const over = sql.exec(
    `SELECT 1 FROM logouts WHERE issuer = ?1 AND (subject IS NULL OR subject = ?2)
       AND (sid IS NULL OR ?3 IS NULL OR sid = ?3) AND (subject IS NOT NULL OR sid = ?3)
       AND (?4 IS NULL OR issued_at >= ?4) LIMIT 1`,
    ...[issuer, subject, sid, issuedAt],
  )
  if (over.toArray().length > 0) return null
  purge(sql, nowMs)
  sql.exec(
    `INSERT INTO logins (issuer, subject, sid, grant_name, keep_until) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET keep_until = max(keep_until, excluded.keep_until)`,
    ...[issuer, subject, sid ?? '', grant, nowMs + KEEP_LOGINS_MS],
  )
  return sql.exec<{ n: number }>('SELECT coalesce(max(seq), 0) AS n FROM logouts').one().n
}

/**
 * Writes down a logout and whom it concerns. `repeated`: the very same one was there before, and what it asks is done or
 * being done. `clash`: another one had its id.
 */
export function recordIssuerLogout(
  sql: SqlStorage,
  it: IssuerLogout,
  nowMs: number,
): { readonly kind: 'recorded'; readonly seq: number } | { readonly kind: 'repeated' | 'clash' } {
  const before = sql
    .exec<LogoutRow>('SELECT * FROM logouts WHERE issuer = ? AND jti = ?', it.issuer, it.jti)
    .toArray()[0]
  if (before !== undefined) return { kind: before.digest === it.digest ? 'repeated' : 'clash' }
  purge(sql, nowMs)
  const { seq } = sql
    .exec<{ seq: number }>(
      `INSERT INTO logouts (at, issuer, subject, sid, issued_at, jti, digest) VALUES (?, ?, ?, ?, ?, ?, ?)
       RETURNING seq`,
      ...[nowMs, it.issuer, it.subject, it.sid, it.issuedAt, it.jti, it.digest],
    )
    .one()
  sql.exec(
    `INSERT INTO logout_targets (seq, grant_name, retry_at, tries)
     SELECT DISTINCT ?1, grant_name, ?2, 0 FROM (
       SELECT grant_name FROM logins WHERE issuer = ?3 AND sid = ?5 AND sid <> '' AND (?4 IS NULL OR subject = ?4)
       UNION SELECT grant_name FROM logins WHERE issuer = ?3 AND subject = ?4 AND (?5 IS NULL OR sid = '')
     )`,
    ...[seq, nowMs, it.issuer, it.subject, it.sid],
  )
  return { kind: 'recorded', seq }
}

/** Writes down that the sessions of an account are to end, in every one of these grants. */
export function recordAccountEnd(
  sql: SqlStorage,
  account: string,
  grants: readonly string[],
  nowMs: number,
): number {
  purge(sql, nowMs)
  const { seq } = sql
    .exec<{ seq: number }>('INSERT INTO logouts (at, account) VALUES (?, ?) RETURNING seq', nowMs, account)
    .one()
  sql.exec(
    `INSERT INTO logout_targets (seq, grant_name, retry_at, tries)
     SELECT ?, value, ?, 0 FROM json_each(?)`,
    ...[seq, nowMs, JSON.stringify(grants)],
  )
  return seq
}

/** A principal that is to end sessions. */
export interface Target {
  readonly seq: number
  readonly grant: string
  readonly which: SessionsToEnd
}

/** Takes up to `most` that are due; none is taken again before its lease is over. */
export function takeTargets(sql: SqlStorage, most: number, nowMs: number): Target[] {
  const taken = sql
    .exec<{ seq: number; grant_name: string }>(
      `UPDATE logout_targets SET tries = tries + 1, retry_at = ?1 WHERE (seq, grant_name) IN (
         SELECT seq, grant_name FROM logout_targets WHERE retry_at <= ?2 ORDER BY retry_at LIMIT ?3
       ) RETURNING seq, grant_name`,
      ...[nowMs + LEASE_MS, nowMs, most],
    )
    .toArray()
  const found = new Map<number, SessionsToEnd | null>()
  return taken.flatMap(({ seq, grant_name }) => {
    if (!found.has(seq)) found.set(seq, sessionsOf(sql, seq))
    const which = found.get(seq) ?? null
    return which === null ? [] : [{ seq, grant: grant_name, which }]
  })
}

export function dropTarget(sql: SqlStorage, { seq, grant }: Target): void {
  sql.exec('DELETE FROM logout_targets WHERE seq = ? AND grant_name = ?', seq, grant)
}

export function postponeTarget(sql: SqlStorage, { seq, grant }: Target, nowMs: number): void {
  sql.exec(
    `UPDATE logout_targets SET retry_at = ?1 + min(?2 * (1 << min(tries, 10)), ?3) WHERE seq = ?4 AND grant_name = ?5`,
    ...[nowMs, RETRY_MS, LONGEST_RETRY_MS, seq, grant],
  )
}

/** Counts the principals that have yet to learn of `seq`. */
export function pendingTargets(sql: SqlStorage, seq: number): number {
  return sql.exec<{ n: number }>('SELECT count(*) AS n FROM logout_targets WHERE seq = ?', seq).one().n
}

/** When the next principal is to be told, or null. */
export function nextTargetMs(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>('SELECT min(retry_at) AS at FROM logout_targets').one().at
}

function sessionsOf(sql: SqlStorage, seq: number): SessionsToEnd | null {
  const row = sql.exec<LogoutRow>('SELECT * FROM logouts WHERE seq = ?', seq).toArray()[0]
  if (row === undefined) return null
  const { account, issuer, subject, sid, at } = row
  if (account !== null) return { kind: 'account', account, atMs: at }
  return issuer === null ? null : { kind: 'subject', issuer, subject, sid, logout: seq }
}

/** Forgets what is over. The last logout stays, for its number is what logins are compared by. */
function purge(sql: SqlStorage, nowMs: number): void {
  sql.exec(
    `DELETE FROM logins WHERE (issuer, subject, sid, grant_name) IN (
       SELECT issuer, subject, sid, grant_name FROM logins WHERE keep_until <= ? LIMIT ${ROUND_ROWS})`,
    nowMs,
  )
  sql.exec(
    `DELETE FROM logouts WHERE seq IN (
       SELECT seq FROM logouts WHERE at <= ? AND seq < (SELECT max(seq) FROM logouts)
         AND NOT EXISTS (SELECT 1 FROM logout_targets WHERE logout_targets.seq = logouts.seq) LIMIT ${ROUND_ROWS})`,
    nowMs - KEEP_LOGOUTS_MS,
  )
}

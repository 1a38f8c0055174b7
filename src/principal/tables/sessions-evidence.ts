/** The evidence of its login that a session keeps, and its removal when the session ends. */
import type { LoginEvidence } from '../../contract/principal.ts'

/** The time that a logout is remembered for logins that are on their way: longer than any request takes. */
export const KEEP_LOGOUTS_MS = 10 * 60_000

/** A logout as an issuer means it. */
export interface SubjectLogout {
  readonly issuer: string
  readonly subject: string | null
  readonly sid: string | null
  readonly logout: number
}

/** Part of the transaction that logs the session in. */
export function keepEvidence(sql: SqlStorage, session: string, evidence: LoginEvidence): void {
  if (evidence.kind === 'jwt') {
    sql.exec(
      'UPDATE sessions SET issuer = ?, subject = ?, sid = ?, known_logouts = ? WHERE id = ?',
      ...[evidence.issuer, evidence.subject, evidence.sid, evidence.knownLogouts, session],
    )
    return
  }
  sql.exec(
    'UPDATE sessions SET store = ?, store_token = ? WHERE id = ?',
    ...[evidence.store, evidence.sealedToken, session],
  )
}

/** Takes a store's token out of an ending session, to be revoked. Part of the transaction that ends it. */
export function retireStoreToken(sql: SqlStorage, session: string, nowMs: number): void {
  const held = sql
    .exec<{ store: string; store_token: string }>(
      'SELECT store, store_token FROM sessions WHERE id = ? AND store_token IS NOT NULL',
      session,
    )
    .toArray()[0]
  if (held === undefined) return
  sql.exec('UPDATE sessions SET store_token = NULL WHERE id = ?', session)
  sql.exec(
    'INSERT INTO revocations (store, store_token, retry_at, tries) VALUES (?, ?, ?, 0)',
    ...[held.store, held.store_token, nowMs],
  )
}

/** Remembers a logout for as long as a login that knows nothing of it may still arrive. */
export function rememberLogout(sql: SqlStorage, it: SubjectLogout, nowMs: number): void {
  sql.exec('DELETE FROM recent_logouts WHERE at <= ?', nowMs - KEEP_LOGOUTS_MS)
  sql.exec(
    'INSERT INTO recent_logouts (logout, issuer, subject, sid, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ...[it.logout, it.issuer, it.subject, it.sid, nowMs],
  )
}

/** Tells whether the issuer has ended what this login is of, after the login was last checked. */
export function isLoggedOut(sql: SqlStorage, evidence: LoginEvidence): boolean {
  if (evidence.kind !== 'jwt') return false
  const { issuer, subject, sid, knownLogouts } = evidence
  const found = sql.exec(
    `SELECT 1 FROM recent_logouts WHERE logout > ?1 AND issuer = ?2 AND (subject IS NULL OR subject = ?3)
       AND (sid IS NULL OR ?4 IS NULL OR sid = ?4) AND (subject IS NOT NULL OR sid = ?4) LIMIT 1`,
    ...[knownLogouts, issuer, subject, sid],
  )
  return found.toArray().length > 0
}

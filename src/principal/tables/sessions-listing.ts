/** Sessions as administrators and issuers see them: listed, and ended from outside. */
import type { EndReason, SessionPage, SessionsToEnd } from '../../contract/principal.ts'
import { ROUND_ENDS } from '../../durable/turns.ts'
import { type EndingContext, end } from './ending.ts'
import { liveById, type Session, sessionsWhere, viewOf } from './sessions.ts'
import { rememberLogout } from './sessions-evidence.ts'
import { openTransportById } from './transports.ts'

/** Live sessions, the oldest rows first; of one account, or of all when it is null. */
export function listSessions(
  sql: SqlStorage,
  {
    account,
    after,
    most,
  }: {
    readonly account: string | null
    readonly after: number
    readonly most: number
  },
  nowMs: number,
): SessionPage {
  // The plus has the index on accounts used: one account has few sessions, a grant may have many rows.
  const which =
    account === null ? 'rowid > ?2 ORDER BY rowid' : '+rowid > ?2 AND account = ?4 ORDER BY +rowid'
  const found = sessionsWhere(
    sql,
    `ended_at IS NULL AND ends_at > ?1 AND ${which} LIMIT ?3`,
    ...[nowMs, after, most + 1, ...(account === null ? [] : [account])],
  )
  const page = found.slice(0, most)
  const rows = page.map(({ id }) => rowOf(sql, id))
  return {
    sessions: page.map((it) => viewOf(it, revisionOf(sql, it))),
    rows,
    next: found.length > most ? (rows.at(-1) ?? null) : null,
  }
}

/**
 * Ends a round's worth of sessions. Each ends as any other does: once, with its logout queued where Legiti is told. `isMore`: call
 * again, with the same `sinceMs`, when the first round began: a login that comes between two rounds is not meant.
 */
export function endSessions(
  context: EndingContext,
  which: SessionsToEnd,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): { ended: number; isMore: boolean } {
  const { sql } = context
  if (which.kind === 'subject') rememberLogout(sql, which, nowMs)
  const reason: EndReason = which.kind === 'subject' ? 'backchannel' : 'administrator'
  const found = toEnd(sql, which, sinceMs, nowMs)
  const ended = found.filter((session) => end(context, session, reason, nowMs)).length
  return { ended, isMore: found.length === ROUND_ENDS }
}

/** Sessions whose time is over are left to end of that. */
function toEnd(sql: SqlStorage, which: SessionsToEnd, sinceMs: number, nowMs: number): Session[] {
  const live = `ended_at IS NULL AND ends_at > ?1`
  switch (which.kind) {
    case 'session': {
      const session = liveById(sql, which.id, nowMs)
      return session === null ? [] : [session]
    }
    case 'all':
      return sessionsWhere(sql, `${live} AND started_at <= ?2 LIMIT ${ROUND_ENDS}`, nowMs, sinceMs)
    case 'account':
      return sessionsWhere(
        sql,
        `${live} AND account = ?2 AND started_at <= ?3 LIMIT ${ROUND_ENDS}`,
        ...[nowMs, which.account, which.atMs],
      )
    case 'subject': {
      const { issuer, subject, sid, logout } = which
      // A session whose token named no session of the issuer's may be the one that is meant.
      const ofSid = 'SELECT id FROM sessions WHERE ended_at IS NULL AND issuer = ?2 AND sid = ?4'
      const ofSubject = `SELECT id FROM sessions WHERE ended_at IS NULL AND issuer = ?2 AND subject = ?3
        AND (?4 IS NULL OR sid IS NULL)`
      return sessionsWhere(
        sql,
        `${live} AND known_logouts < ?5 AND (?3 IS NULL OR subject = ?3)
           AND id IN (${ofSid} UNION ${ofSubject}) LIMIT ${ROUND_ENDS}`,
        ...[nowMs, issuer, subject, sid, logout],
      )
    }
  }
}

/** Returns the revision that the session's transport had negotiated. */
function revisionOf(sql: SqlStorage, { transport }: Session): string | null {
  return transport === null ? null : (openTransportById(sql, transport)?.protocolVersion ?? null)
}

function rowOf(sql: SqlStorage, id: string): number {
  return sql.exec<{ row: number }>('SELECT rowid AS row FROM sessions WHERE id = ?', id).one().row
}

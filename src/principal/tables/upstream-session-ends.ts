/**
 * Ends sessions with upstream servers: with their login, their transport or their grant, or because they are idle or too many. An ended
 * session stays as a row until its server was asked to end it (upstream-session-queue.ts).
 */
import { dropUpstream } from './upstream-session-queue.ts'

/** The idle time after which a session of a stateless owner, or one without a login, ends. */
export const STATELESS_IDLE_MS = 30 * 60_000

/** Live sessions that no login or transport ends, so that only idleness does. */
const LEFT_ALONE = "ended_at IS NULL AND (stateless = 1 OR session = '')"

/** The most live sessions of stateless clients with one server, for each login and without one. Beyond it the least recently used ends. */
export const MOST_STATELESS = 8

/** Ends the upstream sessions of a login. Part of the transaction that ends the login. */
export function endUpstreamsOfLogin(sql: SqlStorage, session: string, nowMs: number): void {
  markEnded(sql, "session = ? AND session <> ''", [session], nowMs)
}

/** Ends the upstream sessions of a transport. Part of the transaction that ends the transport. */
export function endUpstreamsOfOwner(sql: SqlStorage, owner: string, nowMs: number): void {
  markEnded(sql, 'owner = ?', [owner], nowMs)
}

/** Ends up to `most` of all upstream sessions, as the grant is revoked. Returns how many. */
export function endUpstreams(sql: SqlStorage, most: number, nowMs: number): number {
  const which = 'seq IN (SELECT seq FROM upstream_sessions WHERE ended_at IS NULL LIMIT ?)'
  return markEnded(sql, which, [most], nowMs)
}

/** Which of those that were not used for a time are ended. */
export interface IdleLimit {
  /** Tells whether a transport has an open event stream, and so is in use. */
  readonly hasStream: (transport: string) => boolean
  readonly idleMs: number
  readonly nowMs: number
  /** The most that are looked at. */
  readonly most: number
}

/**
 * Looks at up to `most` sessions that no login keeps and that were not used for `idleMs`, and ends them. A session whose transport has
 * an open event stream is in use, and stays. Returns how many it looked at.
 */
export function endIdleUpstreams(sql: SqlStorage, { hasStream, idleMs, nowMs, most }: IdleLimit): number {
  const due = sql
    .exec<{ seq: number; owner: string; stateless: number }>(
      `SELECT seq, owner, stateless FROM upstream_sessions
       WHERE ${LEFT_ALONE} AND last_used_at <= ? ORDER BY last_used_at LIMIT ?`,
      ...[nowMs - idleMs, most],
    )
    .toArray()
  for (const { seq, owner, stateless } of due) {
    if (stateless === 0 && hasStream(owner))
      sql.exec('UPDATE upstream_sessions SET last_used_at = ? WHERE seq = ?', nowMs, seq)
    else markEnded(sql, 'seq = ?', [seq], nowMs)
  }
  return due.length
}

/** Ends the least recently used sessions beyond the limit, so that a client whose capabilities change with every request cannot fill a server. */
export function endLeastUsed(sql: SqlStorage, server: string, session: string, nowMs: number): void {
  const beyond = `seq IN (SELECT seq FROM upstream_sessions
    WHERE server = ? AND session = ? AND ended_at IS NULL AND stateless = 1
    ORDER BY last_used_at DESC, seq DESC LIMIT -1 OFFSET ?)`
  markEnded(sql, beyond, [server, session, MOST_STATELESS], nowMs)
}

/** Marks sessions as ended. Where the upstream keeps no session there is nothing to end there, and the row goes at once. */
export function markEnded(sql: SqlStorage, which: string, values: SqlStorageValue[], nowMs: number): number {
  const ended = sql
    .exec<{ seq: number; upstream_id: string | null }>(
      `UPDATE upstream_sessions SET ended_at = ?, retry_at = ? WHERE ended_at IS NULL AND ${which}
       RETURNING seq, upstream_id`,
      nowMs,
      nowMs,
      ...values,
    )
    .toArray()
  for (const { seq, upstream_id } of ended) if (upstream_id === null) dropUpstream(sql, seq)
  return ended.length
}

/**
 * Returns when the next session ends, or its server is to be asked, but not before `soonestMs`; null for never.
 * @param idleMs as in endIdleUpstreams
 */
export function nextUpstreamEndMs(sql: SqlStorage, idleMs: number, soonestMs: number): number | null {
  const { idle, ending } = sql
    .exec<{ idle: number | null; ending: number | null }>(
      `SELECT (SELECT min(last_used_at) FROM upstream_sessions WHERE ${LEFT_ALONE}) AS idle,
              (SELECT min(retry_at) FROM upstream_sessions WHERE ended_at IS NOT NULL) AS ending`,
    )
    .one()
  if (idle === null && ending === null) return null
  const dueMs = Math.min(idle === null ? Infinity : idle + idleMs, ending ?? Infinity)
  return Math.max(dueMs, soonestMs)
}

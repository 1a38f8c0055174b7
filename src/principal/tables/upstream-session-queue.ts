/** Ended sessions whose upstream server has yet to be asked to end them: taken, tried again, given up. */

import { ROUND_ROWS } from '../../durable/turns.ts'

/** The number of times that a server is asked to end a session, and the time between two tries. */
export const MOST_TRIES = 3
export const RETRY_MS = 60_000

/** An ended session that its server is being asked to end. */
export interface EndingUpstream {
  readonly seq: number
  readonly server: string
  /** The address at which it was opened; null where that is not known. */
  readonly url: string | null
  readonly id: string
  readonly protocolVersion: string
  /** This one included. */
  readonly tries: number
}

/**
 * Takes up to `most` ended sessions that are due. None is taken again before RETRY_MS are over, so a run that dies
 * loses one try, no more.
 */
export function takeEnding(sql: SqlStorage, most: number, nowMs: number): EndingUpstream[] {
  return sql
    .exec<{
      seq: number
      server: string
      url: string | null
      upstream_id: string
      protocol_version: string
      tries: number
    }>(
      `UPDATE upstream_sessions SET tries = tries + 1, retry_at = ?1 WHERE seq IN (
         SELECT seq FROM upstream_sessions WHERE ended_at IS NOT NULL AND retry_at <= ?2 ORDER BY retry_at LIMIT ?3
       ) RETURNING seq, server, url, upstream_id, protocol_version, tries`,
      nowMs + RETRY_MS,
      nowMs,
      most,
    )
    .toArray()
    .map((row) => ({
      seq: row.seq,
      server: row.server,
      url: row.url,
      id: row.upstream_id,
      protocolVersion: row.protocol_version,
      tries: row.tries,
    }))
}

/** Tells whether takeEnding would find any. Writes nothing. */
export function hasEnding(sql: SqlStorage, nowMs: number): boolean {
  const due = sql.exec(
    'SELECT 1 FROM upstream_sessions WHERE ended_at IS NOT NULL AND retry_at <= ? LIMIT 1',
    nowMs,
  )
  return due.toArray().length > 0
}

/**
 * Postpones the sessions of a server that were due at `nowMs`, when it did not answer for one of them. It costs each of them a try. One
 * round's worth; true when there may be more, for which `nowMs` must be the same.
 */
export function postponeEnding(sql: SqlStorage, server: string, nowMs: number): boolean {
  const postponed = sql.exec(
    `UPDATE upstream_sessions SET tries = tries + 1, retry_at = ?1 WHERE seq IN (
       SELECT seq FROM upstream_sessions WHERE ended_at IS NOT NULL AND retry_at <= ?2 AND server = ?3
       LIMIT ${ROUND_ROWS}) RETURNING 1`,
    ...[nowMs + RETRY_MS, nowMs, server],
  )
  const dropped = sql.exec(
    `DELETE FROM upstream_sessions WHERE seq IN (
       SELECT seq FROM upstream_sessions WHERE ended_at IS NOT NULL AND tries >= ? AND server = ?
       LIMIT ${ROUND_ROWS}) RETURNING 1`,
    ...[MOST_TRIES, server],
  )
  return [postponed, dropped].some((rows) => rows.toArray().length === ROUND_ROWS)
}

/** Deletes the row of a session that its server has ended, or will not be asked to end. */
export function dropUpstream(sql: SqlStorage, seq: number): void {
  sql.exec('DELETE FROM upstream_sessions WHERE seq = ?', seq)
}

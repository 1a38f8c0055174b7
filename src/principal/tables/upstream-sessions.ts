/**
 * Live sessions with upstream servers: opened, used, renewed, forgotten. Each belongs to one owner (a transport, or a key of the
 * stateless era) and within it to one login, or to the requests without a login. It is never given to another.
 */
import type { UpstreamSession } from '../../contract/principal.ts'
import type { UpstreamConfig } from '../../contract/upstream.ts'
import type { RememberedRows } from './remembered.ts'
import { endLeastUsed, markEnded } from './upstream-session-ends.ts'
import {
  type Binding,
  COLUMNS,
  checkLengths,
  live,
  type UpstreamRow,
  viewOf,
} from './upstream-session-rows.ts'

/** A session's last use is written at most so often. */
const TOUCH_MS = 60_000

/**
 * Returns the live session that `owner` has with `server`, or null, and postpones its end. A session that was opened at another URL,
 * or with another registration of that name, does not count: the server may be another one, and must not learn of it.
 */
export function useUpstream(
  rows: RememberedRows,
  whose: Pick<Binding, 'owner' | 'session' | 'server' | 'url' | 'incarnation'>,
  nowMs: number,
): UpstreamSession | null {
  const { server, url, incarnation } = whose
  const key = `upstream ${server} ${whose.session} ${whose.owner}`
  const row = rows.row(key, nowMs, () => ({ row: live(rows.sql, whose), untilMs: Infinity }))
  if (row === null || row.url !== url || row.incarnation !== incarnation) return null
  const isLeftAlone = row.stateless === 1 || whose.session === ''
  if (isLeftAlone && nowMs - row.last_used_at >= TOUCH_MS)
    rows.sql.exec('UPDATE upstream_sessions SET last_used_at = ? WHERE seq = ?', nowMs, row.seq)
  return viewOf(server, row)
}

/**
 * Stores a session, unless the owner has another one with this server that it does not replace. A replaced session is gone already,
 * for its upstream forgot it. Returns the session to use.
 * @throws RangeError when a value is longer than anything that is stored
 */
export function bindUpstream(sql: SqlStorage, binding: Binding, nowMs: number): UpstreamSession {
  const { owner, session, server, url, incarnation, replaces, opened } = binding
  checkLengths({ owner, session, server, url, incarnation, ...opened })
  let stored = live(sql, binding)
  if (stored !== null && (stored.url !== url || stored.incarnation !== incarnation)) {
    markEnded(sql, 'seq = ?', [stored.seq], nowMs)
    stored = null
  }
  if (stored !== null && (replaces === undefined || stored.upstream_id !== replaces))
    return viewOf(server, stored)
  const tag = stored === null ? insert(sql, binding, nowMs) : renew(sql, stored.seq, opened, nowMs)
  if (stored === null && binding.stateless) endLeastUsed(sql, server, session, nowMs)
  return { server, ...opened, tag }
}

function insert(sql: SqlStorage, binding: Binding, nowMs: number): string {
  const { owner, session, stateless, server, url, incarnation, opened } = binding
  return sql
    .exec<{ tag: string }>(
      `INSERT INTO upstream_sessions (owner, session, stateless, server, url, incarnation, upstream_id, protocol_version,
         last_used_at, tag) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, lower(hex(randomblob(8)))) RETURNING tag`,
      ...[
        owner,
        session,
        stateless ? 1 : 0,
        server,
        url,
        incarnation,
        opened.id,
        opened.protocolVersion,
        nowMs,
      ],
    )
    .one().tag
}

/** Puts a new session in the place of a forgotten one, with a tag of its own: the questions of the old session are not its own. */
function renew(sql: SqlStorage, seq: number, opened: Binding['opened'], nowMs: number): string {
  return sql
    .exec<{ tag: string }>(
      `UPDATE upstream_sessions SET upstream_id = ?, protocol_version = ?, last_used_at = ?,
         tag = lower(hex(randomblob(8))) WHERE seq = ? RETURNING tag`,
      ...[opened.id, opened.protocolVersion, nowMs, seq],
    )
    .one().tag
}

/** Returns all sessions of a transport with a server: those of live logins, and the one without a login. */
export function upstreamsOfTransport(
  sql: SqlStorage,
  { owner, server, url, incarnation }: Pick<Binding, 'owner' | 'server' | 'url' | 'incarnation'>,
  nowMs: number,
): UpstreamSession[] {
  const rows = sql.exec<UpstreamRow>(
    `SELECT ${COLUMNS} FROM upstream_sessions
     WHERE owner = ? AND server = ? AND url = ? AND incarnation = ? AND ended_at IS NULL AND (session = '' OR EXISTS (
       SELECT 1 FROM sessions WHERE id = upstream_sessions.session AND ended_at IS NULL AND ends_at > ?))`,
    ...[owner, server, url, incarnation, nowMs],
  )
  return rows.toArray().map((row) => viewOf(server, row))
}

/** Gives sessions from before registrations had incarnations the present one, where the server is still at the same URL. */
export function adoptUpstreams(
  sql: SqlStorage,
  before: readonly UpstreamConfig[],
  now: readonly UpstreamConfig[],
): void {
  for (const { name, url, incarnation } of before) {
    const same = now.find((upstream) => upstream.name === name && upstream.url === url)
    if (incarnation !== undefined || same?.incarnation === undefined) continue
    sql.exec(
      "UPDATE upstream_sessions SET incarnation = ? WHERE server = ? AND incarnation = ''",
      same.incarnation,
      name,
    )
  }
}

/** Deletes a session that its server has ended, unless another has taken its place. The server need not be asked to end it. */
export function forgetUpstream(
  sql: SqlStorage,
  { owner, server, id }: { readonly owner: string; readonly server: string; readonly id: string },
): void {
  sql.exec(
    'DELETE FROM upstream_sessions WHERE owner = ? AND server = ? AND upstream_id = ? AND ended_at IS NULL',
    owner,
    server,
    id,
  )
}

/** Gives a login the sessions that its transport opened before the login: no other login's state is in them. */
export function takeOverUpstreams(sql: SqlStorage, owner: string, session: string): void {
  sql.exec(
    "UPDATE upstream_sessions SET session = ? WHERE owner = ? AND session = '' AND ended_at IS NULL",
    ...[session, owner],
  )
}

/** Postpones the end of a transport's sessions whose event stream was open until now. */
export function noteHeard(sql: SqlStorage, owner: string, nowMs: number): void {
  sql.exec(
    "UPDATE upstream_sessions SET last_used_at = max(last_used_at, ?) WHERE owner = ? AND session = '' AND ended_at IS NULL",
    ...[nowMs, owner],
  )
}

/**
 * Sessions with upstream servers: whose they are, and which have yet to be ended there. Each belongs to one owner, a
 * transport or a key of the stateless era, and there to one login or to nobody's requests; it is never given to another.
 */
import type { UpstreamSession } from '../../contract/principal.ts'
import type { UpstreamConfig } from '../../contract/upstream.ts'
import type { RememberedRows } from './remembered.ts'

/** A session upstream of a stateless owner, or of nobody on a connection, that is not used for so long ends. */
export const STATELESS_IDLE_MS = 30 * 60_000

/** Those that do not end with a login, the only other thing that a client has. */
const LEFT_ALONE = "ended_at IS NULL AND (stateless = 1 OR session = '')"

/** So many sessions of stateless clients may live with one server, for each login and for nobody; of more the least used ends. */
export const MOST_STATELESS = 8

/** Using one is written down only so often. */
const TOUCH_MS = 60_000

/** How often an upstream is told that a session is over, and how long lies between. */
export const MOST_TRIES = 3
export const RETRY_MS = 60_000

/** The longest values that are stored; an id is a header's value, and longer ones are refused by many servers. */
const MOST_CHARACTERS = {
  owner: 128,
  session: 128,
  server: 64,
  url: 8_192,
  incarnation: 64,
  id: 2_048,
  protocolVersion: 64,
} as const

interface UpstreamRow extends Record<string, SqlStorageValue> {
  seq: number
  upstream_id: string | null
  url: string | null
  incarnation: string
  protocol_version: string
  stateless: number
  last_used_at: number
  tag: string
}

const COLUMNS = 'seq, upstream_id, url, incarnation, protocol_version, stateless, last_used_at, tag'

/**
 * The live session that `owner` has with `server`, or null. Postpones its end. One that was opened at another URL, or with
 * another registration of that name, is none: the server may be a stranger, who must not learn of it.
 */
export function useUpstream(
  rows: RememberedRows,
  whose: Pick<Binding, 'owner' | 'session' | 'server' | 'url' | 'incarnation'>,
  nowMs: number,
): UpstreamSession | null {
  const { server, url, incarnation } = whose
  const key = `upstream ${server} ${whose.session} ${whose.owner}`
  const row = rows.row(key, () => live(rows.sql, whose))
  if (row === null || row.url !== url || row.incarnation !== incarnation) return null
  const isLeftAlone = row.stateless === 1 || whose.session === ''
  if (isLeftAlone && nowMs - row.last_used_at >= TOUCH_MS)
    rows.sql.exec('UPDATE upstream_sessions SET last_used_at = ? WHERE seq = ?', nowMs, row.seq)
  return viewOf(server, row)
}

/** A session that the Worker has opened upstream, for one owner. */
export interface Binding {
  /** A transport, or a key of the stateless era. */
  readonly owner: string
  /** The login that it is for, or '': it is for requests that belong to none. */
  readonly session: string
  readonly stateless: boolean
  readonly server: string
  /** Where the session was opened. */
  readonly url: string
  /** Of the registration that it was opened with. */
  readonly incarnation: string
  /** As in BindRequest. */
  readonly replaces: string | null | undefined
  readonly opened: { readonly id: string | null; readonly protocolVersion: string }
}

/**
 * Remembers a session, unless the owner has another one with this server that it does not replace: then that one
 * counts. One that is replaced is gone already, for its upstream forgot it. Returns the one that counts.
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

/** The new one has not asked what the old one has, so it has another tag. */
function renew(sql: SqlStorage, seq: number, opened: Binding['opened'], nowMs: number): string {
  return sql
    .exec<{ tag: string }>(
      `UPDATE upstream_sessions SET upstream_id = ?, protocol_version = ?, last_used_at = ?,
         tag = lower(hex(randomblob(8))) WHERE seq = ? RETURNING tag`,
      ...[opened.id, opened.protocolVersion, nowMs, seq],
    )
    .one().tag
}

/** Those that a transport has with a server, for whatever login that is live, and for nobody. */
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

/** Sessions that were opened before registrations had names are with the present one, where it is still at the same URL. */
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

/** Forgets a session that has ended upstream, unless another has taken its place: nobody is to be told. */
export function forgetUpstream(sql: SqlStorage, owner: string, server: string, id: string): void {
  sql.exec(
    'DELETE FROM upstream_sessions WHERE owner = ? AND server = ? AND upstream_id = ? AND ended_at IS NULL',
    owner,
    server,
    id,
  )
}

/** A client that declares other capabilities with every request must not fill the server with sessions. */
function endLeastUsed(sql: SqlStorage, server: string, session: string, nowMs: number): void {
  const beyond = `seq IN (SELECT seq FROM upstream_sessions
    WHERE server = ? AND session = ? AND ended_at IS NULL AND stateless = 1
    ORDER BY last_used_at DESC, seq DESC LIMIT -1 OFFSET ?)`
  markEnded(sql, beyond, [server, session, MOST_STATELESS], nowMs)
}

/** The sessions upstream of a login end with it, wherever they were opened. Part of the transaction that ends the login. */
export function endUpstreamsOfLogin(sql: SqlStorage, session: string, nowMs: number): void {
  markEnded(sql, "session = ? AND session <> ''", [session], nowMs)
}

/** Those of a transport end with it. Part of the transaction that ends the transport. */
export function endUpstreamsOfOwner(sql: SqlStorage, owner: string, nowMs: number): void {
  markEnded(sql, 'owner = ?', [owner], nowMs)
}

/** A login takes over what its transport has opened before anybody had logged in: nobody else's state is in it. */
export function takeOverUpstreams(sql: SqlStorage, owner: string, session: string): void {
  sql.exec(
    "UPDATE upstream_sessions SET session = ? WHERE owner = ? AND session = '' AND ended_at IS NULL",
    ...[session, owner],
  )
}

/** All that are live end: the grant is revoked. */
export function endAllUpstreams(sql: SqlStorage, nowMs: number): void {
  markEnded(sql, 'TRUE', [], nowMs)
}

/**
 * Ends those of up to `most` that no login keeps and nobody has used for `idleMs`. One of a connection with an open event stream is in
 * use. Returns how many it looked at.
 */
export function endIdleUpstreams(
  sql: SqlStorage,
  {
    hasStream,
    idleMs,
    nowMs,
    most,
  }: {
    readonly hasStream: (transport: string) => boolean
    readonly idleMs: number
    readonly nowMs: number
    readonly most: number
  },
): number {
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

/** The connection's event stream, on which the server was heard, was open until now. */
export function noteHeard(sql: SqlStorage, owner: string, nowMs: number): void {
  sql.exec(
    "UPDATE upstream_sessions SET last_used_at = max(last_used_at, ?) WHERE owner = ? AND session = '' AND ended_at IS NULL",
    ...[nowMs, owner],
  )
}

/** Where the upstream keeps no session there is nobody to tell, and the row goes at once. */
function markEnded(sql: SqlStorage, which: string, values: SqlStorageValue[], nowMs: number): number {
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

/** A session whose upstream is being told that it is over. */
export interface EndingUpstream {
  readonly seq: number
  readonly server: string
  /** Where it was opened; null where that is not known. */
  readonly url: string | null
  readonly id: string
  readonly protocolVersion: string
  /** This one included. */
  readonly tries: number
}

/**
 * Takes up to `most` ended sessions whose upstream is to be told now. None is taken again before RETRY_MS are over, so
 * a run that dies loses one try, no more.
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

/** Whether takeEnding would find any. Writes nothing. */
export function hasEnding(sql: SqlStorage, nowMs: number): boolean {
  const due = sql.exec(
    'SELECT 1 FROM upstream_sessions WHERE ended_at IS NOT NULL AND retry_at <= ? LIMIT 1',
    nowMs,
  )
  return due.toArray().length > 0
}

/** A server that did not answer for one session does not for the others now: they wait with it, a try the poorer. */
export function postponeEnding(sql: SqlStorage, server: string, nowMs: number): void {
  sql.exec(
    `UPDATE upstream_sessions SET tries = tries + 1, retry_at = ?
     WHERE ended_at IS NOT NULL AND retry_at <= ? AND server = ?`,
    nowMs + RETRY_MS,
    nowMs,
    server,
  )
  sql.exec(
    'DELETE FROM upstream_sessions WHERE ended_at IS NOT NULL AND tries >= ? AND server = ?',
    MOST_TRIES,
    server,
  )
}

/** Forgets a session: its upstream was told, or will not be. */
export function dropUpstream(sql: SqlStorage, seq: number): void {
  sql.exec('DELETE FROM upstream_sessions WHERE seq = ?', seq)
}

/**
 * When the next one ends or its upstream is to be told, but not before `soonestMs`; null for never.
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

function live(
  sql: SqlStorage,
  { owner, session, server }: Pick<Binding, 'owner' | 'session' | 'server'>,
): UpstreamRow | null {
  const rows = sql.exec<UpstreamRow>(
    `SELECT ${COLUMNS} FROM upstream_sessions
     WHERE owner = ? AND session = ? AND server = ? AND ended_at IS NULL`,
    owner,
    session,
    server,
  )
  return rows.toArray()[0] ?? null
}

function viewOf(server: string, row: UpstreamRow): UpstreamSession {
  return { server, id: row.upstream_id, protocolVersion: row.protocol_version, tag: row.tag }
}

function checkLengths(values: Readonly<Record<keyof typeof MOST_CHARACTERS, string | null>>): void {
  for (const [name, most] of Object.entries(MOST_CHARACTERS)) {
    const length = values[name as keyof typeof MOST_CHARACTERS]?.length ?? 0
    if (length > most)
      throw new RangeError(`upstream session: ${name} has ${length} characters; allowed: at most ${most}`)
  }
}

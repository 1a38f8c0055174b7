/** Transports: the connections of session-era clients, named by `Mcp-Session-Id`. A login may come and go on one. */
import { clientNamed } from '../../audit/client.ts'
import { isObject } from '../../base/json.ts'
import type { ClientName } from '../../contract/client.ts'
import { deletePreferences } from './upstream-preferences.ts'
import { endUpstreamsOfOwner, type IdleLimit } from './upstream-session-ends.ts'

/** A transport that has not ended. */
export interface Transport {
  readonly id: string
  /** The revision that `initialize` negotiated. */
  readonly protocolVersion: string | null
  /** The client's introduction in `initialize`, as JSON. */
  readonly client: string | null
  /** The client's name in it; null: it has none. */
  readonly named: ClientName | null
  /** The configuration whose tools the client has listed, or null. */
  readonly listedVersion: string | null
  readonly lastSeenAtMs: number
  /** When its time is over, unless an event stream is open then. */
  readonly endsAtMs: number
}

/** A transport that is not used for so long ends; one on which a login may live longer without use lives as long. */
export const TRANSPORT_LIFE_MS = 24 * 3_600_000

/** Use is written down only so often. */
export const TRANSPORT_TOUCH_MS = 60_000

export interface TransportRow extends Record<string, SqlStorageValue> {
  id: string
  protocol_version: string | null
  client: string | null
  client_name: string | null
  client_version: string | null
  listed_version: string | null
  last_seen_at: number
  ends_at: number
}

const COLUMNS =
  'id, protocol_version, client, client_name, client_version, listed_version, last_seen_at, ends_at'

export function transportFrom(row: TransportRow): Transport {
  return {
    id: row.id,
    protocolVersion: row.protocol_version,
    client: row.client,
    named: namedIn(row),
    listedVersion: row.listed_version,
    lastSeenAtMs: row.last_seen_at,
    endsAtMs: row.ends_at,
  }
}

/** The transport with this id that has not ended, though its time may be over; or null. */
export function openTransportById(sql: SqlStorage, id: string): Transport | null {
  const rows = sql.exec<TransportRow>(
    `SELECT ${COLUMNS} FROM transports WHERE id = ? AND ended_at IS NULL`,
    id,
  )
  const row = rows.toArray()[0]
  return row === undefined ? null : transportFrom(row)
}

/** Returns the name of a transport's client, also where the transport has ended; null: it has none, or there was no transport. */
export function clientOnceOn(sql: SqlStorage, id: string): ClientName | null {
  const rows = sql.exec<NamedRow>(
    'SELECT client, client_name, client_version FROM transports WHERE id = ?',
    id,
  )
  const row = rows.toArray()[0]
  return row === undefined ? null : namedIn(row)
}

type NamedRow = Pick<TransportRow, 'client' | 'client_name' | 'client_version'>

function namedIn({ client, client_name: name, client_version: version }: NamedRow): ClientName | null {
  // Opened before the name was kept apart.
  if (name === null) return client === null ? null : clientSaying(client)
  return name === '' ? null : { name, version }
}

/** @param text what it said of itself in `initialize`, as JSON */
function clientSaying(text: string): ClientName | null {
  const said: unknown = JSON.parse(text)
  return isObject(said) ? clientNamed(said.clientInfo) : null
}

/**
 * Opens a transport.
 *
 * @param idleMs how long a login of this tenant may live without use
 */
export function openTransport(
  sql: SqlStorage,
  { id, protocolVersion, client }: Pick<Transport, 'id' | 'protocolVersion' | 'client'>,
  idleMs: number,
  nowMs: number,
): Transport {
  const endsAtMs = nowMs + lifeMs(idleMs)
  const named = client === null ? null : clientSaying(client)
  sql.exec(
    `INSERT INTO transports (id, protocol_version, client, client_name, client_version, opened_at, last_seen_at, ends_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[id, protocolVersion, client, named?.name ?? '', named?.version ?? null, nowMs, nowMs, endsAtMs],
  )
  return { id, protocolVersion, client, named, listedVersion: null, lastSeenAtMs: nowMs, endsAtMs }
}

/** Postpones its end. */
export function touchTransport(sql: SqlStorage, id: string, idleMs: number, nowMs: number): void {
  sql.exec(
    'UPDATE transports SET last_seen_at = max(last_seen_at, ?), ends_at = max(ends_at, ?) WHERE id = ?',
    ...[nowMs, nowMs + lifeMs(idleMs), id],
  )
}

/** Remembers which configuration's tools the client has listed. */
export function markListed(sql: SqlStorage, id: string, version: string): void {
  sql.exec('UPDATE transports SET listed_version = ? WHERE id = ?', version, id)
}

/** Ends a transport and its sessions upstream; what becomes of the logins on it the caller says. */
export function endTransport(sql: SqlStorage, id: string, nowMs: number): void {
  sql.exec('UPDATE transports SET ended_at = ? WHERE id = ? AND ended_at IS NULL', nowMs, id)
  endUpstreamsOfOwner(sql, id, nowMs)
  deletePreferences(sql, id)
}

/** Ends up to `most` of all that there are, as the grant is revoked; their sessions upstream the caller ends. Returns how many. */
export function endTransports(sql: SqlStorage, most: number, nowMs: number): number {
  const ended = sql.exec(
    `UPDATE transports SET ended_at = ? WHERE rowid IN (
       SELECT rowid FROM transports WHERE ended_at IS NULL LIMIT ?) RETURNING 1`,
    ...[nowMs, most],
  )
  return ended.toArray().length
}

export function countTransports(sql: SqlStorage): number {
  return sql.exec<{ n: number }>('SELECT count(*) AS n FROM transports WHERE ended_at IS NULL').one().n
}

/**
 * Ends the transport that was not used for longest, of those that have neither a login nor an open event stream, so that
 * clients that open one for every command lock nobody out. False where there is none.
 */
export function endLongestUnused(
  sql: SqlStorage,
  hasStream: (transport: string) => boolean,
  nowMs: number,
): boolean {
  const unused = sql.exec<{ id: string }>(
    `SELECT id FROM transports WHERE ended_at IS NULL AND NOT EXISTS (
       SELECT 1 FROM sessions WHERE sessions.transport = transports.id AND sessions.ended_at IS NULL)
     ORDER BY last_seen_at, rowid`,
  )
  for (const { id } of unused) {
    if (hasStream(id)) continue
    endTransport(sql, id, nowMs)
    return true
  }
  return false
}

/** Ends transports whose time is over; one with an open event stream is in use. Returns how many it looked at. */
export function endOverdueTransports(sql: SqlStorage, { hasStream, idleMs, nowMs, most }: IdleLimit): number {
  const due = sql
    .exec<{ id: string }>(
      'SELECT id FROM transports WHERE ended_at IS NULL AND ends_at <= ? ORDER BY ends_at LIMIT ?',
      ...[nowMs, most],
    )
    .toArray()
  for (const { id } of due) {
    if (hasStream(id)) touchTransport(sql, id, idleMs, nowMs)
    else endTransport(sql, id, nowMs)
  }
  return due.length
}

function lifeMs(idleMs: number): number {
  return Math.max(TRANSPORT_LIFE_MS, idleMs)
}

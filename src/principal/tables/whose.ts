/**
 * Finds the owner of a request: the transport that it came on, and the login that it belongs to. No other place decides that, for calls,
 * lists, streams and everything else that a principal is asked for.
 */
import type { SessionMode } from '../../contract/session-mode.ts'
import type { RememberedRows } from './remembered.ts'
import {
  endsAtMs,
  SESSION_COLUMNS,
  type Session,
  type SessionRow,
  sessionFrom,
  sessionsWhere,
} from './sessions.ts'
import { openTransportById, type Transport, type TransportRow, transportFrom } from './transports.ts'

/** The request's own claims about its owner. */
export interface Asked {
  /** `Mcp-Session-Id`, or null: a request of the stateless era. */
  readonly transport: string | null
  /** The session that it names itself, or null: it names none. */
  readonly handle: string | null
  /** The session upstream of this transport, by its tag, whose server has asked what the message is about; null: it is about nothing of the kind. */
  readonly asker?: Asker | null
}

export interface Asker {
  readonly server: string
  readonly tag: string
}

/** The owner of a request. */
export interface Place {
  readonly transport: Transport | null
  /** The login, or null: the request is nobody's. */
  readonly session: Session | null
}

export type Whose =
  | { readonly kind: 'found'; readonly place: Place }
  /** There is no such transport, or it has ended. */
  | { readonly kind: 'dead_transport' }
  /** The handle is of no live session; nothing stands in for what was named. */
  | { readonly kind: 'dead_handle'; readonly place: Place }

/** The facts that the answer depends on. */
export interface WhoseContext {
  readonly rows: RememberedRows
  readonly mode: SessionMode
  /** Tells whether an event stream of this transport is open. */
  readonly hasStream: (transport: string) => boolean
  readonly nowMs: number
}

/** Answers with one statement, or with none where the answer is remembered or there is nothing to look for. Writes nothing. */
export function whose(context: WhoseContext, asked: Asked): Whose {
  const { hasStream, nowMs } = context
  const { transport, session } = placeOf(context, asked)
  if (asked.transport !== null) {
    // An open stream counts as use.
    const isLive = transport !== null && (transport.endsAtMs > nowMs || hasStream(transport.id))
    if (!isLive) return { kind: 'dead_transport' }
  }
  const place = { transport, session }
  return asked.handle !== null && session === null ? { kind: 'dead_handle', place } : { kind: 'found', place }
}

/**
 * Returns the sessions that a request without a handle may belong to, as SQL and its values; null: none. The youngest of several counts,
 * which exist only where the grant's setting was another before.
 */
export function candidates(mode: SessionMode, transport: string | null): Candidates | null {
  switch (mode) {
    case 'many':
      return null
    case 'one':
      return { where: 'TRUE', values: [] }
    case 'auto':
      return transport === null
        ? { where: 'transport IS NULL', values: [] }
        : { where: 'transport = ?', values: [transport] }
  }
}

interface Candidates {
  readonly where: string
  readonly values: readonly string[]
}

/** A handle is obeyed before everything else; what a server has asked belongs to the login that it has asked. */
function wantedBy(mode: SessionMode, { transport, handle, asker = null }: Asked): Candidates | null {
  if (handle !== null) return { where: BY_ID, values: [handle] }
  if (asker === null || transport === null) return candidates(mode, transport)
  return { where: BY_ASKER, values: [transport, asker.server, asker.tag] }
}

/** Ids of transports are UUIDs. A longer one is of nothing that there is, and not worth remembering. */
const LONGEST_ID = 36

/** A request that names no session belongs where the one before it did, unless something was written since. */
function placeOf(context: WhoseContext, asked: Asked): Place {
  const { rows, mode, nowMs } = context
  const { transport, handle, asker = null } = asked
  const isOdd = transport !== null && transport.length > LONGEST_ID
  if (handle !== null || asker !== null || isOdd) return read(context, asked)
  const key = transport === null ? `nowhere ${mode}` : `on ${mode} ${transport}`
  return rows.row(key, nowMs, () => {
    const place = read(context, asked)
    // Once a session's time is over, an older one may be the youngest.
    return { row: place, untilMs: place.session === null ? Infinity : endsAtMs(place.session) }
  })
}

function read({ rows: { sql }, mode, nowMs }: WhoseContext, asked: Asked): Place {
  const { transport } = asked
  const wanted = wantedBy(mode, asked)
  if (transport === null) {
    if (wanted === null) return { transport: null, session: null }
    const session = sessionsWhere(sql, youngest(wanted.where), ...wanted.values, nowMs)[0] ?? null
    return { transport: null, session }
  }
  if (wanted === null) return { transport: openTransportById(sql, transport), session: null }
  const row = sql.exec<BothRow>(both(wanted.where), ...wanted.values, nowMs, transport).toArray()[0]
  if (row === undefined) return { transport: null, session: null }
  const session = row.id === null ? null : sessionFrom(row as unknown as SessionRow)
  return {
    transport: transportFrom({
      ...row,
      id: transport,
      client_name: row.named,
      client_version: row.named_version,
      last_seen_at: row.seen_at,
    } as TransportRow),
    session,
  }
}

const BY_ID = 'id = ?'
/** Empty where nobody had logged in: then no session is found, and the message is nobody's as the question was. */
const BY_ASKER =
  'id = (SELECT session FROM upstream_sessions WHERE owner = ? AND server = ? AND tag = ? AND ended_at IS NULL)'

/** The youngest live session that `where` selects. The plus keeps the index on ends from being taken for the one that finds it at once. */
const youngest = written(
  (where) => `${where} AND ended_at IS NULL AND +ends_at > ? ORDER BY started_at DESC, rowid DESC LIMIT 1`,
)

const OF_TRANSPORT = `t.protocol_version, t.client, t.client_name AS named, t.client_version AS named_version,
  t.listed_version, t.last_seen_at AS seen_at, t.ends_at`
const OF_SESSION = SESSION_COLUMNS.split(', ')
  .map((column) => `s.${column} AS ${column}`)
  .join(', ')

/** An open transport with that session beside it. */
const both = written(
  (where) => `SELECT ${OF_TRANSPORT}, ${OF_SESSION} FROM transports AS t
     LEFT JOIN (SELECT ${SESSION_COLUMNS} FROM sessions WHERE ${youngest(where)}) AS s ON TRUE
   WHERE t.id = ? AND t.ended_at IS NULL`,
)

/** Every call asks: a statement that is put together anew each time costs more than the search. There are five `where`. */
function written(statement: (where: string) => string): (where: string) => string {
  const texts = new Map<string, string>()
  return (where) => {
    const text = texts.get(where) ?? statement(where)
    texts.set(where, text)
    return text
  }
}

interface BothRow extends Record<string, SqlStorageValue> {
  protocol_version: string | null
  client: string | null
  named: string | null
  named_version: string | null
  listed_version: string | null
  seen_at: number
  ends_at: number
  /** The id of the session; null: there is none. */
  id: string | null
}

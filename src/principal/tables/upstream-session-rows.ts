/** Rows of sessions with upstream servers: how one is found, checked and shown. */
import type { UpstreamSession } from '../../contract/principal.ts'

/** A session that the Worker has opened upstream for one owner. */
export interface Binding {
  /** A transport, or a key of the stateless era. */
  readonly owner: string
  /** The login that it is for; '' for requests without a login. */
  readonly session: string
  readonly stateless: boolean
  readonly server: string
  /** The address at which the session was opened. */
  readonly url: string
  /** The incarnation of the registration with which it was opened. */
  readonly incarnation: string
  /** As in BindRequest. */
  readonly replaces: string | null | undefined
  readonly opened: { readonly id: string | null; readonly protocolVersion: string }
}

export interface UpstreamRow extends Record<string, SqlStorageValue> {
  seq: number
  upstream_id: string | null
  url: string | null
  incarnation: string
  protocol_version: string
  stateless: number
  last_used_at: number
  tag: string
}

export const COLUMNS = 'seq, upstream_id, url, incarnation, protocol_version, stateless, last_used_at, tag'

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

/** The live session of an owner and a login with a server, wherever it was opened; null where there is none. */
export function live(
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

/** The session as the Worker is given it. */
export function viewOf(server: string, row: UpstreamRow): UpstreamSession {
  return { server, id: row.upstream_id, protocolVersion: row.protocol_version, tag: row.tag }
}

/** @throws RangeError when a value is longer than its limit */
export function checkLengths(values: Readonly<Record<keyof typeof MOST_CHARACTERS, string | null>>): void {
  for (const [name, most] of Object.entries(MOST_CHARACTERS)) {
    const length = values[name as keyof typeof MOST_CHARACTERS]?.length ?? 0
    if (length > most)
      throw new RangeError(`upstream session: ${name} has ${length} characters; allowed: at most ${most}`)
  }
}

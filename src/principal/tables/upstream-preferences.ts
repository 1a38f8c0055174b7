/**
 * A client's preferences at its servers beyond one request: updates of resources, and log messages from a level on. A server keeps them
 * with its own session, so they are sent again where one is opened anew. A preference from a login belongs to that login and ends with
 * it; a preference from before any login is the connection's, and holds wherever no handle is needed.
 */
import type { Preference, Preferences } from '../../contract/principal.ts'

/** The most watched resources of one connection, over all servers and logins. */
export const MOST_WATCHED = 1_000
const LONGEST_VALUE = 2_048

/** Stands for all servers: a preference that was made at the URL that serves them all. */
const ALL = ''
/** Stands for the connection itself, without a login. */
const NOBODY = ''

interface Place {
  readonly transport: string
  readonly asker: Asker
  /** Null: all that the connection reaches. */
  readonly server: string | null
  /** With which registration of the server; another may be a stranger, who must not learn of it. */
  readonly incarnation: string
  /** The server's address: another address may be another server. */
  readonly url: string
}

/** The owner of a preference, or of a session. */
export interface Asker {
  /** Null: nobody's. */
  readonly login: string | null
  /** True where a request of this connection is its own without naming it. The connection's preferences hold for it as well. */
  readonly isUnnamed: boolean
}

/**
 * The value of the column `incarnation`: registration and address, which together identify a server. An earlier version stored the
 * registration alone; such a row belongs to no server that can be named, so its preference is sent to none.
 */
function whichOf({ incarnation, url }: Place): string {
  return JSON.stringify([incarnation, url])
}

/** Stores a preference, or deletes one that was revoked. False where it cannot be kept: it is then lost with the server's session. */
export function storePreference(sql: SqlStorage, place: Place, preference: Preference): boolean {
  const { transport, asker, server } = place
  const session = asker.login ?? NOBODY
  const where = { transport, session, server: server ?? ALL }
  const which = whichOf(place)
  if (preference.kind === 'level') {
    // The last word counts, whether it was for one or for all.
    const isOther = server === null ? '' : 'AND server = ?'
    sql.exec(
      `DELETE FROM upstream_wishes WHERE transport = ? AND session = ? AND kind = 'level' ${isOther}`,
      ...[transport, session, ...(server === null ? [] : [server])],
    )
    insert(sql, where, { which, kind: 'level', value: preference.level })
    return true
  }
  // A request without a login revokes the connection's preference for the whole connection.
  const mine = preference.isWatched || !asker.isUnnamed ? [session, session] : [session, NOBODY]
  sql.exec(
    `DELETE FROM upstream_wishes
     WHERE transport = ? AND session IN (?, ?) AND server = ? AND kind = 'resource' AND value = ?`,
    ...[transport, ...mine, where.server, preference.uri],
  )
  if (!preference.isWatched) return true
  const { n } = sql
    .exec<{ n: number }>('SELECT count(*) AS n FROM upstream_wishes WHERE transport = ?', transport)
    .one()
  if (n >= MOST_WATCHED || preference.uri.length > LONGEST_VALUE) return false
  insert(sql, where, { which, kind: 'resource', value: preference.uri })
  return true
}

function insert(
  sql: SqlStorage,
  {
    transport,
    session,
    server,
  }: { readonly transport: string; readonly session: string; readonly server: string },
  {
    which,
    kind,
    value,
  }: {
    readonly which: string
    readonly kind: Preference['kind']
    readonly value: string
  },
): void {
  sql.exec(
    'INSERT INTO upstream_wishes (transport, session, server, incarnation, kind, value) VALUES (?, ?, ?, ?, ?, ?)',
    ...[transport, session, server, which, kind, value],
  )
}

interface PreferenceRow extends Record<string, SqlStorageValue> {
  session: string
  server: string
  incarnation: string
  kind: string
  value: string
}

/** Returns the preferences that a new session with `server` must learn of; null where there are none. */
export function preferencesOf(
  sql: SqlStorage,
  place: Place & { readonly server: string },
): Preferences | null {
  const { transport, asker, server } = place
  const session = asker.login ?? NOBODY
  const which = whichOf(place)
  const rows = sql
    .exec<PreferenceRow>(
      `SELECT session, server, incarnation, kind, value FROM upstream_wishes
       WHERE transport = ? AND session IN (?, ?) AND server IN (?, ?)`,
      ...[transport, session, asker.isUnnamed ? NOBODY : session, ALL, server],
    )
    .toArray()
    .filter((row) => row.server === ALL || row.incarnation === which)
  if (rows.length === 0) return null
  const levels = rows.filter(({ kind }) => kind === 'level').toSorted((one, other) => rank(one) - rank(other))
  /** The login's own word counts before the connection's, and one for this server before one for all. */
  function rank(row: PreferenceRow): number {
    return (row.session === session ? 0 : 2) + (row.server === server ? 0 : 1)
  }
  const uris = rows.flatMap(({ kind, value }) => (kind === 'resource' ? [value] : []))
  return { level: levels[0]?.value ?? null, uris: [...new Set(uris)] }
}

/** Forgets what was asked on a connection. Part of the transaction that ends the connection. */
export function deletePreferences(sql: SqlStorage, transport: string): void {
  sql.exec('DELETE FROM upstream_wishes WHERE transport = ?', transport)
}

/** Forgets what was asked in a login, on whatever connection. Part of the transaction that ends the login. */
export function deletePreferencesOfLogin(sql: SqlStorage, session: string): void {
  sql.exec("DELETE FROM upstream_wishes WHERE session = ? AND session <> ''", session)
}

/** Forgets what was asked on any: all of them end. */
export function deleteAllPreferences(sql: SqlStorage): void {
  sql.exec('DELETE FROM upstream_wishes')
}

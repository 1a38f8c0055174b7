/**
 * What a client has asked of its servers for as long as its connection lasts: to hear of changes of resources, and of log
 * messages from a level on. A server keeps that with its own session, so it is told again where one is opened anew.
 */
import type { Wish, Wishes } from './contract.ts'

/** Of one connection, all servers together. */
export const MOST_WATCHED = 1_000
const LONGEST_VALUE = 2_048

/** Of all servers: what is said at the URL that serves them all. */
const ALL = ''

interface Place {
  readonly transport: string
  /** Null: all that the connection reaches. */
  readonly server: string | null
  /** With which registration of the server; another may be a stranger, who must not learn of it. */
  readonly incarnation: string
  /** Where it is: at another address it may be a stranger, too. */
  readonly url: string
}

/**
 * What the column `incarnation` holds: registration and address, which make a server the one that it is. An earlier version stored the
 * registration alone; such a row is of no server that can be told, so nobody is asked for it.
 */
function whichOf({ incarnation, url }: Place): string {
  return JSON.stringify([incarnation, url])
}

/** Remembers a wish, or that it was taken back. False where it cannot be kept: it is then lost with the server's session. */
export function keepWish(sql: SqlStorage, place: Place, wish: Wish): boolean {
  const { transport, server } = place
  const which = whichOf(place)
  const where = [transport, server ?? ALL] as const
  if (wish.kind === 'level') {
    // The last word counts, whether it was for one or for all.
    const others = server === null ? 'transport = ?1' : 'transport = ?1 AND server = ?2'
    const bound = server === null ? [transport] : where
    sql.exec(`DELETE FROM upstream_wishes WHERE ${others} AND kind = 'level'`, ...bound)
    insert(sql, where, which, 'level', wish.level)
    return true
  }
  sql.exec(
    "DELETE FROM upstream_wishes WHERE transport = ? AND server = ? AND kind = 'resource' AND value = ?",
    ...where,
    wish.uri,
  )
  if (!wish.isWatched) return true
  const { n } = sql
    .exec<{ n: number }>('SELECT count(*) AS n FROM upstream_wishes WHERE transport = ?', transport)
    .one()
  if (n >= MOST_WATCHED || wish.uri.length > LONGEST_VALUE) return false
  insert(sql, where, which, 'resource', wish.uri)
  return true
}

function insert(
  sql: SqlStorage,
  [transport, server]: readonly [string, string],
  which: string,
  kind: string,
  value: string,
): void {
  sql.exec(
    'INSERT INTO upstream_wishes (transport, server, incarnation, kind, value) VALUES (?, ?, ?, ?, ?)',
    transport,
    server,
    which,
    kind,
    value,
  )
}

/** What a new session with `server` is to be told; null where there is nothing. */
export function wishesOf(sql: SqlStorage, place: Place & { readonly server: string }): Wishes | null {
  const { transport, server } = place
  const which = whichOf(place)
  const rows = sql
    .exec<{ server: string; incarnation: string; kind: string; value: string }>(
      'SELECT server, incarnation, kind, value FROM upstream_wishes WHERE transport = ? AND server IN (?, ?)',
      transport,
      ALL,
      server,
    )
    .toArray()
    .filter((row) => row.server === ALL || row.incarnation === which)
  if (rows.length === 0) return null
  const levels = rows.filter(({ kind }) => kind === 'level')
  const own = levels.find((row) => row.server === server) ?? levels[0]
  return {
    level: own?.value ?? null,
    uris: rows.flatMap(({ kind, value }) => (kind === 'resource' ? [value] : [])),
  }
}

/** Forgets what was asked on a connection. Part of the transaction that ends the connection. */
export function forgetWishes(sql: SqlStorage, transport: string): void {
  sql.exec('DELETE FROM upstream_wishes WHERE transport = ?', transport)
}

/** Forgets what was asked on any: all of them end. */
export function forgetAllWishes(sql: SqlStorage): void {
  sql.exec('DELETE FROM upstream_wishes')
}

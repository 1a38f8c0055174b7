/** Announcements about a tenant's upstream servers: changed tools, and open circuit breakers. */
import { announce } from './announcements.ts'
import { driftOf } from './pins.ts'

/** The most tools of one announcement; the rest is in the server's status. */
const MOST_TOOLS = 50
const MOST_FIELDS = 20
const LONGEST_FIELD = 100

/** Returns the present version of each drifted tool of a server, by name. */
export function driftNow(sql: SqlStorage, server: string): ReadonlyMap<string, string> {
  const rows = sql
    .exec<{ tool: string; fingerprint: string }>(
      'SELECT tool, fingerprint FROM drift WHERE server = ?',
      server,
    )
    .toArray()
  return new Map(rows.map(({ tool, fingerprint }) => [tool, fingerprint]))
}

/** Announces tools that have drifted, or drifted further, since `before`. Names of what differs, not what it says. */
export function announceDrift(
  sql: SqlStorage,
  server: string,
  {
    before,
    id,
    atMs,
  }: {
    readonly before: ReadonlyMap<string, string>
    readonly id: string
    readonly atMs: number
  },
): void {
  const now = driftNow(sql, server)
  const news = [...now].filter(([tool, fingerprint]) => before.get(tool) !== fingerprint)
  if (news.length === 0) return
  const diffs = new Map(driftOf(sql, server, now.size).map(({ tool, diffJson }) => [tool, diffJson]))
  const tools = news.slice(0, MOST_TOOLS).map(([tool]) => ({ tool, fields: fieldsOf(diffs.get(tool)) }))
  announce(sql, { id, type: 'tool.drift', data: { server, tools, total: news.length }, atMs })
}

function fieldsOf(diffJson = '[]'): string[] {
  const diff = JSON.parse(diffJson) as readonly { readonly field: string }[]
  return diff.slice(0, MOST_FIELDS).map(({ field }) => field.slice(0, LONGEST_FIELD))
}

/** Announces that a server's breaker has opened or closed since that was last announced; half open is neither. */
export function announceBreaker(sql: SqlStorage, server: string, id: string, atMs: number): void {
  const row = sql
    .exec<{ breaker: string; breaker_told: string; last_failure: string | null }>(
      'SELECT breaker, breaker_told, last_failure FROM servers WHERE name = ?',
      server,
    )
    .toArray()[0]
  if (row === undefined || row.breaker === 'half_open' || row.breaker === row.breaker_told) return
  sql.exec('UPDATE servers SET breaker_told = ? WHERE name = ?', row.breaker, server)
  const failure = row.last_failure === null ? null : (JSON.parse(row.last_failure) as { kind: string })
  const data = { server, state: row.breaker, last_failure: failure?.kind ?? null }
  announce(sql, { id, type: 'upstream.breaker', data, atMs })
}

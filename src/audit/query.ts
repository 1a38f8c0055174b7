/** Reads the audit trail of one tenant: pages by time, and everything in the order in which it came. */
import type { rowOrders } from '../contract/audit-filters.ts'
import type { Log, StoredRow } from '../contract/audit-row.ts'
import { type Filter, type Where, whereOf } from './filter.ts'
import { asked } from './store.ts'

type Order = (typeof rowOrders)[number]

export interface Page {
  readonly rows: readonly StoredRow[]
  /** The cursor of the next page; null: there is none. */
  readonly next: string | null
}

/** The place where a page ended: time, then order of arrival. */
type Cursor = readonly [at: number, arrived: number]

/** A page of rows by time. Null: `after` is no cursor. */
export async function readPage(
  db: D1Database,
  tenant: string,
  filter: Filter,
  { order, after, limit }: { readonly order: Order; readonly after: string | null; readonly limit: number },
): Promise<Page | null> {
  const cursor = after === null ? null : readCursor(after)
  if (after !== null && cursor === null) return null
  const where = whereOf(tenant, filter)
  const [direction, further] = order === 'newest' ? ['DESC', '<'] : ['ASC', '>']
  const n = where.values.length
  const beyond = cursor === null ? '' : ` AND (at, arrived) ${further} (?${n + 1}, ?${n + 2})`
  const rows = await read(db, {
    sql: `${where.sql}${beyond} ORDER BY at ${direction}, arrived ${direction} LIMIT ${limit + 1}`,
    values: [...where.values, ...(cursor ?? [])],
  })
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const more = rows.length > limit && last !== undefined
  return { rows: shown, next: more ? `${last.at}.${last.arrived}` : null }
}

/** Rows in the order of their arrival, after `arrived`: nothing that comes late is ever passed over. */
export async function readArrived(
  db: D1Database,
  tenant: string,
  {
    filter,
    arrived,
    limit,
  }: {
    readonly filter: Filter
    readonly arrived: number
    readonly limit: number
  },
): Promise<readonly StoredRow[]> {
  const where = whereOf(tenant, filter)
  const n = where.values.length
  return read(db, {
    sql: `${where.sql} AND arrived > ?${n + 1} ORDER BY arrived LIMIT ${limit}`,
    values: [...where.values, arrived],
  })
}

/** The last arrival of a tenant, 0 for none. */
export async function lastArrived(db: D1Database, tenant: string): Promise<number> {
  const { results } = await asked(() =>
    db
      .prepare('SELECT coalesce(max(arrived), 0) AS arrived FROM audit WHERE tenant = ?1')
      .bind(tenant)
      .all<{ arrived: number }>(),
  )
  return results[0]?.arrived ?? 0
}

/** Rows of one log, after `seq`. */
export async function readLog(
  db: D1Database,
  { tenant, principal, chain }: Pick<StoredRow, 'tenant' | 'principal' | 'chain'>,
  seq: number,
  limit: number,
): Promise<readonly StoredRow[]> {
  return read(db, {
    sql: `tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq > ?4 ORDER BY seq LIMIT ${limit}`,
    values: [tenant, principal, chain, seq],
  })
}

/** Everyone of a tenant whose rows the database has, from a name on. Reads all of the tenant's index from there. */
export async function storedPrincipals(
  db: D1Database,
  tenant: string,
  from: string,
): Promise<readonly string[]> {
  const { results } = await asked(() =>
    db
      .prepare('SELECT DISTINCT principal FROM audit WHERE tenant = ?1 AND principal >= ?2')
      .bind(tenant, from)
      .all<{ principal: string }>(),
  )
  return results.map(({ principal }) => principal)
}

/** The first row of a log up to `seq`, or null. */
export async function firstUpTo(
  db: D1Database,
  { tenant, principal, chain }: Log,
  seq: number,
): Promise<number | null> {
  const { results } = await asked(() =>
    db
      .prepare(
        `SELECT seq FROM audit WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq <= ?4
         ORDER BY seq LIMIT 1`,
      )
      .bind(tenant, principal, chain, seq)
      .all<{ seq: number }>(),
  )
  return results[0]?.seq ?? null
}

/** Logs under the name of a principal other than `chain`, null for all; ten at most. */
export async function otherLogs(
  db: D1Database,
  tenant: string,
  principal: string,
  chain: string | null,
): Promise<readonly string[]> {
  const others = chain === null ? '?3 IS NULL' : '(chain < ?3 OR chain > ?3)'
  const { results } = await asked(() =>
    db
      .prepare(
        `SELECT DISTINCT chain FROM audit
         WHERE tenant = ?1 AND principal = ?2 AND ${others} LIMIT 10`,
      )
      .bind(tenant, principal, chain)
      .all<{ chain: string }>(),
  )
  return results.map(({ chain: other }) => other)
}

async function read(db: D1Database, { sql, values }: Where): Promise<readonly StoredRow[]> {
  const { results } = await asked(() =>
    db
      .prepare(`SELECT * FROM audit WHERE ${sql}`)
      .bind(...values)
      .all<StoredRow>(),
  )
  return results
}

function readCursor(text: string): Cursor | null {
  const [, at, arrived] = /^(\d{1,15})\.(\d{1,15})$/.exec(text) ?? []
  return at === undefined || arrived === undefined ? null : [Number(at), Number(arrived)]
}

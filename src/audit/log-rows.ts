/** Reads audit rows from the table of an object that makes them. Statements are made once, of the table of columns. */
import { columnNames, columnOf, type RowKind } from '../contract/audit-columns.ts'
import type { AuditRow } from '../contract/audit-row.ts'

/** The table in which an object keeps its rows, with `seq` and `at`. All text is fixed SQL, never a caller's. */
export interface LogTable {
  readonly table: string
  /** The kinds of rows in it, each with the condition under which a row is of it. */
  readonly kinds: Partial<Readonly<Record<RowKind, string>>>
  /** Columns that the table has in another form than an audit row; all others are called the same. */
  readonly otherwise: Partial<Readonly<Record<(typeof columnNames)[number], string>>>
}

export interface LogRows {
  /** The first rows after `seq`, in order. */
  after(sql: SqlStorage, seq: number, most: number): readonly AuditRow[]
  /** The last row's `seq`, 0 for none. */
  last(sql: SqlStorage): number
}

/** Returns the functions that read a table's rows. Call it when the module is loaded. */
export function logRows({ table, kinds, otherwise }: LogTable): LogRows {
  const own = Object.keys(kinds) as readonly RowKind[]
  const kind = `CASE ${own.map((it) => `WHEN ${kinds[it]} THEN '${it}'`).join(' ')} END AS kind`
  const said = columnNames.map((name) => {
    const having = own.filter((it) => columnOf(name).of.includes(it))
    const value = otherwise[name] ?? name
    if (having.length === 0) return `NULL AS ${name}`
    if (having.length === own.length) return `${value} AS ${name}`
    return `CASE WHEN ${having.map((it) => kinds[it]).join(' OR ')} THEN ${value} END AS ${name}`
  })
  const rows = `SELECT seq, at, ${[kind, ...said].join(', ')} FROM ${table} WHERE seq > ? ORDER BY seq LIMIT ?`
  const last = `SELECT coalesce(max(seq), 0) AS seq FROM ${table}`
  return {
    after: (sql, seq, most) =>
      sql.exec<Record<string, SqlStorageValue>>(rows, seq, most).toArray() as unknown as readonly AuditRow[],
    last: (sql) => sql.exec<{ seq: number }>(last).one().seq,
  }
}

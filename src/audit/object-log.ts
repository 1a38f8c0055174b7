/**
 * The audit log of an object: a PrincipalObject's of decisions, a TenantObject's of changes. The rows are in a table of the
 * object's own; all else is the same: which of them are carried next (carry.ts), how far they are (progress.ts), what the object
 * remembers of them (checkpoints.ts), and what it says of them (local.ts).
 */
import { columnNames, columnOf, type RowKind } from '../contract/audit-columns.ts'
import type { AuditRow } from '../contract/audit-row.ts'

export interface ObjectLog {
  /** The object's database. */
  readonly sql: SqlStorage
  /** The first rows after `seq`, in order, and whether each may still change. */
  after(seq: number, most: number): readonly Pending[]
  /** The last row's `seq`, 0 for none. */
  last(): number
  /** Rows up to `seq` must not change any more: whatever was awaited of them is not awaited any longer. */
  freeze(seq: number): void
  /** Rows up to `seq` are elsewhere. */
  forget(seq: number, nowMs: number): void
}

/** A row that has not been carried yet. */
export interface Pending {
  readonly row: AuditRow
  /** Until when it may wait for what is still missing in it, in Unix milliseconds; null: it is complete. */
  readonly waitsUntilMs: number | null
}

/** The table in which an object keeps its rows, with `seq` and `at`. All text is fixed SQL, never a caller's. */
export interface LogTable {
  readonly table: string
  /** The kinds of rows in it, each with the condition under which a row is of it. */
  readonly kinds: Partial<Readonly<Record<RowKind, string>>>
  /** Columns that the table has in another form than an audit row; all others are called the same. */
  readonly otherwise: Partial<Readonly<Record<(typeof columnNames)[number], string>>>
  /** Until when a row may wait; null: it is complete. Absent: each is from the beginning. */
  readonly waitsUntilMs?: (row: AuditRow) => number | null
  /** As in ObjectLog. Absent: nothing is awaited of a row. */
  readonly freeze?: (sql: SqlStorage, seq: number) => void
  /** As in ObjectLog. */
  readonly forget: (sql: SqlStorage, seq: number, nowMs: number) => void
}

/** The log in a table, for the database of an object. Statements are made once: call it when the module is loaded. */
export function objectLog(it: LogTable): (sql: SqlStorage) => ObjectLog {
  const rows = `SELECT seq, at, ${selected(it)} FROM ${it.table} WHERE seq > ? ORDER BY seq LIMIT ?`
  const last = `SELECT coalesce(max(seq), 0) AS seq FROM ${it.table}`
  const { waitsUntilMs = () => null, freeze = () => {}, forget } = it
  return (sql) => ({
    sql,
    after: (seq, most) =>
      (
        sql.exec<Record<string, SqlStorageValue>>(rows, seq, most).toArray() as unknown as readonly AuditRow[]
      ).map((row) => ({ row, waitsUntilMs: waitsUntilMs(row) })),
    last: () => sql.exec<{ seq: number }>(last).one().seq,
    freeze: (seq) => freeze(sql, seq),
    forget: (seq, nowMs) => forget(sql, seq, nowMs),
  })
}

/** A row's kind and every column, in the form that is carried. */
function selected({ kinds, otherwise }: LogTable): string {
  const own = Object.keys(kinds) as readonly RowKind[]
  const kind = `CASE ${own.map((it) => `WHEN ${kinds[it]} THEN '${it}'`).join(' ')} END AS kind`
  const said = columnNames.map((name) => {
    const having = own.filter((it) => columnOf(name).of.includes(it))
    const value = otherwise[name] ?? name
    if (having.length === 0) return `NULL AS ${name}`
    if (having.length === own.length) return `${value} AS ${name}`
    return `CASE WHEN ${having.map((it) => kinds[it]).join(' OR ')} THEN ${value} END AS ${name}`
  })
  return [kind, ...said].join(', ')
}

/** The tables that say how far a log is, as migrations of both objects make them: never changed. */
export const CREATE_AUDIT_CHAIN = `CREATE TABLE audit_chain (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    chain TEXT NOT NULL,                -- names this log: that of an object that was deleted had another
    first_seq INTEGER,                  -- where the chain begins, NULL: nothing was frozen yet
    frozen_seq INTEGER NOT NULL,        -- rows up to here change no more; they may have been sent
    head_seq INTEGER NOT NULL,          -- rows up to here are in the audit database for sure
    head_hash TEXT NOT NULL,            -- of that row, as hex; '' before the first
    failures INTEGER NOT NULL,          -- rounds in a row in which nothing could be carried
    retry_at INTEGER NOT NULL           -- nothing is sent before
  );
  INSERT INTO audit_chain VALUES (1, lower(hex(randomblob(8))), NULL, 0, 0, '', 0, 0);`

/** The row of `audit_chain` in a new database: every log has a name of its own. */
export const FIRST_OF_AUDIT_CHAIN = `INSERT INTO audit_chain (id, chain, frozen_seq, head_seq, head_hash, failures, retry_at)
  VALUES (1, lower(hex(randomblob(8))), 0, 0, '', 0, 0)`

/** Rows of the log as the audit database has confirmed them, one in a thousand. */
export const CREATE_AUDIT_CHECKPOINTS = `CREATE TABLE audit_checkpoints (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL                  -- of that row, as hex
  );`

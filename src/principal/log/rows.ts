/** The tables of a principal's log, statement by statement. Each works within the caller's transaction. */

/** A place in the log: a row, and how many characters of it come before. */
export interface Place {
  readonly row: number
  readonly length: number
}

export const BEGINNING: Place = { row: 0, length: 0 }

/**
 * Rows that one round deletes: each fills a page or so and holds several decisions, so it takes several times what a row of another table
 * takes (durable/turns.ts).
 */
const ROUND_LOG_ROWS = 50

/** A cursor that is left half-way would hold its statement, so rows are read by the handful. */
const READ_AT_ONCE = 32

/** A stored row of the log. */
export interface LogRow extends Record<string, SqlStorageValue> {
  /** The `seq` of the first decision in it, or that of the next decision where it has none yet. */
  readonly row: number
  readonly entries: string
}

/** What the object remembers of its log besides the entries. */
export interface LogState {
  /** Decisions up to here have been made, whether or not they are still in the log. */
  readonly lastSeq: number
  /** The counters in their table are those of this place. */
  readonly saved: Place
  /** Decisions up to here say themselves how their calls ended. */
  readonly settledSeq: number
  /** When a request was last decided, as far as the entries before `saved` say; null: none was. */
  readonly decidedAtMs: number | null
}

export function insert(sql: SqlStorage, row: number, entries: string, atMs: number): void {
  sql.exec('INSERT INTO log (seq, at, entries) VALUES (?, ?, ?)', row, atMs, entries)
}

/**
 * Adds entries to a row.
 * @throws Error when there is no such row
 */
export function append(sql: SqlStorage, row: number, entries: string, atMs: number): void {
  const { rowsWritten } = sql.exec(
    "UPDATE log SET entries = entries || ',' || ?, at = max(at, ?) WHERE seq = ?",
    entries,
    atMs,
    row,
  )
  // Then memory is wrong, and a decision must not be lost for that.
  if (rowsWritten === 0) throw new Error(`the log has no row ${row}`)
}

/** Puts other entries in the place of a row's. */
export function rewrite(sql: SqlStorage, row: number, entries: string): void {
  sql.exec('UPDATE log SET entries = ? WHERE seq = ?', entries, row)
}

/** The row that holds the decision `seq`, or would; null: there is none from before it. */
export function rowOf(sql: SqlStorage, seq: number): number | null {
  return sql.exec<{ row: number | null }>('SELECT max(seq) AS row FROM log WHERE seq <= ?', seq).one().row
}

export function readRow(sql: SqlStorage, row: number): LogRow {
  return sql.exec<LogRow>('SELECT seq AS row, entries FROM log WHERE seq = ?', row).one()
}

/** Rows in order, from the one with the decision `seq` on, read as they are asked for. */
export function* from(sql: SqlStorage, seq: number): Iterable<LogRow> {
  for (let next = rowOf(sql, seq) ?? 0; ; ) {
    const rows = between(sql, next, Number.MAX_SAFE_INTEGER, READ_AT_ONCE)
    yield* rows
    const last = rows[READ_AT_ONCE - 1]
    if (last === undefined) return
    next = last.row + 1
  }
}

/** The first rows from `row` on, before `before`. */
export function between(sql: SqlStorage, row: number, before: number, most: number): LogRow[] {
  return sql
    .exec<LogRow>(
      'SELECT seq AS row, entries FROM log WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?',
      row,
      before,
      most,
    )
    .toArray()
}

/** The rows that a starting object has to know: those up to `seq`, and those from `row` on. */
export function needed(sql: SqlStorage, seq: number, row: number): LogRow[] {
  return sql
    .exec<LogRow>('SELECT seq AS row, entries FROM log WHERE seq <= ? OR seq >= ? ORDER BY seq', seq, row)
    .toArray()
}

/** Rows that are young enough and have `text` in them, the youngest first. */
export function having(sql: SqlStorage, text: string, afterMs: number): LogRow[] {
  return sql
    .exec<LogRow>(
      'SELECT seq AS row, entries FROM log WHERE at > ? AND instr(entries, ?) > 0 ORDER BY seq DESC',
      afterMs,
      text,
    )
    .toArray()
}

/** Where the oldest rows end that are from before `beforeMs`, as far as one batch goes. */
export function oldest(
  sql: SqlStorage,
  beforeMs: number,
): { readonly endSeq: number | null; readonly isMore: boolean } {
  const rows = sql
    .exec<{ row: number; at: number }>(
      'SELECT seq AS row, at FROM log ORDER BY seq LIMIT ?',
      ROUND_LOG_ROWS + 1,
    )
    .toArray()
  const young = rows.find(({ at }) => at > beforeMs)
  if (young !== undefined) return { endSeq: young.row, isMore: false }
  const next = rows[ROUND_LOG_ROWS]
  return next === undefined ? { endSeq: null, isMore: false } : { endSeq: next.row, isMore: true }
}

/** Where the oldest rows end that are from before the decision `seq`, as far as one batch goes. */
export function first(sql: SqlStorage, seq: number): { readonly endSeq: number; readonly isMore: boolean } {
  const next = sql
    .exec<{ row: number }>(
      'SELECT seq AS row FROM log WHERE seq <= ? ORDER BY seq LIMIT 1 OFFSET ?',
      seq,
      ROUND_LOG_ROWS,
    )
    .toArray()[0]
  return next === undefined ? { endSeq: seq, isMore: false } : { endSeq: next.row, isMore: true }
}

/** Deletes rows before `row`, but for some. */
export function remove(sql: SqlStorage, row: number, but: readonly number[]): void {
  sql.exec(
    'DELETE FROM log WHERE seq < ? AND seq NOT IN (SELECT value FROM json_each(?))',
    row,
    JSON.stringify(but),
  )
}

/** The oldest row; null: there is none. */
export function firstRow(sql: SqlStorage): { readonly row: number; readonly atMs: number } | null {
  return (
    sql
      .exec<{ row: number; atMs: number }>('SELECT seq AS row, at AS atMs FROM log ORDER BY seq LIMIT 1')
      .toArray()[0] ?? null
  )
}

export function readState(sql: SqlStorage): LogState {
  const state = sql
    .exec<
      Record<'last_seq' | 'saved_row' | 'saved_length' | 'settled_seq', number> & {
        decided_at: number | null
      }
    >('SELECT * FROM log_state WHERE id = 1')
    .one()
  return {
    lastSeq: state.last_seq,
    saved: { row: state.saved_row, length: state.saved_length },
    settledSeq: state.settled_seq,
    decidedAtMs: state.decided_at,
  }
}

export function writeState(sql: SqlStorage, { lastSeq, saved, settledSeq, decidedAtMs }: LogState): void {
  sql.exec(
    `UPDATE log_state SET last_seq = ?, saved_row = ?, saved_length = ?, settled_seq = ?, decided_at = ? WHERE id = 1`,
    lastSeq,
    saved.row,
    saved.length,
    settledSeq,
    decidedAtMs,
  )
}

/** The last decision that is of a grant of the same name which was deleted; 0: there was none. */
export function predecessorSeq(sql: SqlStorage): number {
  return (
    sql.exec<{ seq: number }>('SELECT predecessor_seq AS seq FROM grants WHERE id = 1').toArray()[0]?.seq ?? 0
  )
}

/**
 * Rows that plain calls ask for again and again, kept in memory while nothing may have changed them. Memory is the truth as long as the
 * object lives, because every statement passes here: one that may write anything but the log and counters forgets all rows.
 */

/** Single statements that leave the remembered rows alone. A semicolon may begin another one, so a text that has any is not taken for one. */
const HARMLESS = /^\s*(?:SELECT|(?:INSERT INTO|UPDATE|DELETE FROM) (?:log|log_state|counters))\b[^;]*$/

const MOST_ROWS = 2_000
const MOST_TEXTS = 1_000

/** A row, and the time from which it is another, with no statement between; Infinity: never. */
export interface Timed<T> {
  readonly row: T
  readonly untilMs: number
}

export class RememberedRows {
  /** Has to be used for every statement. */
  readonly sql: SqlStorage
  readonly #rows = new Map<string, Timed<unknown>>()
  /** Verdicts on statements, by their text, whether they are harmless: the same few texts come with every call. */
  readonly #harmless = new Map<string, boolean>()

  constructor(sql: SqlStorage) {
    this.sql = this.#watched(sql)
  }

  /**
   * The row that was read under this key before, as long as its time is not over; or else the one that `read` returns now. The key
   * names one kind of row.
   */
  row<T>(key: string, nowMs: number, read: () => Timed<T>): T {
    const known = this.#rows.get(key) as Timed<T> | undefined
    if (known !== undefined && nowMs < known.untilMs) return known.row
    const timed = read()
    if (this.#rows.size >= MOST_ROWS) this.#rows.clear()
    this.#rows.set(key, timed)
    return timed.row
  }

  /** After storage has changed without a statement: a transaction was rolled back, or everything was deleted. */
  forget(): void {
    this.#rows.clear()
  }

  #watched(sql: SqlStorage): SqlStorage {
    const exec: SqlStorage['exec'] = (query, ...bindings) => {
      if (this.#rows.size > 0 && !this.#isHarmless(query)) this.#rows.clear()
      return sql.exec(query, ...bindings)
    }
    return {
      exec,
      get databaseSize() {
        return sql.databaseSize
      },
    } as SqlStorage
  }

  #isHarmless(query: string): boolean {
    const known = this.#harmless.get(query)
    if (known !== undefined) return known
    if (this.#harmless.size >= MOST_TEXTS) this.#harmless.clear()
    const isHarmless = HARMLESS.test(query)
    this.#harmless.set(query, isHarmless)
    return isHarmless
  }
}

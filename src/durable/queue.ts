/**
 * A durable queue: rows of a table, each of which waits until its receiver has it (`pending`), was delivered, or is a dead letter,
 * which a person can have sent again. The same for what Legiti must hear and for what webhooks are sent; how rows are taken out to
 * be sent, and what follows from it, is each table's own.
 *
 * The table has the columns seq, id, state, attempts, give_up_at, settled_at and last_error.
 */
import type { QueueState } from '../contract/queue.ts'
import { type Retention, retention } from './retention.ts'
import { GIVE_UP_AFTER_MS, KEEP_DEAD_MS, KEEP_DELIVERED_MS } from './retries.ts'
import { ROUND_ENDS } from './turns.ts'

/** A table with a queue in it. All text is fixed SQL, never a caller's. */
export interface QueueTable {
  readonly table: string
  /** The column of the time at which that happened of which a row tells. */
  readonly at: string
  /** The column that says what a row is. */
  readonly what: string
  /** The assignment that removes the content of a row that was delivered. */
  readonly emptied: string
  /** Further assignments to a row that leaves the queue. */
  readonly leaving?: string
  /** Further assignments to a dead letter that enters it again. */
  readonly returning?: string
  /** The column that says whose queue a row is in, where the table has several. */
  readonly of?: string
}

/** A row as it is listed: never its content. */
export interface QueuedRow {
  readonly seq: number
  readonly id: string
  readonly what: string
  readonly state: QueueState
  readonly atMs: number
  readonly settledAtMs: number | null
  readonly attempts: number
  readonly lastError: string | null
}

/** Make one when the module is loaded: it makes the statements. Call its methods within a transaction. */
export class DurableQueue {
  readonly #statements: ReturnType<typeof statementsOf>
  /** The time that rows are kept once they have left the queue. */
  readonly retentions: readonly Retention[]

  constructor(queue: QueueTable) {
    this.#statements = statementsOf(queue)
    const kept = (state: QueueState, keepMs: number) => {
      const rows = `state = '${state}' AND settled_at IS NOT NULL`
      return retention({ table: queue.table, column: 'settled_at', rows, keepMs })
    }
    this.retentions = [kept('delivered', KEEP_DELIVERED_MS), kept('dead', KEEP_DEAD_MS)]
  }

  /** The receiver has it. Its content is removed at once; that it was, is kept for a while. False: it was not pending. */
  markDelivered(sql: SqlStorage, seq: number, nowMs: number): boolean {
    return sql.exec(this.#statements.deliver, nowMs, seq).toArray().length > 0
  }

  /** Will not be sent without a person: kept, with its content, to be listed and sent again. False: it was not pending. */
  bury(sql: SqlStorage, seq: number, reason: string, nowMs: number): boolean {
    return sql.exec(this.#statements.bury, nowMs, reason, seq).toArray().length > 0
  }

  /** Tells whether `buryExpired` would find any. */
  hasExpired(sql: SqlStorage, nowMs: number): boolean {
    return sql.exec(this.#statements.anyExpired, nowMs).toArray().length > 0
  }

  /** Gives up events that are too old to be worth sending, each with `bury`: up to ROUND_ENDS, and returns how many. */
  buryExpired(sql: SqlStorage, nowMs: number, bury: (seq: number, reason: string) => void): number {
    const expired = sql
      .exec<{ seq: number; last_error: string | null }>(this.#statements.expired, nowMs)
      .toArray()
    for (const { seq, last_error } of expired)
      bury(seq, `gave up after 72 hours: ${last_error ?? 'never tried'}`)
    return expired.length
  }

  /** Returns rows in one state after `afterSeq`, oldest first. @param of the queue's name, where the table has several */
  list(
    sql: SqlStorage,
    {
      state,
      afterSeq,
      most,
    }: { readonly state: QueueState; readonly afterSeq: number; readonly most: number },
    ...of: readonly string[]
  ): QueuedRow[] {
    return sql
      .exec<Record<string, SqlStorageValue>>(this.#statements.list, ...of, state, afterSeq, most)
      .toArray() as unknown as QueuedRow[]
  }

  /** Makes a dead letter pending again, with all of its time. False: there is no such letter. @param of as in `list` */
  replay(sql: SqlStorage, id: string, nowMs: number, ...of: readonly string[]): boolean {
    const giveUpAtMs = nowMs + GIVE_UP_AFTER_MS
    return sql.exec(this.#statements.replay, giveUpAtMs, ...of, id).toArray().length > 0
  }
}

function statementsOf({ table, at, what, emptied, leaving, returning, of }: QueueTable) {
  const further = (assignments: string | undefined) => (assignments === undefined ? '' : `, ${assignments}`)
  const mine = of === undefined ? '' : `${of} = ? AND `
  return {
    deliver: `UPDATE ${table} SET state = 'delivered', settled_at = ?, last_error = NULL, ${emptied}${further(leaving)}
      WHERE seq = ? AND state = 'pending' RETURNING seq`,
    bury: `UPDATE ${table} SET state = 'dead', settled_at = ?, last_error = ?${further(leaving)}
      WHERE seq = ? AND state = 'pending' RETURNING seq`,
    anyExpired: `SELECT 1 FROM ${table} WHERE state = 'pending' AND give_up_at <= ? LIMIT 1`,
    expired: `SELECT seq, last_error FROM ${table} WHERE state = 'pending' AND give_up_at <= ?
      ORDER BY seq LIMIT ${ROUND_ENDS}`,
    list: `SELECT seq, id, ${what} AS what, state, ${at} AS atMs, settled_at AS settledAtMs, attempts,
        last_error AS lastError
      FROM ${table} WHERE ${mine}state = ? AND seq > ? ORDER BY seq LIMIT ?`,
    replay: `UPDATE ${table} SET state = 'pending', settled_at = NULL, attempts = 0, give_up_at = ?${further(returning)}
      WHERE ${mine}id = ? AND state = 'dead' RETURNING seq`,
  }
}

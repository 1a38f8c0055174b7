import { GIVE_UP_AFTER_MS } from '../legiti/schedule.ts'
import type { LegitiToolName } from '../legiti/tools.ts'
import { orderingKey } from '../legiti/wire.ts'

/** Something Legiti must hear of, told in our words; the wire's form is made when it is sent. */
export interface OutboxEvent {
  /** The same id is never queued twice. */
  readonly id: string
  readonly tool: LegitiToolName
  readonly args: Readonly<Record<string, unknown>>
  readonly occurredAtMs: number
}

/** An event that this incarnation of the object is sending now. */
export interface LeasedEvent extends OutboxEvent {
  readonly seq: number
  readonly attempts: number
}

interface OutboxRow extends Record<string, SqlStorageValue> {
  seq: number
  id: string
  tool: string
  args: string
  occurred_at: number
  attempts: number
}

/** Queues an event. False when its id is known: then nothing changed. */
export function enqueue(sql: SqlStorage, event: OutboxEvent): boolean {
  const key = orderingKey(event.tool, event.args) ?? event.id
  return (
    sql
      .exec(
        `INSERT INTO outbox (id, ordering_key, tool, args, occurred_at, give_up_at, state)
         VALUES (?, ?, ?, ?, ?, ?, 'pending')
         ON CONFLICT (id) DO NOTHING RETURNING seq`,
        event.id,
        key,
        event.tool,
        JSON.stringify(event.args),
        event.occurredAtMs,
        event.occurredAtMs + GIVE_UP_AFTER_MS,
      )
      .toArray().length > 0
  )
}

/** How many of the oldest pending events one lease looks at, so that a long queue costs no long scan. */
const LEASE_HORIZON = 500

/**
 * Leases up to `most` events to this incarnation, so that two drains never send one twice. Only the oldest
 * pending event of each ordering key may go; the least tried first, so that an event which Legiti keeps
 * failing on holds up its own key alone. A lease that another incarnation holds is void: an object runs
 * once, so whoever held it is gone.
 */
export function lease(
  sql: SqlStorage,
  incarnation: string,
  most: number,
  leaseMs: number,
  nowMs: number,
): LeasedEvent[] {
  const rows = sql
    .exec<OutboxRow>(
      `UPDATE outbox SET leased_by = ?1, lease_until = ?2, attempts = attempts + 1 WHERE seq IN (
         SELECT seq FROM (SELECT * FROM outbox WHERE state = 'pending' ORDER BY seq LIMIT ${LEASE_HORIZON}) AS mine
         WHERE (leased_by IS NULL OR leased_by <> ?1 OR lease_until <= ?3)
           AND NOT EXISTS (
             SELECT 1 FROM outbox AS earlier WHERE earlier.state = 'pending'
               AND earlier.ordering_key = mine.ordering_key AND earlier.seq < mine.seq
           )
         ORDER BY attempts, seq LIMIT ?4
       ) RETURNING seq, id, tool, args, occurred_at, attempts`,
      incarnation,
      nowMs + leaseMs,
      nowMs,
      most,
    )
    .toArray()
  return rows.map((row) => ({
    seq: row.seq,
    id: row.id,
    tool: row.tool as LegitiToolName,
    args: JSON.parse(row.args) as Record<string, unknown>,
    occurredAtMs: row.occurred_at,
    attempts: row.attempts,
  }))
}

/** Legiti has it. What was in it is removed at once; that it was, is kept for a while. */
export function markDelivered(sql: SqlStorage, seq: number, nowMs: number): void {
  sql.exec(
    `UPDATE outbox SET state = 'delivered', settled_at = ?, args = NULL, leased_by = NULL, lease_until = NULL,
       last_error = NULL WHERE seq = ? AND state = 'pending'`,
    nowMs,
    seq,
  )
}

/** Not delivered this time: the next drain may try. */
export function release(sql: SqlStorage, seq: number, error: string): void {
  sql.exec('UPDATE outbox SET leased_by = NULL, lease_until = NULL, last_error = ? WHERE seq = ?', error, seq)
}

/** Will not be delivered without a person: kept, with its content, to be listed and replayed. */
export function bury(sql: SqlStorage, seq: number, error: string, nowMs: number): void {
  sql.exec(
    `UPDATE outbox SET state = 'dead', settled_at = ?, leased_by = NULL, lease_until = NULL, last_error = ?
     WHERE seq = ? AND state = 'pending'`,
    nowMs,
    error,
    seq,
  )
}

/** Buries what is too old to be worth sending. Returns how many. */
export function buryExpired(sql: SqlStorage, nowMs: number): number {
  return sql
    .exec(
      `UPDATE outbox SET state = 'dead', settled_at = ?, leased_by = NULL, lease_until = NULL,
         last_error = 'gave up after 72 hours: ' || coalesce(last_error, 'never tried')
       WHERE state = 'pending' AND give_up_at <= ? RETURNING seq`,
      nowMs,
      nowMs,
    )
    .toArray().length
}

/** Makes a dead letter pending again, behind what is already queued. False when there is no such letter. */
export function replay(sql: SqlStorage, id: string, nowMs: number): boolean {
  return (
    sql
      .exec(
        `UPDATE outbox SET state = 'pending', settled_at = NULL, attempts = 0, give_up_at = ?,
           seq = (SELECT max(seq) + 1 FROM outbox) WHERE id = ? AND state = 'dead' RETURNING id`,
        nowMs + GIVE_UP_AFTER_MS,
        id,
      )
      .toArray().length > 0
  )
}

/** How the queue stands. */
export interface OutboxStatus {
  readonly pending: number
  readonly dead: number
  readonly delivered: number
  /** When the oldest pending event happened, or null when none is pending. */
  readonly oldestPendingAtMs: number | null
}

export function outboxStatus(sql: SqlStorage): OutboxStatus {
  const counts = sql
    .exec<{ state: string; n: number; oldest: number }>(
      'SELECT state, count(*) AS n, min(occurred_at) AS oldest FROM outbox GROUP BY state',
    )
    .toArray()
  const count = (state: string) => counts.find((row) => row.state === state)
  return {
    pending: count('pending')?.n ?? 0,
    dead: count('dead')?.n ?? 0,
    delivered: count('delivered')?.n ?? 0,
    oldestPendingAtMs: count('pending')?.oldest ?? null,
  }
}

/** An event as an administrator sees it: never what is in it. */
export interface ListedEvent {
  readonly id: string
  readonly tool: string
  readonly state: 'pending' | 'delivered' | 'dead'
  readonly occurredAtMs: number
  readonly settledAtMs: number | null
  readonly attempts: number
  readonly lastError: string | null
}

export function listEvents(
  sql: SqlStorage,
  state: ListedEvent['state'],
  afterSeq: number,
  most: number,
): { events: ListedEvent[]; next: number | null } {
  const rows = sql
    .exec<OutboxRow & { state: ListedEvent['state']; settled_at: number | null; last_error: string | null }>(
      `SELECT seq, id, tool, state, occurred_at, settled_at, attempts, last_error FROM outbox
       WHERE state = ? AND seq > ? ORDER BY seq LIMIT ?`,
      state,
      afterSeq,
      most + 1,
    )
    .toArray()
  const page = rows.slice(0, most)
  return {
    events: page.map((row) => ({
      id: row.id,
      tool: row.tool,
      state: row.state,
      occurredAtMs: row.occurred_at,
      settledAtMs: row.settled_at,
      attempts: row.attempts,
      lastError: row.last_error,
    })),
    next: rows.length > most ? (page.at(-1)?.seq ?? null) : null,
  }
}

import type { EventPage, ListedEvent } from '../../contract/outbox.ts'
import { DurableQueue } from '../../durable/queue.ts'
import { GIVE_UP_AFTER_MS } from '../../durable/retries.ts'
import { ROUND_ENDS, ROUND_ROWS } from '../../durable/turns.ts'
import type { LegitiToolName } from '../../legiti/tools/all.ts'
import { orderingKey } from '../../legiti/wire.ts'
import { queueAnnouncement } from './announcements.ts'

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

const NO_LEASE = 'leased_by = NULL, lease_until = NULL'
/** Tells whether nothing of a row's key is pending. */
const IS_NEXT_OF_KEY = `NOT EXISTS (
  SELECT 1 FROM outbox AS other WHERE other.state = 'pending' AND other.ordering_key = outbox.ordering_key)`

const queue = new DurableQueue({
  table: 'outbox',
  at: 'occurred_at',
  what: 'tool',
  emptied: 'args = NULL',
  leaving: `ready = 0, ${NO_LEASE}`,
  // Behind what is already queued.
  returning: `ready = ${IS_NEXT_OF_KEY}, seq = (SELECT max(seq) + 1 FROM outbox)`,
})

/** The times for which events are kept that were delivered, or are dead. */
export const eventRetentions = queue.retentions

/** At thirty a minute, the whole 72 hours that Legiti may be away. */
export const MOST_PENDING = 130_000

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
        `INSERT INTO outbox (id, ordering_key, tool, args, occurred_at, give_up_at, state, ready)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ${IS_FIRST_OF_KEY}) ON CONFLICT (id) DO NOTHING RETURNING seq`,
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

/** Whether nothing of the key ?2 is pending yet. */
const IS_FIRST_OF_KEY = "NOT EXISTS (SELECT 1 FROM outbox WHERE state = 'pending' AND ordering_key = ?2)"

/** Whether so many events are pending that agents' notifications must wait. Ends of sessions are queued all the same. */
export function isFull(sql: SqlStorage): boolean {
  // Two look-ups tell nearly always; rows are counted only when they cannot.
  const bounds = sql
    .exec<{ first: number | null; last: number | null }>(
      "SELECT min(seq) AS first, (SELECT max(seq) FROM outbox) AS last FROM outbox WHERE state = 'pending'",
    )
    .one()
  if (bounds.first === null || bounds.last === null || bounds.last - bounds.first + 1 < MOST_PENDING)
    return false
  return countPending(sql) >= MOST_PENDING
}

/**
 * Leases up to `most` events to this incarnation, so that two drains never send one twice. Only the oldest
 * pending event of each ordering key is ready; the least tried go first, so that an event which Legiti keeps
 * failing on does not stand before the others. A lease that another incarnation holds is void: an object runs
 * once, so whoever held it is gone.
 */
export function lease(
  sql: SqlStorage,
  {
    incarnation,
    most,
    leaseMs,
  }: {
    readonly incarnation: string
    readonly most: number
    readonly leaseMs: number
  },
  nowMs: number,
): LeasedEvent[] {
  const rows = sql
    .exec<OutboxRow>(
      `UPDATE outbox SET leased_by = ?1, lease_until = ?2, attempts = attempts + 1 WHERE seq IN (
         SELECT seq FROM outbox INDEXED BY outbox_ready WHERE state = 'pending' AND ready = 1
           AND (leased_by IS NULL OR leased_by <> ?1 OR lease_until <= ?3)
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

/** Events that may be sent, once nobody is sending them. */
const READY = "outbox INDEXED BY outbox_ready WHERE state = 'pending' AND ready = 1"

/** When the next event may be leased: now (0), when a lease is over, or never (null). */
export function nextLeaseMs(sql: SqlStorage, incarnation: string): number | null {
  return sql
    .exec<{ at: number | null }>(
      // Nearly always the first is free to be leased; where none is, those that are leased are few.
      `SELECT CASE WHEN EXISTS (SELECT 1 FROM ${READY} AND (leased_by IS NULL OR leased_by <> ?1)) THEN 0
         ELSE (SELECT min(lease_until) FROM ${READY}) END AS at`,
      incarnation,
    )
    .one().at
}

/** Legiti has it. What was in it is removed at once; that it was, is kept for a while. */
export function markDelivered(sql: SqlStorage, seq: number, nowMs: number): void {
  if (queue.markDelivered(sql, seq, nowMs)) makeNextReady(sql, seq)
}

/** Will not be delivered without a person: kept, with its content, to be listed and replayed. The tenant hears of it. */
export function bury(sql: SqlStorage, seq: number, error: string, nowMs: number): void {
  if (!queue.bury(sql, seq, error, nowMs)) return
  const { grant, event, tool } = sql
    .exec<{ grant: string; event: string; tool: string }>(
      'SELECT outbox.id AS event, tool, grants.name AS grant FROM outbox, grants WHERE seq = ?',
      seq,
    )
    .one()
  const data = { grant, event, tool, reason: error }
  // One that is replayed may die again, and that is news.
  queueAnnouncement(sql, { id: `dead_${event}_${nowMs}`, atMs: nowMs, type: 'legiti.dead_letter', data })
  makeNextReady(sql, seq)
}

/** An event has left the queue: the next of its key may be sent. */
function makeNextReady(sql: SqlStorage, seq: number): void {
  sql.exec(
    `UPDATE outbox SET ready = 1 WHERE seq = (SELECT min(seq) FROM outbox
       WHERE state = 'pending' AND ordering_key = (SELECT ordering_key FROM outbox WHERE seq = ?))`,
    seq,
  )
}

/** Not delivered this time: the next drain may try. */
export function release(sql: SqlStorage, seq: number, error: string): void {
  sql.exec(`UPDATE outbox SET ${NO_LEASE}, last_error = ? WHERE seq = ?`, error, seq)
}

/** Tells whether `buryExpired` would find any. */
export function hasExpired(sql: SqlStorage, nowMs: number): boolean {
  return queue.hasExpired(sql, nowMs)
}

/** Buries what is too old to be worth sending, one round's worth. Returns how many; `isMore`: there may be others. */
export function buryExpired(sql: SqlStorage, nowMs: number): { buried: number; isMore: boolean } {
  const buried = queue.buryExpired(sql, nowMs, (seq, reason) => bury(sql, seq, reason, nowMs))
  return { buried, isMore: buried === ROUND_ENDS }
}

/** Whether an event is pending. */
export function hasPending(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM outbox WHERE state = 'pending' LIMIT 1").toArray().length > 0
}

/** How many events are pending. */
export function countPending(sql: SqlStorage): number {
  return sql.exec<{ n: number }>("SELECT count(*) AS n FROM outbox WHERE state = 'pending'").one().n
}

/**
 * Time in which there was nobody to send to does not count: what is pending has all of its time again, from `sinceMs` on. One round's
 * worth; true when there may be more, for which `sinceMs` must be the same.
 */
export function renewTime(sql: SqlStorage, sinceMs: number): boolean {
  const renewed = sql.exec(
    `UPDATE outbox SET give_up_at = ?1 WHERE seq IN (
       SELECT seq FROM outbox WHERE state = 'pending' AND give_up_at < ?1 LIMIT ${ROUND_ROWS}) RETURNING 1`,
    sinceMs + GIVE_UP_AFTER_MS,
  )
  return renewed.toArray().length === ROUND_ROWS
}

/**
 * Takes events out of the queue, so that nothing more is sent: the object is about to be erased. One round's worth; true when there may
 * be more.
 */
export function stopSending(sql: SqlStorage, nowMs: number): boolean {
  const stopped = sql.exec(
    `UPDATE outbox SET state = 'dead', settled_at = ?, ready = 0, ${NO_LEASE}
     WHERE seq IN (SELECT seq FROM outbox WHERE state = 'pending' LIMIT ${ROUND_ROWS}) RETURNING 1`,
    nowMs,
  )
  return stopped.toArray().length === ROUND_ROWS
}

/** Whether there is a dead letter of that id. */
export function isDead(sql: SqlStorage, id: string): boolean {
  return sql.exec("SELECT 1 FROM outbox WHERE id = ? AND state = 'dead'", id).toArray().length > 0
}

/** Makes a dead letter pending again, behind what is already queued. False when there is no such letter. */
export function replay(sql: SqlStorage, id: string, nowMs: number): boolean {
  return queue.replay(sql, id, nowMs)
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

export function listEvents(
  sql: SqlStorage,
  state: ListedEvent['state'],
  { afterSeq, most }: { readonly afterSeq: number; readonly most: number },
): EventPage {
  const rows = queue.list(sql, { state, afterSeq, most: most + 1 })
  const page = rows.slice(0, most)
  return {
    events: page.map(({ seq: _, what, atMs, ...event }) => ({ ...event, tool: what, occurredAtMs: atMs })),
    next: rows.length > most ? (page.at(-1)?.seq ?? null) : null,
  }
}

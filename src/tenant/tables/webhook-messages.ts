/** Messages that wait for a tenant's webhooks, were delivered or are dead, in SQL. */
import type { MessageState, MessageView } from '../../contract/webhooks.ts'
import { GIVE_UP_AFTER_MS } from '../../legiti/schedule.ts'

/** A message on its way. */
export interface DueMessage {
  readonly seq: number
  readonly id: string
  readonly body: string
}

/** Takes up to `most` messages, the least tried first, and counts the attempt. */
export function takeMessages(sql: SqlStorage, webhook: string, most: number): DueMessage[] {
  return sql
    .exec<{ seq: number; id: string; body: string }>(
      `UPDATE webhook_messages SET attempts = attempts + 1 WHERE seq IN (
         SELECT seq FROM webhook_messages WHERE webhook = ? AND state = 'pending' ORDER BY attempts, seq LIMIT ?
       ) RETURNING seq, id, body`,
      webhook,
      most,
    )
    .toArray()
}

/** It has arrived: what was in it is removed, that it was is kept for a while. */
export function markDelivered(sql: SqlStorage, seq: number, nowMs: number): void {
  settle(sql, seq, 'delivered', null, nowMs)
  sql.exec("UPDATE webhook_messages SET body = '' WHERE seq = ? AND state = 'delivered'", seq)
}

/** Will not be sent without a person: kept, to be listed and replayed. */
export function bury(sql: SqlStorage, seq: number, reason: string, nowMs: number): void {
  settle(sql, seq, 'dead', reason, nowMs)
}

function settle(
  sql: SqlStorage,
  seq: number,
  state: 'delivered' | 'dead',
  error: string | null,
  nowMs: number,
) {
  sql.exec(
    "UPDATE webhook_messages SET state = ?, settled_at = ?, last_error = ? WHERE seq = ? AND state = 'pending'",
    ...[state, nowMs, error, seq],
  )
}

export function noteError(sql: SqlStorage, seq: number, reason: string): void {
  sql.exec('UPDATE webhook_messages SET last_error = ? WHERE seq = ?', reason, seq)
}

/** Buries what is too old to be worth sending. Returns how many. */
export function buryExpired(sql: SqlStorage, nowMs: number): number {
  return sql
    .exec(
      `UPDATE webhook_messages SET state = 'dead', settled_at = ?1,
         last_error = 'gave up after 72 hours: ' || coalesce(last_error, 'never tried')
       WHERE state = 'pending' AND give_up_at <= ?1 RETURNING seq`,
      nowMs,
    )
    .toArray().length
}

/** A page of messages in one state, oldest first, with one more than `limit` where there are more. */
export function listMessages(
  sql: SqlStorage,
  webhook: string,
  state: MessageState,
  afterSeq: number,
  limit: number,
): MessageView[] {
  return sql
    .exec<{
      seq: number
      id: string
      type: string
      state: MessageState
      at: number
      settled_at: number | null
      attempts: number
      last_error: string | null
    }>(
      `SELECT seq, id, type, state, at, settled_at, attempts, last_error FROM webhook_messages
       WHERE webhook = ? AND state = ? AND seq > ? ORDER BY seq LIMIT ?`,
      ...[webhook, state, afterSeq, limit],
    )
    .toArray()
    .map(({ at, settled_at, last_error, ...row }) => ({
      ...row,
      atMs: at,
      settledAtMs: settled_at,
      lastError: last_error,
    }))
}

/** Makes a dead message pending again, and its webhook one that is tried at once. False when there is no such message. */
export function replayMessage(sql: SqlStorage, webhook: string, id: string, nowMs: number): boolean {
  const replayed = sql
    .exec(
      `UPDATE webhook_messages SET state = 'pending', settled_at = NULL, attempts = 0, give_up_at = ?
       WHERE webhook = ? AND id = ? AND state = 'dead' RETURNING seq`,
      ...[nowMs + GIVE_UP_AFTER_MS, webhook, id],
    )
    .toArray()
  if (replayed.length === 0) return false
  sql.exec('UPDATE webhooks SET failures = 0, retry_at = 0 WHERE name = ?', webhook)
  return true
}

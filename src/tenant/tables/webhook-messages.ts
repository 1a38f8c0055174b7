/** Messages that wait for a tenant's webhooks, were delivered or are dead, in SQL. */
import type { QueueState } from '../../contract/queue.ts'
import type { MessageView } from '../../contract/webhooks.ts'
import { DurableQueue } from '../../durable/queue.ts'
import { ROUND_ENDS } from '../../durable/turns.ts'

const queue = new DurableQueue({
  table: 'webhook_messages',
  at: 'at',
  what: 'type',
  emptied: "body = ''",
  of: 'webhook',
})

/** The times for which messages are kept that were delivered, or are dead. */
export const messageRetentions = queue.retentions

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

export function markDelivered(sql: SqlStorage, seq: number, nowMs: number): void {
  queue.markDelivered(sql, seq, nowMs)
}

export function bury(sql: SqlStorage, seq: number, reason: string, nowMs: number): void {
  queue.bury(sql, seq, reason, nowMs)
}

/** Not delivered this time. */
export function noteError(sql: SqlStorage, seq: number, reason: string): void {
  sql.exec('UPDATE webhook_messages SET last_error = ? WHERE seq = ?', reason, seq)
}

/** Buries what is too old to be worth sending, one round's worth. Returns how many; `isMore`: there may be others. */
export function buryExpired(sql: SqlStorage, nowMs: number): { buried: number; isMore: boolean } {
  const buried = queue.buryExpired(sql, nowMs, (seq, reason) => queue.bury(sql, seq, reason, nowMs))
  return { buried, isMore: buried === ROUND_ENDS }
}

/** A page of messages in one state, oldest first, with one more than `limit` where there are more. */
export function listMessages(
  sql: SqlStorage,
  webhook: string,
  {
    state,
    afterSeq,
    limit,
  }: {
    readonly state: QueueState
    readonly afterSeq: number
    readonly limit: number
  },
): MessageView[] {
  return queue
    .list(sql, { state, afterSeq, most: limit }, webhook)
    .map(({ what, ...message }) => ({ ...message, type: what }))
}

/** Makes a dead message pending again, and its webhook one that is tried at once. False when there is no such message. */
export function replayMessage(sql: SqlStorage, webhook: string, id: string, nowMs: number): boolean {
  if (!queue.replay(sql, id, nowMs, webhook)) return false
  sql.exec('UPDATE webhooks SET failures = 0, retry_at = 0 WHERE name = ?', webhook)
  return true
}

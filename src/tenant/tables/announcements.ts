/**
 * Announcements to a tenant's webhooks: a row for each webhook that wants the event, written in the event's transaction. Sent by
 * webhook-delivery.ts, at least once, always under the same id and with the same body.
 */
import { log } from '../../base/log.ts'
import { messageBody, type WebhookEvent } from '../../contract/webhook-events.ts'
import { GIVE_UP_AFTER_MS } from '../../durable/retries.ts'

/** More do not wait for one webhook: at one a minute, what 72 hours bring, twice over. */
const MOST_WAITING = 10_000

export interface WebhookAnnouncement {
  /** The receiver's means to tell what it has seen: the same thing has the same id. */
  readonly id: string
  readonly type: WebhookEvent
  /** Never an argument's value, never a secret. */
  readonly data: Readonly<Record<string, unknown>>
  readonly atMs: number
}

/** Queues a message for every webhook that has asked for its type. A second announcement with the same id changes nothing. */
export function announce(sql: SqlStorage, { id, type, data, atMs }: WebhookAnnouncement): void {
  const webhooks = sql
    .exec<{ name: string; waiting: number }>(
      `SELECT name, (SELECT count(*) FROM webhook_messages m WHERE m.webhook = w.name AND m.state = 'pending') AS waiting
       FROM webhooks w WHERE enabled = 1 AND EXISTS (SELECT 1 FROM json_each(w.events) WHERE value = ?)`,
      type,
    )
    .toArray()
  if (webhooks.length === 0) return
  const body = messageBody(type, new Date(atMs).toISOString(), data)
  for (const { name, waiting } of webhooks) {
    if (waiting >= MOST_WAITING) {
      log('error', 'webhook.full', { webhook: name, type })
      continue
    }
    sql.exec(
      `INSERT INTO webhook_messages (webhook, id, type, body, at, give_up_at, state)
       VALUES (?, ?, ?, ?, ?, ?, 'pending') ON CONFLICT (webhook, id) DO NOTHING`,
      ...[name, id, type, body, atMs, atMs + GIVE_UP_AFTER_MS],
    )
  }
}

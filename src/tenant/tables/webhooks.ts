/** A tenant's webhooks, their secrets and how they fare, in SQL. */

import type { WebhookDocument } from '../../contract/webhook-document.ts'
import type { WebhookEvent } from '../../contract/webhook-events.ts'
import type { WebhookView } from '../../contract/webhooks.ts'
import { etagOf } from './etags.ts'

interface WebhookRow extends Record<string, SqlStorageValue> {
  name: string
  url: string
  events: string
  enabled: number
  secret: string
  created_at: number
  updated_at: number
  failures: number
  retry_at: number
  last_error: string | null
  last_success_at: number | null
  pending: number
  dead: number
  older_secret: string | null
  older_until: number | null
}

const SELECT = `SELECT *,
  (SELECT count(*) FROM webhook_messages m WHERE m.webhook = w.name AND m.state = 'pending') AS pending,
  (SELECT count(*) FROM webhook_messages m WHERE m.webhook = w.name AND m.state = 'dead') AS dead
  FROM webhooks w`

/** Every name, in order. */
export function webhookNames(sql: SqlStorage): string[] {
  return sql
    .exec<{ name: string }>('SELECT name FROM webhooks ORDER BY name')
    .toArray()
    .map(({ name }) => name)
}

export function viewWebhook(sql: SqlStorage, name: string): WebhookView | null {
  const row = sql.exec<WebhookRow>(`${SELECT} WHERE name = ?`, name).toArray()[0]
  if (row === undefined) return null
  return {
    name,
    tag: etagOf(sql, `webhook/${name}`),
    url: row.url,
    events: JSON.parse(row.events) as WebhookEvent[],
    enabled: row.enabled === 1,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
    failures: row.failures,
    retryAtMs: row.retry_at,
    lastError: row.last_error,
    lastSuccessAtMs: row.last_success_at,
    pending: row.pending,
    dead: row.dead,
    olderUntilMs: row.older_until,
  }
}

/** The sealed secret, or null where there is no such webhook. */
export function sealedSecret(sql: SqlStorage, name: string): string | null {
  return (
    sql.exec<{ secret: string }>('SELECT secret FROM webhooks WHERE name = ?', name).toArray()[0]?.secret ??
    null
  )
}

/** The sealed secrets that messages are signed with now, the newest first; none where there is no such webhook. */
export function signingSecrets(sql: SqlStorage, name: string, nowMs: number): string[] {
  const row = sql
    .exec<{ secret: string; older_secret: string | null; older_until: number | null }>(
      'SELECT secret, older_secret, older_until FROM webhooks WHERE name = ?',
      name,
    )
    .toArray()[0]
  if (row === undefined) return []
  const { secret, older_secret: older, older_until: untilMs } = row
  return older !== null && untilMs !== null && untilMs > nowMs ? [secret, older] : [secret]
}

/** Gives a webhook another secret. With `older`, which may be null, messages are signed as well until `olderUntilMs`. */
export function rotateSecret(
  sql: SqlStorage,
  {
    name,
    sealed,
    older,
    olderUntilMs,
  }: {
    readonly name: string
    readonly sealed: string
    readonly older: string | null
    readonly olderUntilMs: number
  },
  nowMs: number,
): void {
  const keeps = older !== null && olderUntilMs > nowMs
  sql.exec(
    'UPDATE webhooks SET secret = ?, older_secret = ?, older_until = ?, updated_at = ? WHERE name = ?',
    ...[sealed, keeps ? older : null, keeps ? olderUntilMs : null, nowMs, name],
  )
}

/** Forgets older secrets that nothing is signed with any more. */
export function purgeOlderSecrets(sql: SqlStorage, nowMs: number): void {
  sql.exec('UPDATE webhooks SET older_secret = NULL, older_until = NULL WHERE older_until <= ?', nowMs)
}

/** When `purgeOlderSecrets` has something to do; null: there are none. */
export function nextOlderSecretMs(sql: SqlStorage): number | null {
  return sql.exec<{ at: number | null }>('SELECT min(older_until) AS at FROM webhooks').one().at
}

/** Registers a webhook or replaces it. One that moves is tried at once. */
export function writeWebhook(
  sql: SqlStorage,
  {
    name,
    document: { url, events, enabled },
    sealed,
  }: {
    readonly name: string
    readonly document: WebhookDocument
    readonly sealed: string
  },
  nowMs: number,
): void {
  sql.exec(
    `INSERT INTO webhooks (name, url, events, enabled, secret, created_at, updated_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
     ON CONFLICT (name) DO UPDATE SET url = excluded.url, events = excluded.events, enabled = excluded.enabled,
       secret = excluded.secret, updated_at = excluded.updated_at, failures = 0, retry_at = 0`,
    ...[name, url, JSON.stringify(events), enabled ? 1 : 0, sealed, nowMs],
  )
}

/** Forgets a webhook with all that waits for it. */
export function deleteWebhook(sql: SqlStorage, name: string): void {
  sql.exec('DELETE FROM webhook_messages WHERE webhook = ?', name)
  sql.exec('DELETE FROM webhooks WHERE name = ?', name)
}

/** Webhooks that something waits for and that may be tried now. */
export function dueWebhooks(sql: SqlStorage, nowMs: number): string[] {
  return sql
    .exec<{ name: string }>(
      `SELECT name FROM webhooks w WHERE enabled = 1 AND retry_at <= ?
         AND EXISTS (SELECT 1 FROM webhook_messages m WHERE m.webhook = w.name AND m.state = 'pending')`,
      nowMs,
    )
    .toArray()
    .map(({ name }) => name)
}

/** Something got through: full speed again. */
export function noteSuccess(sql: SqlStorage, webhook: string, nowMs: number): void {
  sql.exec(
    'UPDATE webhooks SET failures = 0, retry_at = 0, last_success_at = ? WHERE name = ?',
    nowMs,
    webhook,
  )
}

/** Nothing is sent to it before `retryAtMs`. */
export function noteFailure(
  sql: SqlStorage,
  {
    webhook,
    failures,
    retryAtMs,
    reason,
  }: {
    readonly webhook: string
    readonly failures: number
    readonly retryAtMs: number
    readonly reason: string
  },
): void {
  sql.exec(
    'UPDATE webhooks SET failures = ?, retry_at = ?, last_error = ? WHERE name = ?',
    ...[failures, retryAtMs, reason, webhook],
  )
}

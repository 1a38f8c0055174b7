/**
 * Sends what waits for a tenant's webhooks. Each webhook by itself, so that one that is slow or dead keeps nothing from
 * the others. A message is pending until its receiver has it: whatever dies in between, it is sent again.
 */
import { errorName, log } from '../../base/log.ts'
import type { WebhookView } from '../../contract/webhooks.ts'
import { backOffMs, GIVE_UP_AFTER_MS, roundOf, type Verdict } from '../../durable/retries.ts'
import { inTurns } from '../../durable/turns.ts'
import { WEBHOOK_TIMEOUT_MS, webhookVerdict } from '../../webhooks/schedule.ts'
import { sendMessage } from '../../webhooks/send.ts'
import {
  bury,
  buryExpired,
  type DueMessage,
  markDelivered,
  noteError,
  takeMessages,
} from '../tables/webhook-messages.ts'
import { dueWebhooks, noteFailure, noteSuccess, signingSecrets, viewWebhook } from '../tables/webhooks.ts'

/** Messages on their way to one webhook at the same time, while it answers. */
const CONCURRENCY = 4
/** A run follows at once where it can; the alarm comes later, and finds something only if that run died. */
const GRACE_MS = 1_000
/** Longer than a round of messages takes. */
const ROUND_MS = 2 * WEBHOOK_TIMEOUT_MS
/** Messages of one run, to all webhooks: the platform allows its invocation 1,000 requests, and it does other things too. */
const MOST_A_RUN = 200

export interface WebhookDeliveryContext {
  readonly sql: SqlStorage
  readonly tenant: string
  /** Runs reads and writes as one transaction. */
  readonly commit: <T>(work: () => T) => T
  /** The secret, or null: it does not open. */
  readonly openSecret: (webhook: string, sealed: string) => Promise<string | null>
  /** Why this URL must not be asked now, or null. */
  readonly addressProblem: (url: string) => string | null
  /** Sets the tenant's alarm anew, `nextMs` being one of the reasons for it. */
  readonly rearm: () => Promise<void>
  /** The tenant has been deleted meanwhile, and its tables with it. */
  readonly isGone: () => boolean
  readonly now: () => number
  readonly random: () => number
}

export class WebhookDelivery {
  readonly #context: () => WebhookDeliveryContext
  readonly #running = new Map<string, Promise<void>>()

  /** @param context asked anew for every run */
  constructor(context: () => WebhookDeliveryContext) {
    this.#context = context
  }

  /** Sends what is due, as much as one run may; the rest is the alarm's. Never throws; at most one run of a webhook at a time. */
  async run(): Promise<void> {
    const context = this.#context()
    const { sql, now, commit, tenant } = context
    let messages = 0
    await inTurns(() => {
      if (context.isGone()) return false
      const { buried, isMore } = commit(() => buryExpired(sql, now()))
      messages += buried
      return isMore
    }, Number.POSITIVE_INFINITY)
    if (messages > 0) log('error', 'webhook.gave_up', { tenant, messages })
    if (context.isGone()) return
    const budget = { left: MOST_A_RUN }
    for (const name of dueWebhooks(sql, now())) {
      if (this.#running.has(name)) continue
      const mine = deliverTo(context, name, budget)
        .catch((error: unknown) => {
          log('error', 'webhook.delivery_failed', { tenant, webhook: name, error: errorName(error) })
        })
        .finally(() => this.#running.delete(name))
      this.#running.set(name, mine)
    }
    await Promise.all(this.#running.values())
    if (!context.isGone()) await context.rearm()
  }

  /** When the alarm has to see to messages, or null: when the next can be sent, or a round on its way must be over. */
  nextMs(sql: SqlStorage, nowMs: number): number | null {
    const soonestMs = nextSendMs(sql, new Set(this.#running.keys()), nowMs)
    if (this.#running.size === 0) return soonestMs
    return Math.min(soonestMs ?? Number.POSITIVE_INFINITY, nowMs + ROUND_MS)
  }
}

/** When the next message may be sent to a webhook that is not among `busy`, or is too old; null where none waits. */
function nextSendMs(sql: SqlStorage, busy: ReadonlySet<string>, nowMs: number): number | null {
  const { at, over } = sql
    .exec<{ at: number | null; over: number | null }>(
      `SELECT min(w.retry_at) AS at, (SELECT min(give_up_at) FROM webhook_messages WHERE state = 'pending') AS over
       FROM webhooks w WHERE w.enabled = 1 AND w.name NOT IN (SELECT value FROM json_each(?))
         AND EXISTS (SELECT 1 FROM webhook_messages m WHERE m.webhook = w.name AND m.state = 'pending')`,
      JSON.stringify([...busy]),
    )
    .one()
  const soonest = Math.min(at ?? Number.POSITIVE_INFINITY, over ?? Number.POSITIVE_INFINITY)
  return Number.isFinite(soonest) ? Math.max(nowMs + GRACE_MS, soonest) : null
}

type Sent = { readonly message: DueMessage; readonly judged: Exclude<Verdict, { kind: 'pause' }> }

async function deliverTo(
  context: WebhookDeliveryContext,
  name: string,
  budget: { left: number },
): Promise<void> {
  const { sql, commit, now, rearm } = context
  while (budget.left > 0) {
    const webhook = viewWebhook(sql, name)
    const sealed = signingSecrets(sql, name, now())
    if (webhook === null || !webhook.enabled || webhook.retryAtMs > now()) return
    // After a failure one message asks whether the receiver is back, so that a long outage costs few calls.
    const most = Math.min(webhook.failures > 0 ? 1 : CONCURRENCY, budget.left)
    const batch = commit(() => takeMessages(sql, name, most))
    if (batch.length === 0) return
    budget.left -= batch.length
    // Should this run die while it waits for the receiver, the alarm takes over.
    await rearm()
    const [newest = null, ...older] = await Promise.all(sealed.map((it) => context.openSecret(name, it)))
    const secrets = newest === null ? [] : [newest, ...older.filter((it) => it !== null)]
    const problem = context.addressProblem(webhook.url)
    const sent = await Promise.all(
      batch.map(async (message): Promise<Sent> => {
        if (secrets.length === 0) return { message, judged: later('secret_unreadable') }
        if (problem !== null) return { message, judged: later('address_refused') }
        const answer = await sendMessage({ url: webhook.url, secrets, ...message }, now())
        return { message, judged: webhookVerdict(answer, now()) }
      }),
    )
    if (context.isGone() || !commit(() => settle(context, webhook, sent))) return
  }
}

function later(reason: string): Sent['judged'] {
  return { kind: 'back_off', reason, retryAfterMs: null }
}

/** Writes down how a round went. Returns whether to go on with the next. */
function settle(context: WebhookDeliveryContext, webhook: WebhookView, sent: readonly Sent[]): boolean {
  const { sql, tenant, now, random } = context
  const { name } = webhook
  const nowMs = now()
  for (const { message, judged } of sent) {
    const { seq, id } = message
    switch (judged.kind) {
      case 'delivered':
        markDelivered(sql, seq, nowMs)
        break
      case 'dead':
        bury(sql, seq, judged.reason, nowMs)
        log('error', 'webhook.dead_letter', { tenant, webhook: name, message: id, reason: judged.reason })
        break
      case 'back_off':
        noteError(sql, seq, judged.reason)
    }
  }
  // Changed meanwhile, or removed and made again: how the one before fared says nothing of it.
  const present = viewWebhook(sql, name)
  if (present?.tag !== webhook.tag) return present !== null
  const { isAlive, closed } = roundOf(sent.map(({ judged }) => judged))
  if (isAlive) noteSuccess(sql, name, nowMs)
  if (closed === null) return true
  const failures = (isAlive ? 0 : present.failures) + 1
  const waitMs = Math.min(backOffMs(failures, random(), closed.retryAfterMs), GIVE_UP_AFTER_MS)
  noteFailure(sql, { webhook: name, failures, retryAtMs: nowMs + waitMs, reason: closed.reason })
  const retryAt = new Date(nowMs + waitMs).toISOString()
  log('warn', 'webhook.backing_off', {
    tenant,
    webhook: name,
    reason: closed.reason,
    failures,
    retry_at: retryAt,
  })
  return false
}

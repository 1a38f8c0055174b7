/** Webhooks, changed: registered, removed, and a dead letter sent again. */
import { MOST } from '../../contract/capacity.ts'
import { type Change, type ChangeContext, Refusal, type Removal } from '../../contract/tenant.ts'
import type { WebhookDocument } from '../../contract/webhook-document.ts'
import type { WebhookView } from '../../contract/webhooks.ts'
import { recordChange } from '../tables/changes.ts'
import { checkPreconditions } from '../tables/etags.ts'
import { present } from '../tables/present.ts'
import { record, recordGone } from '../tables/recording.ts'
import * as messages from '../tables/webhook-messages.ts'
import { openSecret, sealSecret } from '../tables/webhook-secrets.ts'
import * as webhooks from '../tables/webhooks.ts'
import { refusedBy, type Tenancy } from '../work/tenancy.ts'

/** Registers a webhook, with this secret, or changes it: then it keeps the secret that it has. */
export async function putWebhook(
  tenancy: Tenancy,
  {
    tenant,
    name,
    document,
    secret,
  }: {
    readonly tenant: string
    readonly name: string
    readonly document: WebhookDocument
    readonly secret: string
  },
  by: ChangeContext,
): Promise<Change<WebhookView>> {
  const { sql } = tenancy
  const stored = tenancy.isThere ? webhooks.sealedSecret(sql, name) : null
  const keys = tenancy.keys()
  let isRepeated: boolean
  let sealed: string
  try {
    isRepeated = stored !== null && (await openSecret(keys, { tenant, name, sealed: stored })) === secret
    sealed = await sealSecret(keys, { tenant, name, given: secret, stored })
  } catch (error) {
    return refusedBy(error)
  }
  const put = await tenancy.change(tenant, by, (nowMs) => {
    const before = webhooks.sealedSecret(sql, name)
    if (before !== stored)
      throw new Refusal('conflict', ['Another request has changed the webhook meanwhile. Try again.'])
    // As in putGrant: made by the same request, whose answer was lost.
    if (isRepeated) return { created: true, touched: [], now: present(webhooks.viewWebhook(sql, name)) }
    checkPreconditions(sql, by.expected, `webhook/${name}`, before !== null)
    if (before === null && webhooks.webhookNames(sql).length >= MOST.webhooks)
      throw new Refusal('conflict', [
        `found ${MOST.webhooks} webhooks already; allowed: at most ${MOST.webhooks}`,
      ])
    webhooks.writeWebhook(sql, { name, document, sealed }, nowMs)
    const detail = { events: document.events.join(' '), enabled: document.enabled }
    record(sql, by, { action: 'webhook.put', subject: `webhook/${name}`, detail, atMs: nowMs })
    return { created: before === null, touched: [], now: present(webhooks.viewWebhook(sql, name)) }
  })
  tenancy.sendSoon()
  return put
}

/**
 * Gives a webhook another secret; messages are signed with the one before as well until `overlapMs` from now, and with
 * none before that. Null: there is no such webhook.
 */
export async function rotateWebhook(
  tenancy: Tenancy,
  {
    tenant,
    name,
    secret,
    overlapMs,
  }: {
    readonly tenant: string
    readonly name: string
    readonly secret: string
    readonly overlapMs: number
  },
  by: ChangeContext,
): Promise<Change<WebhookView> | null> {
  const { sql } = tenancy
  const stored = tenancy.isThere ? webhooks.sealedSecret(sql, name) : null
  if (stored === null) return null
  const keys = tenancy.keys()
  let opened: string | null
  let sealed: string
  try {
    opened = await openSecret(keys, { tenant, name, sealed: stored })
    sealed = await sealSecret(keys, { tenant, name, given: secret, stored: null })
  } catch (error) {
    return refusedBy(error)
  }
  return tenancy.change('', by, (nowMs) => {
    if (webhooks.sealedSecret(sql, name) !== stored)
      throw new Refusal('conflict', ['Another request has changed the webhook meanwhile. Try again.'])
    // As in rotateGrant: what the same request has done already asks nothing of what is there now.
    if (opened !== secret) {
      checkPreconditions(sql, by.expected, `webhook/${name}`, true)
      // One that does not open could sign nothing.
      const older = opened === null ? null : stored
      webhooks.rotateSecret(sql, { name, sealed, older, olderUntilMs: nowMs + overlapMs }, nowMs)
      record(sql, by, {
        action: 'webhook.rotate',
        subject: `webhook/${name}`,
        detail: { overlap_ms: overlapMs },
        atMs: nowMs,
      })
    }
    return { created: true, touched: [], now: present(webhooks.viewWebhook(sql, name)) }
  })
}

/** Forgets a webhook and what waits for it. */
export async function deleteWebhook(tenancy: Tenancy, name: string, by: ChangeContext): Promise<Removal> {
  const { sql } = tenancy
  return tenancy.remove((nowMs) => {
    if (webhooks.viewWebhook(sql, name) === null) return null
    checkPreconditions(sql, by.expected, `webhook/${name}`, true)
    webhooks.deleteWebhook(sql, name)
    recordGone(sql, by, { action: 'webhook.delete', subject: `webhook/${name}`, atMs: nowMs })
    return []
  })
}

/** Sends a dead letter again. False where there is no such letter. */
export async function replayMessage(
  tenancy: Tenancy,
  name: string,
  id: string,
  actor: string,
): Promise<boolean> {
  const { sql } = tenancy
  if (!tenancy.isThere) return false
  const isReplayed = tenancy.commit(() => {
    const atMs = Date.now()
    if (!messages.replayMessage(sql, name, id, atMs)) return false
    const subject = `webhook/${name}`
    recordChange(sql, { atMs, actor, action: 'webhook.replay', subject, detail: { message: id } })
    return true
  })
  if (isReplayed) {
    await tenancy.wake.rearm()
    tenancy.sendSoon()
  }
  return isReplayed
}

/** The document of a webhook, as administrators write it, and the check of its URL. PURE. */
import * as z from 'zod/v4'
import { lazy } from '../base/lazy.ts'
import { object } from '../policy/fragments.ts'
import type { DocumentOf } from './document.ts'
import { webhookEvents } from './webhook-events.ts'

const LONGEST_URL = 2_000

export const webhookSchema = lazy(() =>
  object({
    url: z.string().max(LONGEST_URL, `at most ${LONGEST_URL} characters`),
    events: z
      .array(z.enum(webhookEvents))
      .min(1, 'at least one event')
      .max(webhookEvents.length, 'each event once')
      .default([...webhookEvents]),
    enabled: z.boolean().default(true),
  }),
)

export type WebhookDocument = DocumentOf<ReturnType<typeof webhookSchema>>

/** The document as it is stored: each event once, in order. */
export function completeWebhook(document: WebhookDocument, url: URL): WebhookDocument {
  return { ...document, url: url.href, events: [...new Set(document.events)].sort() }
}

/** The problem with a webhook's URL as it is written, or null. */
export function webhookUrlProblem(url: URL | null, isPrivateAllowed: boolean): string | null {
  const allowed = `allowed: an https URL${isPrivateAllowed ? ', or http' : ''}, without user name and fragment`
  if (url === null) return `/url: found what is no URL; ${allowed}`
  if (url.protocol !== 'https:' && !(isPrivateAllowed && url.protocol === 'http:'))
    return `/url: found the scheme ${JSON.stringify(url.protocol.slice(0, 20))}; ${allowed}`
  if (url.username !== '' || url.password !== '') return `/url: found a user name; ${allowed}`
  return url.hash === '' ? null : `/url: found a fragment; ${allowed}`
}

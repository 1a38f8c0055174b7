/** The events of a tenant's webhooks, and their text. PURE. */

export const webhookEvents = [
  'approval.pending',
  'approval.decided',
  'tool.drift',
  'legiti.dead_letter',
  'upstream.breaker',
] as const
export type WebhookEvent = (typeof webhookEvents)[number]

/** The body of a message (Standard Webhooks, payload structure): written once, the same in every attempt. */
export function messageBody(type: WebhookEvent, isoTime: string, data: Readonly<Record<string, unknown>>) {
  return JSON.stringify({ type, timestamp: isoTime, data })
}

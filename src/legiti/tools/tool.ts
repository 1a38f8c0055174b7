/**
 * The shape of a Legiti tool, and the names of all eighteen in the order of the table in legiti.md.
 *
 * PURE: no I/O, no clock, no randomness.
 */

import type * as z from 'zod/v4'

/** The eighteen tools of the origin's server. */
export const legitiToolNames = [
  'evaluate_order',
  'update_order',
  'mark_order_fraudulent',
  'mark_dispute_resolution',
  'evaluate_sale',
  'get_decision',
  'update_decision_status',
  'track_account',
  'track_signup',
  'track_account_update',
  'track_event',
  'track_event_view',
  'track_sale',
  'track_payment',
  'track_auth',
  'track_login',
  'track_logout',
  'track_password_recovery',
] as const

export type LegitiToolName = (typeof legitiToolNames)[number]

export interface LegitiTool {
  name: LegitiToolName
  /** For people. */
  title: string
  /** For agents: what it does, when to call it, what happens afterwards, what never to send. */
  description: string
  /** A notification is queued and delivered later, at least once; a decision is awaited and never queued. */
  kind: 'notification' | 'decision'
  /** Strict: unknown arguments are refused. Made when it is first needed. */
  input: () => z.ZodObject
  annotations: {
    readOnlyHint: boolean
    /** True for what no later call can take back. */
    destructiveHint: boolean
    /** True when sending the same again changes nothing at Legiti. */
    idempotentHint: boolean
    openWorldHint: true
  }
}

/** Annotations of every `track_*` tool: each call adds one event to a history, and removes none. */
export const notificationAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  // Legiti knows no idempotency key: the same event sent twice is two events.
  idempotentHint: false,
  openWorldHint: true,
} as const

/** The end of every `track_*` description: the outbox's promise, and the rule on card data. */
export const afterwards =
  'The event is queued safely and delivered in the background, with retries for up to 72 hours, so the answer ' +
  'says that it was accepted and not yet that Legiti has it; do not call again to be sure. ' +
  'A call that holds anything like a full card number is refused.'

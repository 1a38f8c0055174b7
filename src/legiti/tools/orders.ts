/**
 * Tools about the verdict on an order: ask for it, read it, overrule it, report what became of it.
 * All are decisions: the caller waits for Legiti's answer.
 *
 * PURE: no I/O, no clock, no randomness.
 */
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import {
  accountId,
  address,
  amount,
  analystId,
  eventDateId,
  firstSixDigits,
  holderCpf,
  ip,
  lastFourDigits,
  moment,
  resolutionDatetime,
  saleDatetime,
  saleId,
  saleItems,
  saleTotalValue,
  text,
  timestamp,
  word,
} from './fields.ts'
import type { LegitiTool } from './tool.ts'

const NO_FULL_CARD = 'Send only the first six and last four digits of the card; anything longer is refused.'

const evaluated = lazy(() => ({
  sale_id: saleId(),
  account_id: accountId(),
  sale_datetime: saleDatetime(),
  sale_total_value: saleTotalValue(),
  first_six_digits_cc: firstSixDigits(),
  last_four_digits_cc: lastFourDigits(),
  holder_cpf: holderCpf(),
}))

export const evaluateOrder: LegitiTool = {
  name: 'evaluate_order',
  title: 'Evaluate an order for fraud',
  description:
    'Ask Legiti whether an order looks fraudulent, before its payment is captured. The call waits for the verdict ' +
    '(approve, reject or manual review), which can take some 20 seconds. The more context is given, the better ' +
    `the verdict. Afterwards keep Legiti informed with update_order. ${NO_FULL_CARD}`,
  kind: 'decision',
  input: lazy(() =>
    z.strictObject({
      ...evaluated(),
      event_date_id: eventDateId().optional(),
      sale_items: saleItems().optional(),
      billing_address: address('Billing address.').optional(),
      shipping_address: address('Shipping address.').optional(),
      ip: ip().optional(),
      request_evaluation: z
        .boolean()
        .describe('Whether a verdict is wanted in the answer. Legiti takes true when it is absent.')
        .optional(),
    }),
  ),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
}

export const updateOrder: LegitiTool = {
  name: 'update_order',
  title: 'Update the status of an order',
  description:
    'Tell Legiti that an order which it knows has a new status, such as paid, cancelled or refunded. Call it at ' +
    'every change; later verdicts learn from it. For confirmed fraud use mark_order_fraudulent instead. ' +
    'Never put a card number in the reason.',
  kind: 'decision',
  input: lazy(() =>
    z.strictObject({
      sale_id: saleId(),
      status: word('New status of the order, such as approved, declined, pending or cancelled.'),
      status_datetime: moment('When the status changed.').optional(),
      reason: text('Why the status changed.').optional(),
    }),
  ),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
}

export const markOrderFraudulent: LegitiTool = {
  name: 'mark_order_fraudulent',
  title: 'Mark an order as fraudulent',
  description:
    'Report that an order turned out to be fraud, for instance by a confirmed chargeback. Call it on confirmation, ' +
    'never on suspicion: Legiti’s models are trained on it, it counts against the buyer, and no tool takes it ' +
    'back. Never put a card number in the reason.',
  kind: 'decision',
  input: lazy(() =>
    z.strictObject({
      sale_id: saleId(),
      chargeback_datetime: moment('When the chargeback was confirmed.').optional(),
      chargeback_reason: text('Reason or reason code of the issuer or acquirer.').optional(),
      amount: amount('Amount charged back; absent means the whole sale.').optional(),
    }),
  ),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
}

export const markDisputeResolution: LegitiTool = {
  name: 'mark_dispute_resolution',
  title: 'Report how a chargeback dispute ended',
  description:
    'Report the final outcome of a chargeback dispute: won when the merchant keeps the money, lost when the ' +
    'chargeback stands. Call it once, after the acquirer has ruled, on an order that mark_order_fraudulent has ' +
    'reported. Legiti learns from it, and no tool takes it back. Never put a card number in the reason.',
  kind: 'decision',
  input: lazy(() =>
    z.strictObject({
      sale_id: saleId(),
      resolution: z
        .enum(['won', 'lost'])
        .describe('won: in the merchant’s favour. lost: the chargeback stands.'),
      resolution_datetime: resolutionDatetime().optional(),
      resolution_reason: text('Why the dispute ended so.').optional(),
    }),
  ),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
}

export const evaluateSale: LegitiTool = {
  name: 'evaluate_sale',
  title: 'Evaluate a ticket sale for fraud (older interface)',
  description:
    'Ask Legiti for a verdict on a ticket sale through its older evaluation interface. Use it only for a customer ' +
    'whose contract is on that interface, otherwise evaluate_order. The call waits for the verdict (approve, ' +
    `reject or manual review), which can take some 20 seconds. ${NO_FULL_CARD}`,
  kind: 'decision',
  input: lazy(() => z.strictObject({ ...evaluated(), event_date_id: eventDateId() })),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true },
}

export const getDecision: LegitiTool = {
  name: 'get_decision',
  title: 'Read the verdict on an order',
  description:
    'Read the latest verdict of Legiti on an order that was sent with evaluate_order. It changes nothing. Use it ' +
    'to see whether a manual review has ended, or to show why an order was refused.',
  kind: 'decision',
  input: lazy(() => z.strictObject({ sale_id: saleId() })),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
}

export const updateDecisionStatus: LegitiTool = {
  name: 'update_decision_status',
  title: 'Overrule the verdict on an order',
  description:
    'Record a human decision over Legiti’s verdict: accept releases the order, decline refuses it. Use it only on ' +
    'the word of an analyst, typically after a manual review. It replaces the verdict and Legiti learns from it. ' +
    'Never put a card number in the reason.',
  kind: 'decision',
  input: lazy(() =>
    z.strictObject({
      sale_id: saleId(),
      status: z.enum(['accept', 'decline']).describe('accept: release the order. decline: refuse it.'),
      analyst_id: analystId().optional(),
      reason: text('Why the analyst decided so.').optional(),
      timestamp: timestamp().optional(),
    }),
  ),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
}

/**
 * Tools that tell Legiti about events, visits to them, sales and payments.
 *
 * PURE: no I/O, no clock, no randomness.
 */
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import {
  accountId,
  amount,
  eventDateId,
  eventDates,
  eventId,
  firstSixDigits,
  installments,
  ip,
  lastFourDigits,
  payment,
  paymentId,
  paymentMethod,
  referrer,
  saleDatetime,
  saleId,
  saleItems,
  saleTotalValue,
  text,
  timestamp,
  userAgent,
  word,
} from './fields.ts'
import { afterwards, type LegitiTool, notificationAnnotations } from './tool.ts'

export const trackEvent: LegitiTool = {
  name: 'track_event',
  title: 'Report a change of an event',
  description:
    'Tell Legiti that an event on sale (a concert, match or show) was created, changed or removed. Call it before ' +
    `the first sale and at every change of date or venue, so that ticket sales are judged in context. ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({
      action: word('What happened to the event, such as create, update or delete.'),
      event_id: eventId(),
      event_name: text('Name of the event.', 256).optional(),
      event_category: text('Kind of event, such as concert, sports or theatre.', 128).optional(),
      event_dates: eventDates().optional(),
      timestamp: timestamp().optional(),
    }),
  ),
  annotations: notificationAnnotations,
}

export const trackEventView: LegitiTool = {
  name: 'track_event_view',
  title: 'Report a visit to an event page',
  description:
    'Tell Legiti that somebody looked at the page of an event. Call it once a visit; leave account_id out for ' +
    `somebody who is not logged in. ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({
      event_id: eventId(),
      account_id: accountId().optional(),
      event_date_id: eventDateId().optional(),
      ip: ip().optional(),
      user_agent: userAgent().optional(),
      referrer: referrer().optional(),
      timestamp: timestamp().optional(),
    }),
  ),
  annotations: notificationAnnotations,
}

export const trackSale: LegitiTool = {
  name: 'track_sale',
  title: 'Report a sale',
  description:
    'Tell Legiti that a sale was made or that its contents changed. Use it when no verdict is awaited; to wait for ' +
    'one call evaluate_order, and to report only a new status call update_order. Send only the first ' +
    `six and last four digits of the card. ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({
      action: word('What happened to the sale, such as create, update or cancel.'),
      sale_id: saleId(),
      account_id: accountId(),
      sale_datetime: saleDatetime().optional(),
      sale_total_value: saleTotalValue().optional(),
      sale_items: saleItems().optional(),
      payment: payment().optional(),
      request_evaluation: z
        .boolean()
        .describe(
          'Whether Legiti is to evaluate the sale as well; the verdict is then read with get_decision.',
        )
        .optional(),
      timestamp: timestamp().optional(),
    }),
  ),
  annotations: notificationAnnotations,
}

export const trackPayment: LegitiTool = {
  name: 'track_payment',
  title: 'Report a payment step',
  description:
    'Tell Legiti that a payment of a sale was authorized, captured, refunded or voided, or that the attempt failed ' +
    '(status and decline_reason). This only reports: no money moves. Call it at every step, declined ones ' +
    `included. Send only the first six and last four digits of the card. ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({
      action: z.enum(['authorize', 'capture', 'refund', 'void']).describe('Which step of the payment.'),
      sale_id: saleId(),
      payment_id: paymentId().optional(),
      method: paymentMethod().optional(),
      first_six_digits_cc: firstSixDigits().optional(),
      last_four_digits_cc: lastFourDigits().optional(),
      installments: installments().optional(),
      amount: amount('Amount of this step.').optional(),
      status: word('How the step ended, such as approved, declined or pending.').optional(),
      decline_reason: text('Why the issuer or acquirer declined.').optional(),
      timestamp: timestamp().optional(),
    }),
  ),
  annotations: notificationAnnotations,
}

/**
 * Tools that tell Legiti about the life of an account.
 *
 * PURE: no I/O, no clock, no randomness.
 */
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import { accountId, address, cpf, email, ip, phone, text, timestamp, userAgent } from './fields.ts'
import { afterwards, type LegitiTool, notificationAnnotations } from './tool.ts'

const profile = lazy(() => ({
  account_id: accountId(),
  account_email: email().optional(),
  account_name: text('Name of the account holder.', 256).optional(),
  account_phone: phone().optional(),
  account_cpf: cpf('CPF of the account holder.').optional(),
  account_address: address('Address of the account holder.').optional(),
  timestamp: timestamp().optional(),
}))

export const trackAccount: LegitiTool = {
  name: 'track_account',
  title: 'Report a change of an account',
  description:
    'Tell Legiti that an account of the merchant was created, updated or deleted. This only reports: no account is ' +
    `changed by it. Use it at every such change, or its two shorter forms track_signup and track_account_update. ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({
      action: z.enum(['create', 'update', 'delete']).describe('What happened to the account.'),
      ...profile(),
    }),
  ),
  annotations: notificationAnnotations,
}

export const trackSignup: LegitiTool = {
  name: 'track_signup',
  title: 'Report a new account',
  description:
    'Tell Legiti that somebody has just opened an account; the same as track_account with action create. Call it ' +
    `once, when the account exists: how young an account is weighs in later verdicts. ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({ ...profile(), ip: ip().optional(), user_agent: userAgent().optional() }),
  ),
  annotations: notificationAnnotations,
}

export const trackAccountUpdate: LegitiTool = {
  name: 'track_account_update',
  title: 'Report a changed account',
  description:
    'Tell Legiti that details of an account have changed; the same as track_account with action update. Send what ' +
    `changed, with its new value; what is left out stays as Legiti knows it. ${afterwards}`,
  kind: 'notification',
  input: lazy(() => z.strictObject(profile())),
  annotations: notificationAnnotations,
}

/**
 * Tools that tell Legiti about logins, logouts and password recovery, which feed its models of account
 * takeover.
 *
 * PURE: no I/O, no clock, no randomness.
 */
import * as z from 'zod/v4'
import { lazy } from '../../base/lazy.ts'
import { accountId, ip, timestamp, userAgent } from './fields.ts'
import { afterwards, type LegitiTool, notificationAnnotations } from './tool.ts'

const NO_SECRETS = 'Never send a password, a one-time code or a token.'

const context = lazy(() => ({
  account_id: accountId(),
  ip: ip().optional(),
  user_agent: userAgent().optional(),
  timestamp: timestamp().optional(),
}))

export const trackAuth: LegitiTool = {
  name: 'track_auth',
  title: 'Report a login, logout or password recovery',
  description:
    'Tell Legiti that somebody logged in, failed to log in, logged out or asked for password recovery. Call it at ' +
    'every attempt, or its shorter forms track_login, track_logout and track_password_recovery. ' +
    `${NO_SECRETS} ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({
      action: z.enum(['login', 'logout', 'password_recovery']).describe('What the person did.'),
      ...context(),
      success: z
        .boolean()
        .describe('With login only: whether it succeeded; absent means that it did. Ignored otherwise.')
        .optional(),
    }),
  ),
  annotations: notificationAnnotations,
}

export const trackLogin: LegitiTool = {
  name: 'track_login',
  title: 'Report a login attempt',
  description:
    'Tell Legiti about an attempt to log in, successful or not; the same as track_auth with action login. Report ' +
    'failed and blocked attempts too: they are what shows an account being taken over. When the account is ' +
    `unknown, account_id is the name that was tried. ${NO_SECRETS} ${afterwards}`,
  kind: 'notification',
  input: lazy(() =>
    z.strictObject({
      ...context(),
      success: z.boolean().describe('Whether the login succeeded; absent means that it did.').optional(),
    }),
  ),
  annotations: notificationAnnotations,
}

export const trackLogout: LegitiTool = {
  name: 'track_logout',
  title: 'Report a logout',
  description:
    'Tell Legiti that somebody logged out; the same as track_auth with action logout. It reports and ends nothing: ' +
    'the session that this gateway itself keeps is ended with auth_logout, which reports the logout on its own, ' +
    `so never call both for one logout. ${NO_SECRETS} ${afterwards}`,
  kind: 'notification',
  input: lazy(() => z.strictObject(context())),
  annotations: notificationAnnotations,
}

export const trackPasswordRecovery: LegitiTool = {
  name: 'track_password_recovery',
  title: 'Report a request for password recovery',
  description:
    'Tell Legiti that somebody asked to recover a password; the same as track_auth with action password_recovery. ' +
    'Call it at the request, whether or not the recovery is completed: many requests in a row are a warning. ' +
    `${NO_SECRETS} ${afterwards}`,
  kind: 'notification',
  input: lazy(() => z.strictObject(context())),
  annotations: notificationAnnotations,
}

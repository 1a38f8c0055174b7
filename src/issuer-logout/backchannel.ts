/**
 * The endpoint at which issuers end sessions (OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8). An order that was answered 200 is
 * stored: the alarm ends whatever could not be ended at once.
 */
import { errorName, log } from '../base/log.ts'
import type { TenantDocument } from '../contract/config.ts'
import type { Env } from '../contract/env.ts'
import { tenantObject } from '../contract/objects.ts'
import { isName } from '../names/tokens.ts'
import { countFailure, slowDown } from '../request/failures.ts'
import { guard } from '../request/guard.ts'
import { loadProtocol } from '../request/protocol.ts'
import { verifyDummy } from '../servers/session/jwt.ts'
import { claimedIssuer, readLogoutToken } from './logout-token.ts'

const MOST_BODY_BYTES = 64 * 1024
const MOST_TOKEN_CHARACTERS = 16 * 1024

/**
 * An unknown tenant, an issuer that is not the tenant's, a token that is none of theirs, and keys that cannot be fetched: until the
 * signature is found good, the answer has the same bytes, or somebody who makes tokens up would learn which tenants and issuers there
 * are.
 */
const STRANGER = 'the logout_token is not one of an issuer that is known here'

/** Answers a logout for `tenant`; null where the URL names none. Never throws. */
export async function backchannelLogout(http: Request, env: Env, tenant: string | null): Promise<Response> {
  const blocked = guard(http, env)
  if (blocked !== null) return refusal(blocked.message, { status: blocked.status })
  if (http.method !== 'POST')
    return refusal('the method is not POST', { status: 405, headers: { allow: 'POST' } })
  await slowDown(http, Date.now())
  const read = await readToken(http)
  if ('problem' in read) return refusal(read.problem)
  // No object is woken for a token that cannot be a logout token of anyone.
  const claimed = claimedIssuer(read.token)
  if ('problem' in claimed) return refusal(claimed.problem)
  if (tenant === null || !isName(tenant)) return stranger(http, env, read.token)
  try {
    return await end(http, env, tenant, read.token)
  } catch (error) {
    log('error', 'oidc.logout_failed', { tenant, error: errorName(error) })
    return refusal('the logout could not be written down; send it again', {
      error: 'temporarily_unavailable',
    })
  }
}

async function end(http: Request, env: Env, tenant: string, token: string): Promise<Response> {
  const object = tenantObject(env, tenant)
  const view = await object.tenant()
  if (view === null) return stranger(http, env, token)
  const document = JSON.parse(view.settingsJson) as TenantDocument
  const checked = await readLogoutToken(env, token, { ...document, servers: [] }, Date.now())
  if (!checked.ok) {
    log('warn', 'oidc.logout_refused', { tenant, reason: checked.problem })
    await countFailure(http, env, Date.now())
    return refusal(checked.isSigned ? checked.problem : STRANGER)
  }
  const done = await object.issuerLogout(checked.logout)
  if (done === null) return refusal('another logout token had this jti')
  log('info', 'oidc.logout', { tenant, ended: done.ended, pending: done.pending })
  return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } })
}

async function readToken(http: Request): Promise<{ token: string } | { problem: string }> {
  const type = http.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded')
    return { problem: 'the Content-Type is not application/x-www-form-urlencoded' }
  let text: string
  try {
    const body = await (await loadProtocol()).readRequestBody(http, MOST_BODY_BYTES)
    if (body.tooLarge) return { problem: `the body is larger than ${MOST_BODY_BYTES} bytes` }
    text = body.text
  } catch {
    return { problem: 'the body could not be read' }
  }
  const [token, ...more] = new URLSearchParams(text).getAll('logout_token')
  if (token === undefined || token === '' || more.length > 0)
    return { problem: 'the body has not exactly one logout_token' }
  return token.length > MOST_TOKEN_CHARACTERS
    ? { problem: `the logout_token is longer than ${MOST_TOKEN_CHARACTERS} characters` }
    : { token }
}

async function stranger(http: Request, env: Env, token: string): Promise<Response> {
  await verifyDummy(token)
  await countFailure(http, env, Date.now())
  return refusal(STRANGER)
}

/** Refuses with the reason, and without caching (2.8). */
function refusal(
  description: string,
  {
    status = 400,
    headers = {},
    error = 'invalid_request',
  }: {
    readonly status?: number
    readonly headers?: Readonly<Record<string, string>>
    readonly error?: string
  } = {},
): Response {
  return Response.json(
    { error, error_description: description },
    { status, headers: { 'cache-control': 'no-store', ...headers } },
  )
}

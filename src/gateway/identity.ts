/** From the Authorization header to the principal that can judge it. */

import { DEMO_TENANT, isLocalDemo } from '../demo/demo.ts'
import type { Env } from '../env.ts'
import { hostAllows } from './hosts.ts'
import { bearerToken, parseToken } from './token.ts'

/** A well-formed token, not yet known to be any good. */
export interface Claim {
  readonly tenant: string
  readonly grant: string
  /** SHA-256 of the secret part. */
  readonly secretHash: Uint8Array
  /** Names token and principal together; the key of what an isolate remembers about a token that was good. */
  readonly key: string
}

/**
 * Reads the claim, or null when there is none worth asking about: no token, another shape, another tenant
 * than the URL names, or the demo's tenant where there is no demo.
 */
export async function readClaim(
  request: Request,
  pathTenant: string | null,
  env: Env,
): Promise<Claim | null> {
  const token = parseToken(bearerToken(request.headers.get('authorization')) ?? '')
  if (token === null) return null
  const { tenant, grant, secret } = token
  if (pathTenant !== null && pathTenant !== tenant) return null
  if (!hostAllows(env, new URL(request.url).hostname, tenant)) return null
  if (tenant === DEMO_TENANT && !isLocalDemo(env, new URL(request.url).hostname)) return null
  const secretHash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)))
  return { tenant, grant, secretHash, key: `${tenant}/${grant}/${secretHash.toHex()}` }
}

/** The only answer to a token that is not good, whatever is wrong with it (RFC 6750, 3). */
export function unauthorized(hasToken: boolean): Response {
  const error = hasToken ? ', error="invalid_token", error_description="The token is not valid"' : ''
  return Response.json(
    { error: 'invalid_token', error_description: 'A valid token is required: Authorization: Bearer gh_…' },
    { status: 401, headers: { 'www-authenticate': `Bearer realm="gatehouse"${error}` } },
  )
}

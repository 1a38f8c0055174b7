/** From the Authorization header to the principal that can judge it. */

import { isLocalDemo } from '../base/local-switches.ts'
import { hostnameOf } from '../base/request-host.ts'
import { sha256 } from '../base/sha256.ts'
import { type Credential, credentialKey } from '../contract/credential.ts'
import type { Env } from '../contract/env.ts'
import { DEMO_TENANT } from '../demo/token.ts'
import { bearerToken, parseToken } from '../names/tokens.ts'
import { hostAllows } from './hosts.ts'
import { known } from './known.ts'

/** A well-formed token, not yet known to be any good. */
export interface Claim {
  readonly tenant: string
  readonly grant: string
  readonly credential: Credential
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
  const text = bearerToken(request.headers.get('authorization')) ?? ''
  const claim = claims.get(text) ?? (await claimOf(text))
  if (claim === null) return null
  if (pathTenant !== null && pathTenant !== claim.tenant) return null
  if (!hostAllows(env, hostnameOf(request.url), claim.tenant)) return null
  if (claim.tenant === DEMO_TENANT && !isLocalDemo(env, request)) return null
  return claim
}

async function claimOf(text: string): Promise<Claim | null> {
  const token = parseToken(text)
  if (token === null) return null
  const { tenant, grant, secret } = token
  const credential: Credential = { kind: 'token', proof: await sha256(secret) }
  const claim = { tenant, grant, credential, key: `${tenant}/${grant}/${credentialKey(credential)}` }
  // Only of tokens that were good: a guesser must not push them out.
  if (known(claim.key) !== undefined) rememberClaim(text, claim)
  return claim
}

/**
 * Claims of tokens that were good, so that an agent's requests need not wait for the digest each time. The principal decides anew on each
 * claim.
 */
const claims = new Map<string, Claim>()
const MOST_CLAIMS = 2_000

function rememberClaim(text: string, claim: Claim): void {
  if (claims.size >= MOST_CLAIMS) claims.clear()
  claims.set(text, claim)
}

/**
 * The only answer to a token that is not good, whatever is wrong with it (RFC 6750, 3). Many clients show its
 * `error_description` to people, so it says what to do.
 */
export function unauthorized(hasToken: boolean): Response {
  const wrong = hasToken ? 'The token is not valid' : 'A token is missing'
  const error = hasToken ? `, error="invalid_token", error_description="${wrong}"` : ''
  return Response.json(
    { error: 'invalid_token', error_description: tokenAdvice(wrong) },
    { status: 401, headers: { 'www-authenticate': `Bearer realm="gatehouse"${error}` } },
  )
}

/** One sentence for the person who sets a client up. */
export function tokenAdvice(wrong: string): string {
  return (
    `${wrong}: ask whoever runs this gateway for the token of a grant (gh_<tenant>_<grant>_…), and let the ` +
    'client send it with every request as the header "Authorization: Bearer <token>".'
  )
}

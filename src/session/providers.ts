/** How an agent proves, or may assert, whose account it acts for. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { accountId } from '../legiti/fields.ts'
import type { JwtIssuer, TenantSettings } from '../tenant/config.ts'

export const providerNames = ['trusted', 'jwt'] as const

export type Proof =
  | { readonly ok: true; readonly account: string }
  /**
   * `account` is what was claimed, where that can be read at all: an attempt on an account is worth knowing
   * of even though it proves nothing.
   */
  | { readonly ok: false; readonly account: string | null; readonly message: string }

/** Public-key signatures only: a tenant's configuration holds no shared secret. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
const CLOCK_TOLERANCE_SECONDS = 30
const KEY_FETCH_TIMEOUT_MS = 5_000

/** The account as asserted, where the tenant trusts its grants to. */
export function trustedProof(account: string, settings: TenantSettings): Proof {
  if (settings.identity.trusted) return { ok: true, account }
  return { ok: false, account, message: 'This tenant does not accept the provider "trusted".' }
}

/**
 * The account of a signed JWT: its `sub`. Issuer, audience, signature and times must all be right for one of
 * the tenant's issuers (RFC 7519; RFC 8725).
 */
export async function jwtProof(token: string, settings: TenantSettings, nowMs: number): Promise<Proof> {
  const { jwt: issuers } = settings.identity
  if (issuers.length === 0) return fail('This tenant has no issuer configured for the provider "jwt".')
  const claimed = readClaims(token)
  const candidates = issuers.filter(({ issuer }) => issuer === claimed?.iss)
  // Of an issuer that nobody here knows, even the claim is worth nothing.
  if (candidates.length === 0) return fail('The token is not a JWT of a configured issuer.')
  let failed = fail('The token is not valid.', claimed?.sub ?? null)
  for (const issuer of candidates) {
    try {
      return accountOf((await verify(token, issuer, nowMs)).payload)
    } catch (error) {
      failed = fail(describe(error), claimed?.sub ?? null)
    }
  }
  return failed
}

function verify(token: string, issuer: JwtIssuer, nowMs: number) {
  return jwtVerify(token, keysOf(issuer), {
    issuer: issuer.issuer,
    audience: issuer.audience,
    algorithms: ALGORITHMS,
    requiredClaims: ['sub', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(nowMs),
  })
}

function accountOf({ sub }: JWTPayload): Proof {
  const account = accountId.safeParse(sub)
  return account.success ? { ok: true, account: account.data } : fail("The token's sub is not an account id.")
}

function fail(message: string, account: string | null = null): Proof {
  return { ok: false, account, message }
}

const keySets = new Map<string, JWTVerifyGetKey>()
const MOST_KEY_SETS = 200

/** The issuer's keys; fetched ones are kept, and fetched again for an unknown key at most every 30 seconds. */
function keysOf(issuer: JwtIssuer): JWTVerifyGetKey {
  if (issuer.jwks !== undefined)
    return createLocalJWKSet(issuer.jwks as Parameters<typeof createLocalJWKSet>[0])
  const url = issuer.jwks_uri ?? ''
  let keys = keySets.get(url)
  if (keys === undefined) {
    keys = createRemoteJWKSet(new URL(url), { timeoutDuration: KEY_FETCH_TIMEOUT_MS })
    if (keySets.size >= MOST_KEY_SETS) keySets.clear()
    keySets.set(url, keys)
  }
  return keys
}

/** What an unverified token says of itself: good for choosing a key and for naming an attempt, for nothing else. */
function readClaims(token: string): { iss: string | null; sub: string | null } | null {
  try {
    const { iss, sub } = decodeJwt(token)
    return { iss: typeof iss === 'string' ? iss : null, sub: accountId.safeParse(sub).data ?? null }
  } catch {
    return null
  }
}

/** What to do about a token that was not accepted; names claims, never their values. */
function describe(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'The token has expired; get a new one.'
  if (error instanceof errors.JWTClaimValidationFailed)
    return `The token's claim "${error.claim}" is not acceptable.`
  if (error instanceof errors.JOSEAlgNotAllowed)
    return `The token's algorithm is not one of ${ALGORITHMS.join(', ')}.`
  if (error instanceof errors.JWSSignatureVerificationFailed) return "The token's signature is not valid."
  if (error instanceof errors.JWKSNoMatchingKey) return 'The issuer has no such key.'
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid)
    return 'The token is not a valid JWT.'
  return "The issuer's keys could not be fetched; try again later."
}

/** Tokens that a tenant's issuers have signed: checked for signature, issuer, audience and times (RFC 7519; RFC 8725). */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  importJWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import { readBounded } from '../../base/bounded.ts'
import type { TenantSettings } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import type { JwtIssuer } from '../../contract/identity.ts'
import { isPrivateHost } from '../../upstream/resolve.ts'

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
export const CLOCK_TOLERANCE_SECONDS = 30
const KEY_FETCH_TIMEOUT_MS = 5_000
/** Hundreds of keys, with their certificates. */
const MOST_KEY_SET_BYTES = 512 * 1024

export type Verified =
  | { readonly ok: true; readonly issuer: JwtIssuer; readonly result: JWTVerifyResult }
  /** No issuer of this tenant is named: even what the token claims is worth nothing. */
  | { readonly ok: false; readonly kind: 'stranger' }
  /**
   * `isPassing`: the issuer's keys could not be had, which may be otherwise in a while. `isSigned`: the signature is the
   * issuer's, and something else is wrong. `isUntried`: there was no key for it, so no signature was looked at.
   */
  | {
      readonly ok: false
      readonly kind: 'refused'
      readonly message: string
      readonly isPassing: boolean
      readonly isSigned: boolean
      readonly isUntried: boolean
    }

/** Verifies a token for one of the tenant's issuers. Never throws. */
export async function verifyJwt(
  env: Env,
  token: string,
  {
    settings,
    requiredClaims,
  }: {
    readonly settings: TenantSettings
    readonly requiredClaims: string[]
  },
  nowMs: number,
): Promise<Verified> {
  const named = claimsOf(token)?.iss
  const candidates = settings.identity.jwt.filter(({ issuer }) => issuer === named)
  let failed: Extract<Verified, { ok: false }> = { ok: false, kind: 'stranger' }
  let isUntried = true
  for (const issuer of candidates) {
    try {
      const result = await jwtVerify(token, keysOf(env, issuer), {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: ALGORITHMS,
        requiredClaims,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(nowMs),
      })
      return { ok: true, issuer, result }
    } catch (error) {
      const problem = describe(error)
      isUntried &&= problem.isUntried
      // Several issuers may have one name; the problem is that of the one who has signed it.
      if (failed.kind !== 'refused' || !failed.isSigned) failed = { ok: false, kind: 'refused', ...problem }
    }
  }
  return failed.kind === 'refused' ? { ...failed, isUntried } : failed
}

/** Keys of nobody, as large as an issuer's are. */
const decoys = {
  RS: {
    kty: 'RSA',
    e: 'AQAB',
    n: 'rS4SBt71EO8dy1C6QQMWEcRUq1sxSjEBFXM-hfwIVsieBQy16el7ievegGWJUaB3_PCNPU1e0-vQ4kM1EBnJoSXN-KT5HP8qzWuRrwTucJYpUeIE8A10jt1-HVFaola9qJG6AOm_kGMwIgBK8ZzASuUv6RcyBDz_J_xrUGjUmXx13ie0SZX9Gt_xMTkKGjJrpAJRNJ5uU9HjSBQMpqb4M9g2NNjKtKEN_gM9sK0-vWukJuYQRVcDP6idjCNQcziqIEsUXtmEnCVE4PtBts7Fi7qeduZAjSJyDhXVbnqKgm79LVLIV0_1OrNDOPIbshBFDrKn7vK8Ei17-6DaFGeMsQ',
  },
  ES: {
    kty: 'EC',
    crv: 'P-256',
    x: 'wa3ebF8qbS2i8wP7YGvsSMWII1l_VkCpRWDRBDQmP7g',
    y: 'WrPl1mXlFlMnMtE1bIGn60UtWxxPWrPvU839lzBCYCg',
  },
}

/** Does as much work as verifying a token takes, for one that nobody here can have issued: the answer takes as long. Never throws. */
export async function verifyDummy(token: string): Promise<void> {
  const keys = ({ alg = '' }: { alg?: string }) =>
    importJWK(alg.startsWith('ES') ? decoys.ES : decoys.RS, alg)
  await jwtVerify(token, keys, { algorithms: ALGORITHMS }).catch(() => {})
}

/** What an unverified token says of itself: good for choosing a key and for naming an attempt, for nothing else. */
export function claimsOf(token: string): JWTPayload | null {
  try {
    return decodeJwt(token)
  } catch {
    return null
  }
}

/** The longest `sid` that is kept; OpenID Connect sets none. */
const LONGEST_SID = 512

/** Whether a claim `sid` is one: a string that is not empty (OpenID Connect Front-Channel Logout 1.0, 3). */
export function isSid(sid: unknown): sid is string {
  return typeof sid === 'string' && sid !== '' && sid.length <= LONGEST_SID
}

const keySets = new Map<string, JWTVerifyGetKey>()
const MOST_KEY_SETS = 200

/** The issuer's keys; fetched ones are kept, and fetched again for an unknown key at most every 30 seconds. */
function keysOf(env: Env, issuer: JwtIssuer): JWTVerifyGetKey {
  if (issuer.jwks !== undefined)
    return createLocalJWKSet(issuer.jwks as Parameters<typeof createLocalJWKSet>[0])
  const url = issuer.jwks_uri ?? ''
  // Checked when it was configured; whatever was stored since, nothing is asked of this network.
  if (isPrivateHost(new URL(url), env)) throw new RangeError('the key set is at a private address')
  let keys = keySets.get(url)
  if (keys === undefined) {
    keys = createRemoteJWKSet(new URL(url), {
      timeoutDuration: KEY_FETCH_TIMEOUT_MS,
      [customFetch]: fetchKeys,
    })
    if (keySets.size >= MOST_KEY_SETS) keySets.clear()
    keySets.set(url, keys)
  }
  return keys
}

/** An issuer's answer is held in memory, so it has a bound. */
async function fetchKeys(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, { ...options, redirect: 'manual' })
  const text = await readBounded(response, MOST_KEY_SET_BYTES)
  if (text === null) throw new RangeError('the key set is too large')
  // Some statuses may have no body (Fetch, 2.2.3 "null body status"); of none but 200 is anything read.
  return new Response(response.status === 200 ? text : null, { status: response.status || 502 })
}

/** What to do about a token that was not accepted; names claims, never their values. */
function describe(error: unknown): Omit<Extract<Verified, { kind: 'refused' }>, 'ok' | 'kind'> {
  const lasting = (message: string, isSigned = false) => ({
    message,
    isPassing: false,
    isSigned,
    isUntried: false,
  })
  // jose looks at claims only behind a signature that is good.
  if (error instanceof errors.JWTExpired) return lasting('The token has expired; get a new one.', true)
  if (error instanceof errors.JWTClaimValidationFailed)
    return lasting(`The token's claim "${error.claim}" is not acceptable.`, true)
  if (error instanceof errors.JOSEAlgNotAllowed)
    return lasting(`The token's algorithm is not one of ${ALGORITHMS.join(', ')}.`)
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return lasting("The token's signature is not valid.")
  if (error instanceof errors.JWKSNoMatchingKey)
    return { ...lasting('The issuer has no such key.'), isUntried: true }
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid)
    return lasting('The token is not a valid JWT.')
  const message = "The issuer's keys could not be fetched; try again later."
  return { message, isPassing: true, isSigned: false, isUntried: true }
}

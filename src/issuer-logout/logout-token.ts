/** Logout tokens: what an issuer says when sessions are to end (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6). */
import { decodeProtectedHeader, type JWTPayload } from 'jose'
import { isObject } from '../base/json.ts'
import { sha256Hex } from '../base/sha256.ts'
import type { TenantSettings } from '../contract/config.ts'
import type { Env } from '../contract/env.ts'
import type { IssuerLogout } from '../contract/logouts.ts'
import { accountId } from '../legiti/tools/fields.ts'
import { CLOCK_TOLERANCE_SECONDS, claimsOf, isSid, verifyDummy, verifyJwt } from '../servers/session/jwt.ts'

export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** Older ones are not taken, however long they say that they are good for: as long ago, ids are surely remembered. */
const OLDEST_SECONDS = 3_600
const LONGEST_JTI = 512

export type ReadLogout =
  | { readonly ok: true; readonly logout: IssuerLogout }
  /** `isSigned`: its signature is an issuer's of this tenant, so its sender may learn the problem. */
  | { readonly ok: false; readonly problem: string; readonly isSigned: boolean }

/**
 * Returns the issuer that a token claims; or the problem of a token that cannot be good whoever it is from, so that it need not be
 * verified. The answer depends on the token alone, and so is the same to everyone.
 */
export function claimedIssuer(token: string): { readonly issuer: string } | { readonly problem: string } {
  const claims = claimsOf(token)
  if (claims === null) return { problem: 'the logout_token is not a JWT' }
  const typ = typeOf(token)
  // A token of another kind may not pass for one (RFC 8725, 3.11); many issuers do not say which kind it is.
  if (typ !== null && !/^(application\/)?(logout\+)?jwt$/i.test(typ))
    return { problem: 'the header "typ" is of another kind of token' }
  const problem = problemOf(claims, 0)
  if (problem !== null) return { problem }
  return typeof claims.iss === 'string' ? { issuer: claims.iss } : { problem: 'the claim "iss" is not one' }
}

/** Verifies a logout token, of which `claimedIssuer` has said an issuer, for one of the tenant's. Never throws. */
export async function readLogoutToken(
  env: Env,
  token: string,
  settings: TenantSettings,
  nowMs: number,
): Promise<ReadLogout> {
  const verified = await verifyJwt(
    env,
    token,
    { settings, requiredClaims: ['iat', 'exp', 'jti', 'events'] },
    nowMs,
  )
  if (!verified.ok) {
    if (verified.kind === 'stranger') {
      await verifyDummy(token)
      return refused('the token is not a JWT of a configured issuer', false)
    }
    // The answer takes as long where no key was tried: otherwise its time would tell whose issuers are whose.
    if (verified.isUntried) await verifyDummy(token)
    return refused(verified.message, verified.isSigned)
  }
  const { payload } = verified.result
  const problem = problemOf(payload, nowMs)
  if (problem !== null) return refused(problem)
  const { sub, sid, iat = 0, jti = '' } = payload
  return {
    ok: true,
    logout: {
      issuer: verified.issuer.issuer,
      subject: sub ?? null,
      sid: isSid(sid) ? sid : null,
      issuedAt: iat,
      jti,
      digest: await sha256Hex(token),
    },
  }
}

/** Returns the problem with the claims that only logout tokens have; times are checked only where `nowMs` is not 0. */
function problemOf({ events, nonce, sub, sid, jti, iat }: JWTPayload, nowMs: number): string | null {
  if (!isObject(events) || !isObject(events[LOGOUT_EVENT]))
    return `the claim "events" has no member ${LOGOUT_EVENT} that is an object`
  // Or an ID token could pass for a logout token (2.4).
  if (nonce !== undefined) return 'the claim "nonce" is there, which a logout token may not have'
  if (sub === undefined && sid === undefined) return 'neither "sub" nor "sid" is there'
  if (sub !== undefined && !accountId().safeParse(sub).success) return 'the claim "sub" is no account id'
  if (sid !== undefined && !isSid(sid)) return 'the claim "sid" is not one'
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) return 'the claim "jti" is not one'
  if (typeof iat !== 'number') return 'the claim "iat" is not one'
  if (nowMs === 0) return null
  const nowSeconds = nowMs / 1_000
  if (iat > nowSeconds + CLOCK_TOLERANCE_SECONDS) return 'the claim "iat" is in the future'
  return iat < nowSeconds - OLDEST_SECONDS ? 'the claim "iat" is too long ago' : null
}

function typeOf(token: string): string | null {
  try {
    return decodeProtectedHeader(token).typ ?? null
  } catch {
    return null
  }
}

function refused(problem: string, isSigned = true): ReadLogout {
  return { ok: false, problem, isSigned }
}

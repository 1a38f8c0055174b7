/** How an agent proves, or may assert, whose account it acts for. */
import type { TenantSettings } from '../../contract/config.ts'
import type { Env } from '../../contract/env.ts'
import type { LoginEvidence } from '../../contract/principal.ts'
import { accountId } from '../../legiti/tools/fields.ts'
import { claimsOf, verifyJwt } from './jwt.ts'

export const providerNames = ['trusted', 'jwt', 'magento-customer', 'magento-admin'] as const
export type ProviderName = (typeof providerNames)[number]

/** What an issuer said of an account, as far as its logout can ask for it later. */
export type JwtSubject = Omit<Extract<LoginEvidence, { kind: 'jwt' }>, 'kind' | 'knownLogouts'> & {
  /** When the token was issued, in seconds by the issuer's clock; null where it does not say. */
  readonly issuedAt: number | null
}

export type Proof =
  | { readonly ok: true; readonly account: string; readonly subject?: JwtSubject }
  /**
   * `account` is what was claimed, where that can be read at all: an attempt on an account is worth knowing
   * of even though it proves nothing.
   */
  | { readonly ok: false; readonly account: string | null; readonly message: string }

/** The longest `sid` that is kept; OpenID Connect sets none. */
export const LONGEST_SID = 512

/** The account as asserted, where the tenant trusts its grants to. */
export function trustedProof(account: string, settings: TenantSettings): Proof {
  if (settings.identity.trusted) return { ok: true, account }
  return { ok: false, account, message: 'This tenant does not accept the provider "trusted".' }
}

/**
 * The account of a signed JWT: its `sub`. Issuer, audience, signature and times must all be right for one of
 * the tenant's issuers.
 */
export async function jwtProof(
  env: Env,
  token: string,
  settings: TenantSettings,
  nowMs: number,
): Promise<Proof> {
  if (settings.identity.jwt.length === 0)
    return fail('This tenant has no issuer configured for the provider "jwt".')
  const verified = await verifyJwt(env, token, settings, ['sub', 'exp'], nowMs)
  if (!verified.ok) {
    if (verified.kind === 'stranger') return fail('The token is not a JWT of a configured issuer.')
    return fail(verified.message, accountId.safeParse(claimsOf(token)?.sub).data ?? null)
  }
  const { sub, sid, iat } = verified.result.payload
  // What an issuer says when it ends sessions is no proof of one (OpenID Connect Back-Channel Logout 1.0, 2.4).
  if (verified.result.payload.events !== undefined || isLogoutType(verified.result.protectedHeader.typ))
    return fail('The token is not one that proves an account.')
  const account = accountId.safeParse(sub)
  if (!account.success) return fail("The token's sub is not an account id.")
  if (sid !== undefined && !isSid(sid)) return fail("The token's sid is not one.")
  const subject = {
    issuer: verified.issuer.issuer,
    subject: account.data,
    sid: sid ?? null,
    issuedAt: iat ?? null,
  }
  return { ok: true, account: account.data, subject }
}

/** Whether a claim `sid` is one: a string that is not empty (OpenID Connect Front-Channel Logout 1.0, 3). */
export function isSid(sid: unknown): sid is string {
  return typeof sid === 'string' && sid !== '' && sid.length <= LONGEST_SID
}

function isLogoutType(typ: string | undefined): boolean {
  return /^(application\/)?logout\+jwt$/i.test(typ ?? '')
}

function fail(message: string, account: string | null = null): Proof {
  return { ok: false, account, message }
}

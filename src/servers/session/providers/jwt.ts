/** The provider `jwt`: the account of a token that one of the tenant's issuers has signed. */
import * as z from 'zod/v4'
import { errorName, log } from '../../../base/log.ts'
import type { TenantSettings } from '../../../contract/config.ts'
import type { Env } from '../../../contract/env.ts'
import { tenantObject } from '../../../contract/objects.ts'
import type { LoginEvidence } from '../../../contract/principal.ts'
import { accountId } from '../../../legiti/tools/fields.ts'
import type { CallContext } from '../../kit/tool.ts'
import { claimsOf, isSid, verifyJwt } from '../jwt.ts'
import { LOGGED_OUT, proven } from '../login-work.ts'
import { fail, type Proof, type Provider } from './provider.ts'

const token = () =>
  z
    .string()
    .min(1)
    .max(16_384)
    .describe('With provider "jwt": an ID token or JWT whose issuer and audience this tenant accepts')

export const jwt: Provider = {
  name: 'jwt',
  does: 'proves it',
  takes: { token: { schema: token, isSecret: true } },
  isAlwaysListed: true,
  accepts: ({ identity }) => identity.jwt.length > 0,
  prepare: async ({ token = '' }, context, complete) => {
    const proof = await jwtProof(context.env, token, context.config.settings, context.nowMs)
    const known = proof.ok ? await expect(context, proof.subject) : proof
    return 'ok' in known ? proven(known, 'jwt', null, complete) : proven(proof, 'jwt', known, complete)
  },
}

/** An issuer's words on an account, as far as its logout can ask for it later. */
type JwtSubject = Omit<Extract<LoginEvidence, { kind: 'jwt' }>, 'kind' | 'knownLogouts'> & {
  /** When the token was issued, in seconds by the issuer's clock; null where it does not say. */
  readonly issuedAt: number | null
}

type JwtProof =
  | (Extract<Proof, { ok: true }> & { readonly subject: JwtSubject })
  | Extract<Proof, { ok: false }>

/**
 * The account of a signed JWT: its `sub`. Issuer, audience, signature and times must all be right for one of
 * the tenant's issuers.
 */
export async function jwtProof(
  env: Env,
  token: string,
  settings: TenantSettings,
  nowMs: number,
): Promise<JwtProof> {
  if (settings.identity.jwt.length === 0)
    return fail('This tenant has no issuer configured for the provider "jwt".')
  const verified = await verifyJwt(env, token, { settings, requiredClaims: ['sub', 'exp'] }, nowMs)
  if (!verified.ok) {
    if (verified.kind === 'stranger') return fail('The token is not a JWT of a configured issuer.')
    return fail(verified.message, accountId().safeParse(claimsOf(token)?.sub).data ?? null)
  }
  const { sub, sid, iat } = verified.result.payload
  // A token by which an issuer ends sessions is no proof of one (OpenID Connect Back-Channel Logout 1.0, 2.4).
  if (verified.result.payload.events !== undefined || isLogoutType(verified.result.protectedHeader.typ))
    return fail('The token is not one that proves an account.')
  const account = accountId().safeParse(sub)
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

/** Tells the tenant's object of a login that its issuer can end later; a failed proof where that has happened. */
async function expect(
  { env, tenant, grant }: CallContext,
  { issuer, subject, sid, issuedAt }: JwtSubject,
): Promise<LoginEvidence | Extract<Proof, { ok: false }>> {
  try {
    const known = await tenantObject(env, tenant).expectLogin({ grant, issuer, subject, sid, issuedAt })
    return known === null
      ? fail(LOGGED_OUT, subject)
      : { kind: 'jwt', issuer, subject, sid, knownLogouts: known }
  } catch (error) {
    log('warn', 'session.login_not_expected', { tenant, error: errorName(error) })
    return fail('It could not be looked up whether its issuer has logged it out; try again later.')
  }
}

function isLogoutType(typ: string | undefined): boolean {
  return /^(application\/)?logout\+jwt$/i.test(typ ?? '')
}

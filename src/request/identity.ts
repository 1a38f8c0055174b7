/** Reads the credential in a request's Authorization header; the principal that it names decides on it. */
import { isLocalDemo } from '../base/local-switches.ts'
import { hostnameOf } from '../base/request-host.ts'
import { sha256 } from '../base/sha256.ts'
import { type Credential, credentialKey } from '../contract/credential.ts'
import type { Env } from '../contract/env.ts'
import { DEMO_TENANT } from '../demo/token.ts'
import { bearerToken, parseToken } from '../names/tokens.ts'
import type { HeaderTexts } from './header-texts.ts'
import { hostAllows } from './hosts.ts'
import { known } from './known.ts'

/** A well-formed credential, of which its principal has not been asked yet. */
export interface PresentedCredential {
  readonly tenant: string
  readonly grant: string
  readonly credential: Credential
  /** Names token and principal together; the key of what an isolate remembers about a token that was good. */
  readonly key: string
}

/**
 * Reads the credential that a request presents, or null when there is none worth asking about: no token, another shape, another tenant
 * than the URL names, or the demo's tenant where there is no demo.
 */
export async function presentedIn(
  request: Request,
  pathTenant: string | null,
  env: Env,
  headers: HeaderTexts = request.headers,
): Promise<PresentedCredential | null> {
  const text = bearerToken(headers.get('authorization') ?? null) ?? ''
  const presented = remembered.get(text) ?? (await parsePresented(text))
  if (presented === null) return null
  if (pathTenant !== null && pathTenant !== presented.tenant) return null
  if (!hostAllows(env, hostnameOf(request.url), presented.tenant)) return null
  if (presented.tenant === DEMO_TENANT && !isLocalDemo(env, request)) return null
  return presented
}

async function parsePresented(text: string): Promise<PresentedCredential | null> {
  const token = parseToken(text)
  if (token === null) return null
  const { tenant, grant, secret } = token
  const credential: Credential = { kind: 'token', proof: await sha256(secret) }
  const presented = { tenant, grant, credential, key: `${tenant}/${grant}/${credentialKey(credential)}` }
  // Only of tokens that were good: a guesser must not push them out.
  if (known(presented.key) !== undefined) rememberPresented(text, presented)
  return presented
}

/**
 * The credentials of tokens that were good, so that an agent's requests need not wait for the digest each time. The principal decides
 * anew on each request.
 */
const remembered = new Map<string, PresentedCredential>()
const MOST_REMEMBERED = 2_000

function rememberPresented(text: string, presented: PresentedCredential): void {
  if (remembered.size >= MOST_REMEMBERED) remembered.clear()
  remembered.set(text, presented)
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

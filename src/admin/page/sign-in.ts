/**
 * Signs people in at a page. The cookie holds no token: it holds the digest that a token is known by, sealed for one tenant and for a
 * time, and that is compared with what the tenant knows for every request. Therefore a person who is removed, or whose token is
 * replaced, is out at once; and a thief of the cookie, or of the database, has no token (docs/decisions/0039-the-approval-page.md).
 */
import * as z from 'zod/v4'
import { BASE64URL } from '../../base/base64url.ts'
import { lazy } from '../../base/lazy.ts'
import { openOrNull, type SecretKeys, seal, signInContext } from '../../secrets/seal.ts'
import type { Who } from '../context.ts'
import { type Asked, byAccess, byCredential, type Credential } from '../who.ts'
import { cookiesIn, type Jar, SIGN_IN_SECONDS } from './cookie.ts'

export interface SignIn {
  readonly who: Who
  /** Tells it from every other, for what is bound to it: form-token.ts. */
  readonly id: string
  /** True if Cloudflare Access vouches for them, so that there is no cookie to forget. */
  readonly byAccess: boolean
}

/** A request at a tenant's page. */
export type AskedHere = Asked & { readonly tenant: string; readonly keys: SecretKeys; readonly jar: Jar }

const sealedSchema = lazy(() =>
  z.object({
    id: z.string(),
    person: z.string().nullable(),
    digest: z.string(),
    /** Unix milliseconds: the browser is not relied on to forget it. */
    until: z.number(),
  }),
)

/** The sign-in of a request, or null. `hadCookie`: it brings a cookie, which may be good no longer. */
export async function signedIn(
  asked: AskedHere,
  nowMs: number,
): Promise<{ readonly signIn: SignIn | null; readonly hadCookie: boolean }> {
  const { http, keys, tenant, jar } = asked
  const cookies = cookiesIn(http.headers.get('cookie'), jar)
  for (const cookie of cookies) {
    const kept = await openCookie(keys, tenant, cookie)
    if (kept === null || kept.until <= nowMs) continue
    const who = await byCredential(asked, kept.credential)
    if (who !== null) return { signIn: { who, id: kept.id, byAccess: false }, hadCookie: true }
  }
  const who = await byAccess(asked)
  const signIn = who?.kind === 'person' ? { who, id: `access ${who.name}`, byAccess: true } : null
  return { signIn, hadCookie: cookies.length > 0 }
}

/** The cookie's value for somebody who has just shown a token, and the sign-in that it is. */
export async function begin(
  { keys, tenant }: Pick<AskedHere, 'keys' | 'tenant'>,
  who: Who,
  { person, digest }: Credential,
  nowMs: number,
): Promise<{ readonly signIn: SignIn; readonly cookie: string }> {
  const id = crypto.randomUUID()
  const kept: z.output<ReturnType<typeof sealedSchema>> = {
    id,
    person,
    digest: digest.toBase64(BASE64URL),
    until: nowMs + SIGN_IN_SECONDS * 1_000,
  }
  const cookie = await seal(keys, JSON.stringify(kept), signInContext(tenant))
  return { signIn: { who, id, byAccess: false }, cookie }
}

async function openCookie(keys: SecretKeys, tenant: string, cookie: string) {
  const text = await openOrNull(keys, cookie, signInContext(tenant))
  if (text === null) return null
  const kept = sealedSchema().safeParse(JSON.parse(text))
  // Another version of this gateway wrote it: whoever has it signs in again.
  if (!kept.success) return null
  const { id, person, digest, until } = kept.data
  const credential: Credential = { person, digest: Uint8Array.fromBase64(digest, BASE64URL) }
  return { id, until, credential }
}

import { fnv1a } from '../base/fnv1a.ts'

/**
 * The token's own text. PURE. It names tenant and grant, so that finding the principal costs no lookup;
 * only the principal can tell whether it is any good.
 */
export interface Token {
  readonly tenant: string
  readonly grant: string
  readonly secret: string
}

/** Names that may be part of a URL, a host name and a token: no underscore, which separates them there. */
export const NAME = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const namePattern = new RegExp(`^${NAME}$`)
const tokenPattern = new RegExp(`^gh_(${NAME})_(${NAME})_([A-Za-z0-9_-]{16,256})$`)
const LONGEST_TOKEN = 512

/** `gh_<tenant>_<grant>_<secret>`, or null for anything else. */
export function parseToken(text: string): Token | null {
  if (text.length > LONGEST_TOKEN) return null
  const match = tokenPattern.exec(text)
  const [, tenant, grant, secret] = match ?? []
  return tenant === undefined || grant === undefined || secret === undefined || !hasGoodCheck(text, secret)
    ? null
    : { tenant, grant, secret }
}

const grantStart = new RegExp(`^gh_${NAME}_${NAME}_`)

/** Tells whether a text begins as a grant's token does; it may be none that is any good. */
export function isGrantToken(text: string): boolean {
  return grantStart.test(text)
}

/** 32 random bytes in base64url, and the check digits behind them. */
const RANDOM_CHARACTERS = 43
const CHECK_CHARACTERS = 8

/**
 * A new secret with check digits behind it, over all that stands in the token: a token of that length that is mistyped or made
 * up costs no call; of another length it may be an old one, which has none. Anybody can compute them, so they protect nothing else; who holds the secret is the object's to judge.
 *
 * @param before what stands before the secret, such as `gh_acme_bot_`
 * @param random 43 characters
 */
export function withCheck(before: string, random: string): string {
  return random + fnv1a(before + random)
}

/** Tells whether a token's check digits are right. Secrets of another length are from before there were any. */
export function hasGoodCheck(token: string, secret: string): boolean {
  if (secret.length !== RANDOM_CHARACTERS + CHECK_CHARACTERS) return true
  return token.slice(-CHECK_CHARACTERS) === fnv1a(token.slice(0, -CHECK_CHARACTERS))
}

/** The token of an `Authorization: Bearer` header (RFC 6750, 2.1; the scheme is case-insensitive), or null. */
export function bearerToken(header: string | null): string | null {
  const match = /^bearer +([^ ]+) *$/i.exec(header ?? '')
  return match?.[1] ?? null
}

export function isName(text: string): boolean {
  return namePattern.test(text)
}

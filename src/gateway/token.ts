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
const NAME = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const namePattern = new RegExp(`^${NAME}$`)
const tokenPattern = new RegExp(`^gh_(${NAME})_(${NAME})_([A-Za-z0-9_-]{16,256})$`)
const LONGEST_TOKEN = 512

/** `gh_<tenant>_<grant>_<secret>`, or null for anything else. */
export function parseToken(text: string): Token | null {
  if (text.length > LONGEST_TOKEN) return null
  const match = tokenPattern.exec(text)
  const [, tenant, grant, secret] = match ?? []
  return tenant === undefined || grant === undefined || secret === undefined
    ? null
    : { tenant, grant, secret }
}

/** The token of an `Authorization: Bearer` header (RFC 6750, 2.1; the scheme is case-insensitive), or null. */
export function bearerToken(header: string | null): string | null {
  const match = /^bearer +([^ ]+) *$/i.exec(header ?? '')
  return match?.[1] ?? null
}

export function isName(text: string): boolean {
  return namePattern.test(text)
}

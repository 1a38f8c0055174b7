/** Origins as an administrator writes them (RFC 6454): scheme, host, and port where it is not the scheme's own. PURE. */
import { describeProblem } from '../policy/problem.ts'

export const MOST_ORIGINS = 16
const LONGEST = 300

export type ReadOrigins =
  | { readonly ok: true; readonly origins: readonly string[] }
  | { readonly ok: false; readonly problem: string }

/**
 * Reads them, each once and as URLs have them. No problem quotes what was found: it may be a URL with a password.
 *
 * @param allowPrivate whether plain http is allowed, as it is where private upstreams are
 */
export function readOrigins(value: unknown, allowPrivate: boolean): ReadOrigins {
  const allowed = `a list of 1 to ${MOST_ORIGINS} origins, such as "https://crm.example.com"`
  const refused = (pointer: string, found: string): ReadOrigins => ({
    ok: false,
    problem: describeProblem({ pointer, found, allowed }),
  })
  if (!Array.isArray(value)) return refused('/origins', 'no list')
  if (value.length === 0 || value.length > MOST_ORIGINS) return refused('/origins', `${value.length} entries`)
  const origins: string[] = []
  for (const [index, entry] of value.entries()) {
    const origin = typeof entry === 'string' && entry.length <= LONGEST ? originOf(entry) : null
    if (origin === null) return refused(`/origins/${index}`, 'something that is no origin')
    if (origin.startsWith('http:') && !allowPrivate)
      return refused(`/origins/${index}`, 'an http origin (unencrypted is only for ALLOW_PRIVATE_UPSTREAMS)')
    if (!origins.includes(origin)) origins.push(origin)
  }
  return { ok: true, origins }
}

/** The origin that a text is, perhaps with a slash behind it; null for a URL that says more, or of another scheme. */
function originOf(text: string): string | null {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return null
  const isMore = /[?#]/.test(text) || url.pathname !== '/' || url.username !== '' || url.password !== ''
  return isMore || url.hostname === '' ? null : url.origin
}

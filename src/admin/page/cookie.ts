/** The cookie of somebody who has signed in (RFC 6265, and its successor's prefixes and SameSite). PURE. */
import { isLoopback } from '../../base/loopback.ts'

/** Duration of a sign-in: a working day. Seconds. */
export const SIGN_IN_SECONDS = 8 * 3_600

const NAME = 'gatehouse-approvals'
/** Another of the same name may have been set for a wider path or domain: so many are looked at. */
const MOST = 4

/** Name and protection of the cookie at one host. */
export interface Jar {
  readonly name: string
  readonly secure: boolean
}

/** Null at a host that is reached over http from other machines: there a cookie could be overheard. */
export function jarOf({ protocol, hostname }: Pick<URL, 'protocol' | 'hostname'>): Jar | null {
  // A browser takes `__Secure-` from https alone, and so never from a neighbour without it.
  if (protocol === 'https:') return { name: `__Secure-${NAME}`, secure: true }
  return isLoopback(hostname) ? { name: NAME, secure: false } : null
}

/** The values that a request brings, the one of the narrowest path first (RFC 6265, 5.4). */
export function cookiesIn(header: string | null, { name }: Jar): readonly string[] {
  return (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .slice(0, MOST)
    .map((pair) => pair.slice(name.length + 1))
}

/**
 * Not for scripts, not for other sites' requests but a link that is followed, and for the pages below `path` alone.
 *
 * @param value null: it is to be forgotten
 */
export function setCookie({ name, secure }: Jar, path: string, value: string | null): string {
  return [
    `${name}=${value ?? ''}`,
    `Path=${path}`,
    `Max-Age=${value === null ? 0 : SIGN_IN_SECONDS}`,
    'HttpOnly',
    'SameSite=Lax',
    ...(secure ? ['Secure'] : []),
  ].join('; ')
}

import { asciiLowerCase } from './ascii.ts'

/** Tells whether a URL's hostname is this very machine: what never leaves it may go unencrypted. */
export function isLoopback(hostname: string): boolean {
  const name = asciiLowerCase(hostname)
  return name === 'localhost' || name.endsWith('.localhost') || name === '127.0.0.1' || name === '[::1]'
}

/** Tells whether a server that is bound to this, a name or an address, is reached from this machine alone. */
export function isLoopbackBind(ip: string): boolean {
  return isLoopback(ip) || isLoopbackAddress(ip)
}

/** Headers besides `X-Forwarded-…` by which proxies, tunnels and Cloudflare say that they ask for somebody else. */
const forwarding: readonly string[] = [
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-original-host',
  'true-client-ip',
  'cf-ray',
  'cf-visitor',
  'cf-ipcountry',
  'cdn-loop',
]

/**
 * Tells whether a request was made on this machine, as far as it shows: its host names are loopback's, and nobody has passed it
 * on. The local runtime says in `CF-Connecting-IP` where it came from, but takes a client's own word for it: so the demo is never
 * bound to an address that other machines reach (cli/local/dev.ts).
 */
export function isLocalRequest({ url, headers }: Pick<Request, 'url' | 'headers'>): boolean {
  if (!isLoopback(new URL(url).hostname)) return false
  const host = headers.get('host')
  if (host !== null && !isLoopback(URL.parse(`http://${host}`)?.hostname ?? '')) return false
  if (forwarding.some((name) => headers.has(name))) return false
  if ([...headers.keys()].some((name) => name.startsWith('x-forwarded'))) return false
  const source = headers.get('cf-connecting-ip')
  return source === null || isLoopbackAddress(source)
}

/** 127.0.0.0/8 and ::1 (RFC 6890), the former as an IPv6 socket names it, too. */
function isLoopbackAddress(address: string): boolean {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address) || address === '::1'
}

/**
 * Which server something is known of. A name can be given anew, and an address too: whatever an isolate or an object
 * remembers of a server is kept under all of what makes it that server, so that nobody inherits it. PURE.
 */
import type { UpstreamConfig } from '../contract/upstream.ts'

type Which = Pick<UpstreamConfig, 'name' | 'incarnation' | 'url'>

/** The key under which anything about a tenant's server is remembered. */
export function serverKey(tenant: string, server: Which): string {
  const known = keys.get(server)
  if (known?.tenant === tenant) return known.key
  const { name, incarnation, url } = server
  const key = JSON.stringify([tenant, name, incarnation, url])
  keys.set(server, { tenant, key })
  return key
}

/** Every request asks for its server's several times, and a configuration does not change. */
const keys = new WeakMap<Which, { readonly tenant: string; readonly key: string }>()

/** Tells whether both are the same registration of a server, at the same address. */
export function isSameServer(one: Which, other: Which): boolean {
  return one.name === other.name && one.incarnation === other.incarnation && one.url === other.url
}

/** The names in a key of `serverKey`. */
export function namesIn(key: string): { readonly tenant: string; readonly server: string } {
  const [tenant, server] = JSON.parse(key) as [string, string]
  return { tenant, server }
}

/**
 * The digests by which a principal knows that the arguments of two calls are the same, without keeping them. Each is HMAC-SHA-256 over
 * their canonical JSON, with a key of the tenant's own that is derived from one of the deployment's (HKDF, RFC 5869); the current key's
 * comes first. Without keys it is their SHA-256. They stay in the principal: people see the audit trail's (audit/arguments-hmac.ts).
 */
import { canonicalDigest } from '../base/canonical-digest.ts'
import { canonicalJson } from '../base/canonical-json.ts'
import type { Env } from '../contract/env.ts'
import { secretKeys } from '../secrets/seal.ts'

/** `<key id>:<hex>` by each key of the deployment, so that what was held before a new one came is found again. */
export async function argumentDigests(env: Env, tenant: string, args: unknown): Promise<readonly string[]> {
  const keys = secretKeys(env)
  if (keys === null) return [await canonicalDigest(args)]
  const text = new TextEncoder().encode(canonicalJson(args))
  const ids = [keys.current, ...[...keys.byId.keys()].filter((id) => id !== keys.current)]
  return Promise.all(
    ids.map(async (id) => {
      const base = await keys.derivationById.get(id)
      if (base === undefined) throw new Error('a key is there for every id')
      const mac = await crypto.subtle.sign('HMAC', await derive(base, tenant), text)
      return `${id}:${new Uint8Array(mac).toHex()}`
    }),
  )
}

function derive(base: CryptoKey, tenant: string): Promise<CryptoKey> {
  const info = new TextEncoder().encode(`gatehouse approval arguments\n${tenant}`)
  return crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info },
    base,
    { name: 'HMAC', hash: 'SHA-256', length: 256 },
    false,
    ['sign'],
  )
}

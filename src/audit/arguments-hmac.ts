/**
 * Shows which calls had the same arguments, without the arguments: HMAC-SHA-256 over their canonical JSON, with a key for each tenant
 * that is derived from the deployment's (HKDF, RFC 5869). Without the key nobody can look a value up or compare two tenants.
 */
import { BASE64URL } from '../base/base64url.ts'
import { canonicalJson } from '../base/canonical-json.ts'
import type { SecretKeys } from '../secrets/seal.ts'

/** Longer arguments have none, for every call pays for it: 5 µs as arguments usually are, 25 µs where they are all small parts. */
const MOST_CHARS = 2_048
/** Bytes that are kept of the 32: more than enough that two different arguments never look the same. */
const BYTES = 16

const encoder = new TextEncoder()

/** Keys of tenants that this isolate has served lately; a promise as long as one is being derived. */
const derived = new Map<string, CryptoKey | Promise<CryptoKey>>()
let derivedFrom: SecretKeys | null = null
const MOST_KEYS = 1_000

/**
 * `<key id>:<base64url>` of a call's arguments; null where the deployment has no keys (`keys` is null), or they are long. With another
 * key the same arguments have another one: the id tells why.
 */
export async function argumentsHmac(
  keys: SecretKeys | null,
  tenant: string,
  args: unknown,
): Promise<string | null> {
  if (keys === null) return null
  const text = canonicalJson(args, MOST_CHARS)
  if (text === null) return null
  const key = keyOf(keys, tenant)
  // Every call passes here, so a key that is there is not waited for.
  const mac = await crypto.subtle.sign('HMAC', 'then' in key ? await key : key, encoder.encode(text))
  return `${keys.current}:${new Uint8Array(mac, 0, BYTES).toBase64(BASE64URL)}`
}

function keyOf(keys: SecretKeys, tenant: string): CryptoKey | Promise<CryptoKey> {
  if (derivedFrom !== keys) {
    derived.clear()
    derivedFrom = keys
  }
  const known = derived.get(tenant)
  if (known !== undefined) return known
  if (derived.size >= MOST_KEYS) derived.clear()
  const deriving = derive(keys, tenant)
  derived.set(tenant, deriving)
  void deriving.then(
    (key) => {
      if (derived.get(tenant) === deriving) derived.set(tenant, key)
    },
    // Whoever waits for it is told.
    () => {},
  )
  return deriving
}

async function derive(keys: SecretKeys, tenant: string): Promise<CryptoKey> {
  const info = encoder.encode(`gatehouse audit arguments\n${tenant}`)
  return crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info },
    await keys.derivation,
    { name: 'HMAC', hash: 'SHA-256', length: 256 },
    false,
    ['sign'],
  )
}

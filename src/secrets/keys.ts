/**
 * The keys that secrets are sealed with: ENCRYPTION_KEYS, entries `id:base64(32 bytes)` separated by commas or
 * white space. The first seals; all of them open, so that a key can be replaced while the old one is still needed.
 */
import { isDemo } from '../base/local-switches.ts'
import { sha256 } from '../base/sha256.ts'
import type { Env } from '../contract/env.ts'

const KEY_BYTES = 32
const keyIdPattern = /^[A-Za-z0-9-]{1,32}$/
/** Published on purpose: what the local demo stores is sealed in form only. */
const DEMO_KEY_TEXT = 'gatehouse local demo: this key protects nothing'
const DEMO_KEY_ID = 'insecure-demo'

/** Keys ready for use. */
export interface SecretKeys {
  /** Names the key that seals. */
  readonly current: string
  readonly byId: ReadonlyMap<string, Promise<CryptoKey>>
  /** The current key as the source of derived keys (HKDF). It never serves a second purpose itself. */
  readonly derivation: Promise<CryptoKey>
  /** The same of every key, where what was derived from an earlier one must be found again. */
  readonly derivationById: ReadonlyMap<string, Promise<CryptoKey>>
}

type Read =
  | { readonly ok: true; readonly keys: ReadonlyMap<string, Uint8Array> }
  | { readonly ok: false; readonly problem: string }

/** Keys by the text that they were read from: an isolate reads them once. */
const cache = new Map<string, SecretKeys | null>()
let demoKeys: SecretKeys | undefined

/** The deployment's keys; null when none are configured or what is configured cannot be meant. */
export function secretKeys(env: Env): SecretKeys | null {
  const text = env.ENCRYPTION_KEYS ?? ''
  if (text.trim() === '') return isDemo(env) ? theDemoKeys() : null
  let keys = cache.get(text)
  if (keys === undefined) {
    const read = readKeys(text)
    keys = read.ok ? imported(read.keys) : null
    cache.clear()
    cache.set(text, keys)
  }
  return keys
}

/** Returns the problem with ENCRYPTION_KEYS, or null; having none is no problem. Never quotes key material. */
export function secretKeysProblem({ ENCRYPTION_KEYS: text = '' }: Env): string | null {
  if (text.trim() === '') return null
  const read = readKeys(text)
  return read.ok ? null : read.problem
}

function readKeys(text: string): Read {
  const keys = new Map<string, Uint8Array>()
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '')
  const refused = (i: number, found: string, allowed: string): Read => ({
    ok: false,
    problem: `ENCRYPTION_KEYS: entry ${i + 1} of ${entries.length} ${found}; allowed: ${allowed}`,
  })
  if (entries.length === 0)
    return { ok: false, problem: 'ENCRYPTION_KEYS has no entry; allowed: id:base64, separated by commas' }
  for (const [i, entry] of entries.entries()) {
    const colon = entry.indexOf(':')
    if (colon < 0) return refused(i, 'has no colon', 'id:base64 of 32 bytes')
    const id = entry.slice(0, colon)
    if (!keyIdPattern.test(id))
      return refused(i, `has an id of ${id.length} characters`, 'an id of 1 to 32 of A-Z a-z 0-9 -')
    if (keys.has(id)) return refused(i, `has the id ${id} again`, 'each id once')
    const bytes = decoded(entry.slice(colon + 1))
    if (bytes === null) return refused(i, `(${id}) is not base64`, `base64 of ${KEY_BYTES} bytes`)
    if (bytes.length !== KEY_BYTES)
      return refused(i, `(${id}) has ${bytes.length} bytes`, `base64 of ${KEY_BYTES} bytes`)
    keys.set(id, bytes)
  }
  return { ok: true, keys }
}

function decoded(base64: string): Uint8Array | null {
  try {
    return Uint8Array.fromBase64(base64)
  } catch {
    return null
  }
}

function imported(keys: ReadonlyMap<string, Uint8Array>): SecretKeys {
  const byId = new Map([...keys].map(([id, bytes]) => [id, importKey(bytes)]))
  const derivationById = new Map([...keys].map(([id, bytes]) => [id, importForDerivation(bytes)]))
  const [[current, derivation]] = [...derivationById] as [[string, Promise<CryptoKey>]]
  return { current, byId, derivation, derivationById }
}

function theDemoKeys(): SecretKeys {
  demoKeys ??= makeDemoKeys()
  return demoKeys
}

function makeDemoKeys(): SecretKeys {
  const bytes = sha256(DEMO_KEY_TEXT)
  const derivation = bytes.then(importForDerivation)
  return {
    current: DEMO_KEY_ID,
    byId: new Map([[DEMO_KEY_ID, bytes.then(importKey)]]),
    derivation,
    derivationById: new Map([[DEMO_KEY_ID, derivation]]),
  }
}

function importForDerivation(bytes: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveKey'])
}

function importKey(bytes: BufferSource): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
}

/**
 * Secrets at rest: AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit IV for each. The sealed form is one string, `v1.<key
 * id>.<iv>.<ciphertext and tag>`, both base64url. The context, which says where the secret belongs, is bound to it as additional data:
 * moved to another place, it does not open.
 */
import { BASE64URL } from '../base/base64url.ts'
import type { SecretKeys } from './keys.ts'

export { type SecretKeys, secretKeys, secretKeysProblem } from './keys.ts'

const VERSION = 'v1'
const IV_BYTES = 12
const TAG_BYTES = 16

/** Why a sealed text did not open. */
export type OpenFailure = 'malformed' | 'unknown_key' | 'wrong_key_or_context'

/** Thrown by `open`. Says nothing of what was sealed. */
export class SealedTextError extends Error {
  override readonly name = 'SealedTextError'
  readonly code: OpenFailure

  constructor(code: OpenFailure, message: string) {
    super(message)
    this.code = code
  }
}

/** The context of the header `header` of a tenant's server. None of the names can hold a slash. */
export function headerContext(tenant: string, server: string, header: string): string {
  return `${tenant}/${server}/${header}`
}

/** The context of the secret of a tenant's webhook: no server has an empty name. */
export function webhookContext(tenant: string, webhook: string): string {
  return `${tenant}//webhook/${webhook}`
}

/** The context of a tenant's named secret. No server can be called `~secrets`. */
export function secretContext(tenant: string, name: string): string {
  return `${tenant}/~secrets/${name}`
}

/** The context of the cookie of a person who is signed in at the tenant's pages. */
export function signInContext(tenant: string): string {
  return `${tenant}/~pages/sign-in`
}

/** The context of the hidden field of a form of the tenant's pages. */
export function formContext(tenant: string): string {
  return `${tenant}/~pages/form`
}

/** The context of the answer to a request with an `Idempotency-Key`, and of the seed of its secrets: `/answer`, `/seed`. */
export function repeatContext(tenant: string, actor: string, key: string): string {
  return `${tenant}/~repeats/${actor}/${key}`
}

/** The context of the content of a call that waits for a person; `digest` is that of its arguments. */
export function approvalContext(tenant: string, grant: string, digest: string): string {
  return `${tenant}/~approvals/${grant}/${digest}`
}

/** The id of the key that a text is sealed with; it stands in the text. */
export function keyIdOf(sealed: string): string {
  return sealed.split('.')[1] ?? ''
}

/** The beginning of every text that this key has sealed, and of none that another has. */
export function sealedPrefix(key: string): string {
  return `${VERSION}.${key}.`
}

/** Seals `text` for `context` with the current key. */
export async function seal(keys: SecretKeys, text: string, context: string): Promise<string> {
  const key = await keys.byId.get(keys.current)
  if (key === undefined) throw new SealedTextError('unknown_key', `There is no key ${keys.current}`)
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const sealed = await crypto.subtle.encrypt(algorithm(iv, context), key, new TextEncoder().encode(text))
  return [VERSION, keys.current, iv.toBase64(BASE64URL), new Uint8Array(sealed).toBase64(BASE64URL)].join('.')
}

/** Opens a text that was sealed for exactly this context. Throws SealedTextError for anything else. */
export async function open(keys: SecretKeys, sealed: string, context: string): Promise<string> {
  const { id, iv, ciphertext } = parse(sealed)
  const key = await keys.byId.get(id)
  if (key === undefined) {
    throw new SealedTextError('unknown_key', `Sealed with the key ${id}, which ENCRYPTION_KEYS does not have`)
  }
  let bytes: ArrayBuffer
  try {
    bytes = await crypto.subtle.decrypt(algorithm(iv, context), key, ciphertext)
  } catch {
    throw new SealedTextError('wrong_key_or_context', `Not sealed with this key ${id}, or for something else`)
  }
  return new TextDecoder().decode(bytes)
}

/** The same; null where no key opens it for this context. */
export async function openOrNull(keys: SecretKeys, sealed: string, context: string): Promise<string | null> {
  try {
    return await open(keys, sealed, context)
  } catch (error) {
    if (error instanceof SealedTextError) return null
    throw error
  }
}

/** The same, sealed with the current key; null where no key opens it for this context. */
export async function sealAgain(keys: SecretKeys, sealed: string, context: string): Promise<string | null> {
  const text = await openOrNull(keys, sealed, context)
  return text === null ? null : seal(keys, text, context)
}

function parse(sealed: string): { id: string; iv: Uint8Array; ciphertext: Uint8Array } {
  const [version, id, iv, ciphertext, ...more] = sealed.split('.')
  const malformed = () => new SealedTextError('malformed', 'Not a sealed text of this version')
  if (version !== VERSION || !id || !iv || !ciphertext || more.length > 0) throw malformed()
  try {
    const parts = {
      id,
      iv: Uint8Array.fromBase64(iv, BASE64URL),
      ciphertext: Uint8Array.fromBase64(ciphertext, BASE64URL),
    }
    if (parts.iv.length === IV_BYTES && parts.ciphertext.length >= TAG_BYTES) return parts
  } catch {
    // Not base64url.
  }
  throw malformed()
}

function algorithm(iv: Uint8Array, context: string): SubtleCryptoEncryptAlgorithm {
  return { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(context) }
}

/** The context of a store's token from a login. Moved elsewhere, or with the store moved, it does not open. */
export function storeTokenContext({
  tenant,
  grant,
  store,
  origin,
}: {
  readonly tenant: string
  readonly grant: string
  readonly store: string
  readonly origin: string
}): string {
  return `${tenant}/${grant}/session/${store}/${origin}`
}

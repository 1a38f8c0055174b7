/** A digest of a value, the same however its properties are ordered. */
import { canonical } from '../upstream/pins.ts'

/** SHA-256, as hex. */
export async function canonicalDigest(value: unknown): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical(value)))
  return new Uint8Array(bytes).toHex()
}

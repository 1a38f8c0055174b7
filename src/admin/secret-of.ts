/** The secret part of a new token. */
import { BASE64URL } from '../base64url.ts'
import { sha256 } from '../sha256.ts'

/** 32 random bytes as the secret's text, and the SHA-256 of that text, which is all that is ever stored. */
export async function secretOf(bytes: Uint8Array): Promise<{ secret: string; hash: Uint8Array }> {
  const secret = bytes.toBase64(BASE64URL)
  return { secret, hash: await sha256(secret) }
}

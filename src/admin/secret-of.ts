/** The secret part of a new token. */

/** 32 random bytes as the secret's text, and the SHA-256 of that text, which is all that is ever stored. */
export async function secretOf(bytes: Uint8Array): Promise<{ secret: string; hash: Uint8Array }> {
  const secret = bytes.toBase64({ alphabet: 'base64url', omitPadding: true })
  return {
    secret,
    hash: new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret))),
  }
}

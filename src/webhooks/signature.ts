/**
 * The signature of a message, by the Standard Webhooks scheme, version 1: HMAC-SHA256 over `id.timestamp.body`, keyed
 * with the bytes behind `whsec_`.
 */

/** What every secret begins with. */
export const SECRET_PREFIX = 'whsec_'
/** The scheme asks for 24 to 64. */
const FEWEST_BYTES = 24
const MOST_BYTES = 64

/** A secret's text. @throws RangeError for a number of bytes that the scheme does not have */
export function webhookSecret(bytes: Uint8Array): string {
  if (bytes.byteLength < FEWEST_BYTES || bytes.byteLength > MOST_BYTES)
    throw new RangeError(`found ${bytes.byteLength} bytes; allowed: ${FEWEST_BYTES} to ${MOST_BYTES}`)
  return SECRET_PREFIX + bytes.toBase64()
}

/** The headers that say what a message is and prove where it comes from. `atSeconds`: Unix time of this attempt. */
export async function signedHeaders(
  secret: string,
  id: string,
  atSeconds: number,
  body: string,
): Promise<Record<string, string>> {
  const bytes = Uint8Array.fromBase64(secret.slice(SECRET_PREFIX.length))
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const content = new TextEncoder().encode(`${id}.${atSeconds}.${body}`)
  const signature = new Uint8Array(await crypto.subtle.sign('HMAC', key, content))
  return {
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'webhook-signature': `v1,${signature.toBase64()}`,
  }
}

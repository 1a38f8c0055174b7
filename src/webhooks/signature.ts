/**
 * The signature of a message, by the Standard Webhooks scheme, version 1: HMAC-SHA256 over `id.timestamp.body`, keyed
 * with the bytes behind `whsec_`.
 */

/** The beginning of every secret. */
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

/**
 * The headers that say what a message is and prove where it comes from: one signature for each secret, so that a receiver
 * that knows one of them is content (Standard Webhooks, multiple signatures). `atSeconds`: Unix time of this attempt.
 */
export async function signedHeaders(
  secrets: readonly string[],
  { id, atSeconds, body }: { readonly id: string; readonly atSeconds: number; readonly body: string },
): Promise<Record<string, string>> {
  const content = new TextEncoder().encode(`${id}.${atSeconds}.${body}`)
  const signatures = await Promise.all(secrets.map((secret) => signature(secret, content)))
  return {
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'webhook-signature': signatures.join(' '),
  }
}

async function signature(secret: string, content: Uint8Array): Promise<string> {
  const bytes = Uint8Array.fromBase64(secret.slice(SECRET_PREFIX.length))
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return `v1,${new Uint8Array(await crypto.subtle.sign('HMAC', key, content)).toBase64()}`
}

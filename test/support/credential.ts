/** What a request shows that somebody makes by hand, beside the Worker. */
import type { Credential } from '../../src/contract/credential.ts'

/** Of the secret part of a grant's token. */
export async function shown(secret: string): Promise<Credential> {
  return shownByHash(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)))
}

/** Of the digest that the grant keeps of it. */
export function shownByHash(hash: ArrayBuffer | Uint8Array): Credential {
  return { kind: 'token', proof: hash instanceof Uint8Array ? hash : new Uint8Array(hash) }
}

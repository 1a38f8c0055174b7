/**
 * The credential that a caller presents. It is opaque on its way: the Worker makes it from the request (request/identity.ts), the
 * principal compares it (principal/tables/grants.ts), and nothing between the two looks into it. Another kind, such as an access token of
 * an authorization server, is another member of this union.
 */
export type Credential = {
  readonly kind: 'token'
  /** SHA-256 of the secret part of a grant's token. The secret itself stays in the Worker. */
  readonly proof: Uint8Array
}

/** The credential as JSON has it: where no bytes can be passed. */
export interface WrittenCredential {
  readonly kind: Credential['kind']
  /** As hex. */
  readonly proof: string
}

export function writeCredential({ kind, proof }: Credential): WrittenCredential {
  return { kind, proof: proof.toHex() }
}

export function readCredential({ kind, proof }: WrittenCredential): Credential {
  return { kind, proof: Uint8Array.fromHex(proof) }
}

/** Names a credential, for keys of what is remembered of it. */
export function credentialKey({ kind, proof }: Credential): string {
  return `${kind}/${proof.toHex()}`
}

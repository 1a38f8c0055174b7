import { BASE64URL } from '../base/base64url.ts'
import { SECRET_BYTES } from '../eras/names.ts'

/** Makes a secret that only the client of an exchange gets: 192 random bits, as base64url. */
export function newSecret(): string {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64(BASE64URL)
}

/** New tokens. */
import { BASE64URL } from '../base/base64url.ts'
import { sha256 } from '../base/sha256.ts'
import { withCheck } from '../names/tokens.ts'

/**
 * A new token of 32 random bytes, and the SHA-256 of its secret part, which is all that is ever stored.
 *
 * @param before what stands before the secret part, such as `gh_acme_bot_`
 */
export async function tokenOf(
  before: string,
  bytes: Uint8Array,
): Promise<{ token: string; hash: Uint8Array }> {
  const secret = withCheck(before, bytes.toBase64(BASE64URL))
  return { token: before + secret, hash: await sha256(secret) }
}

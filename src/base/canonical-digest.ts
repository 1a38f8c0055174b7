/** A digest of a value, the same however its properties are ordered. */
import { canonicalJson } from './canonical-json.ts'
import { sha256Hex } from './sha256.ts'

/** SHA-256, as hex. */
export async function canonicalDigest(value: unknown): Promise<string> {
  return sha256Hex(canonicalJson(value))
}

/** What names a call's arguments without saying them. */
import { canonicalJson } from './canonical.ts'

/** SHA-256 of the canonical JSON, as hex: the order of names does not matter, everything else does. */
export async function digestOf(args: Readonly<Record<string, unknown>>): Promise<string> {
  const text = new TextEncoder().encode(canonicalJson(args))
  return new Uint8Array(await crypto.subtle.digest('SHA-256', text)).toHex()
}

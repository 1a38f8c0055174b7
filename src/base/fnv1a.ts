/** A short digest that anybody can compute: for telling names apart and for check digits, never for secrets. PURE. */

const DIGITS = 8
const encoder = new TextEncoder()

/** FNV-1a, 32 bits, of the text's UTF-8, as 8 hexadecimal digits. Tells names apart; keeps no secret. */
export function fnv1a(text: string): string {
  const bytes = encoder.encode(text)
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193)
  return (hash >>> 0).toString(16).padStart(DIGITS, '0')
}

/** The cursor of a merged list: where each server that has more goes on. PURE. */
import { isObject } from '../upstream/rpc.ts'

/** Longer ones are not made by any server that means well. */
const LONGEST = 16 * 1024

/** Null when no server has more. */
export function encodeCursor(
  parts: readonly { readonly server: string; readonly nextCursor: string | null }[],
): string | null {
  const more = parts.filter(({ nextCursor }) => nextCursor !== null)
  if (more.length === 0) return null
  const text = JSON.stringify(Object.fromEntries(more.map(({ server, nextCursor }) => [server, nextCursor])))
  return new TextEncoder().encode(text).toBase64({ alphabet: 'base64url', omitPadding: true })
}

/** Each server's own cursor, or null for what `encodeCursor` did not make. */
export function decodeCursor(cursor: unknown): ReadonlyMap<string, string> | null {
  if (typeof cursor !== 'string' || cursor.length > LONGEST) return null
  try {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(cursor, { alphabet: 'base64url' }))
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return null
    const entries = Object.entries(value)
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
      ? new Map(entries)
      : null
  } catch {
    return null
  }
}

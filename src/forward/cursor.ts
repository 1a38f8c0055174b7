/** The cursor of a merged list: where each server that has more goes on. PURE. */
import { isObject } from '../json.ts'

/** In characters. It holds one of each server that has more, and theirs may be long. */
const LONGEST = 256 * 1024

/** Null when no server has more. */
export function encodeCursor(
  parts: readonly { readonly server: string; readonly nextCursor: string | null }[],
): string | null {
  const more = parts.filter(({ nextCursor }) => nextCursor !== null)
  if (more.length === 0) return null
  const text = JSON.stringify(Object.fromEntries(more.map(({ server, nextCursor }) => [server, nextCursor])))
  let bytes = ''
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte)
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Each server's own cursor, or null for what `encodeCursor` did not make. */
export function decodeCursor(cursor: unknown): ReadonlyMap<string, string> | null {
  if (typeof cursor !== 'string' || cursor.length > LONGEST) return null
  try {
    const bytes = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)))
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

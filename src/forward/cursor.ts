/** The cursor of a merged list: where each server that has more goes on, and what it has listed before. PURE. */
import { isObject } from '../base/json.ts'

/** In characters. It holds a place of each server that has more. */
const LONGEST = 1024 * 1024
/** In bytes, as JSON: a server's own cursor that is longer is not kept, or it would take the others' room. */
export const LONGEST_OWN = 4 * 1024
/** In characters: marks of all servers together. They share it. */
const MOST_MARKS = 64 * 1024
/** A mark has so many hexadecimal digits: 36 bits, so that of thousands of names no two have the same. */
const MARK = 9

/** The place where one server's list goes on. */
export interface Place {
  /** Its own cursor. */
  readonly cursor: string
  /** Marks of what it has listed on earlier pages (`markOf`), one behind the other: a name that comes again is not listed again. */
  readonly marks: string
}

/** Returns the mark that stands for a name in a cursor. It tells names apart, and keeps no secret. */
export function markOf(name: string): string {
  let [one, other] = [0x811c9dc5, 0x811c9dc5 ^ 0x5bd1e995]
  for (const byte of new TextEncoder().encode(name)) {
    one = Math.imul(one ^ byte, 0x01000193)
    other = Math.imul(other ^ byte, 0x01000193) ^ (other >>> 15)
  }
  const digits = (hash: number) => (hash >>> 0).toString(16).padStart(8, '0')
  return (digits(one) + digits(other)).slice(0, MARK)
}

/** The marks in a place, taken apart. */
export function marksIn({ marks }: Pick<Place, 'marks'>): Set<string> {
  return new Set(marks.match(/.{9}/g) ?? [])
}

/** Null when no server has more. */
export function encodeCursor(
  parts: readonly { readonly server: string; readonly next: Place | null }[],
): string | null {
  const more = parts.flatMap(({ server, next }) => (next === null ? [] : [{ server, ...next }]))
  if (more.length === 0) return null
  const share = Math.floor(MOST_MARKS / more.length / MARK) * MARK
  const places = more.map(({ server, cursor, marks }) => [server, [cursor, marks.slice(0, share)]])
  let bytes = ''
  for (const byte of new TextEncoder().encode(JSON.stringify(Object.fromEntries(places))))
    bytes += String.fromCharCode(byte)
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Each server's own place, or null for what `encodeCursor` did not make. */
export function decodeCursor(cursor: unknown): ReadonlyMap<string, Place> | null {
  if (typeof cursor !== 'string' || cursor.length > LONGEST) return null
  try {
    const bytes = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)))
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return null
    const places = Object.entries(value).map(([server, it]) => [server, placeIn(it)] as const)
    return places.every((entry): entry is readonly [string, Place] => entry[1] !== null)
      ? new Map(places)
      : null
  } catch {
    return null
  }
}

function placeIn(value: unknown): Place | null {
  if (!Array.isArray(value) || value.length !== 2) return null
  const [cursor, marks]: unknown[] = value
  if (typeof cursor !== 'string' || typeof marks !== 'string' || !/^[0-9a-f]*$/.test(marks)) return null
  return { cursor, marks }
}

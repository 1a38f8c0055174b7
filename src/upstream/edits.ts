/** Changes of bytes that go by, of which nothing is copied where nothing changes. PURE. */

/** A change in a piece of bytes: `by` takes the place of those from `start` to `end`. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly by: Uint8Array
}

export const nothing = new Uint8Array(0)

/** The bytes with their edits, which are in order; the same bytes where there are none. */
export function edited(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return bytes
  let length = bytes.length
  for (const { start, end, by } of edits) length += by.length - (end - start)
  const out = new Uint8Array(length)
  let from = 0
  let to = 0
  for (const { start, end, by } of edits) {
    out.set(bytes.subarray(from, start), to)
    to += start - from
    out.set(by, to)
    to += by.length
    from = end
  }
  out.set(bytes.subarray(from), to)
  return out
}

/** The pieces as one; where there is one alone, that. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only = nothing] = pieces
  if (pieces.length <= 1) return only
  const out = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let to = 0
  for (const piece of pieces) {
    out.set(piece, to)
    to += piece.length
  }
  return out
}

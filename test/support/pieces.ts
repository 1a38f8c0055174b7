/** Texts as bytes that come in pieces. */

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

export function bytesOf(pieces: readonly Uint8Array[]): string {
  const all = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return decoder.decode(all)
}

/** The bytes of a text, cut into pieces of these lengths, over and over. */
export function cut(text: string, lengths: readonly number[]): Uint8Array[] {
  const bytes = encoder.encode(text)
  const pieces: Uint8Array[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const length = lengths.length === 0 ? bytes.length : (lengths[i % lengths.length] ?? 1)
    pieces.push(bytes.slice(at, at + length))
    at += length
  }
  return pieces
}

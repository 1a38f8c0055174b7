/** Text that stands in another text in an encoding which a model reads and a person does not. PURE. */

/** Shorter runs are keys, digests and names; what spells a sentence is longer. */
const RUN = /[A-Za-z0-9+/_-]{60,}={0,2}/g
const HEX = /^(?:[0-9a-f]{2})+$/i
/** More of a run is not decoded. */
const MOST_CHARS = 4_096
/** The share of letters and spaces from which decoded bytes are read as a sentence. */
const LEAST_READABLE = 0.85

export interface EncodedText {
  /** The run as it stands. */
  readonly run: string
  /** The decoded text. */
  readonly text: string
}

/**
 * The first run of Base64 or hexadecimal digits that spells a text of several words; null where there is none. Pointers, paths,
 * pictures, keys and signatures spell nothing; a token (RFC 7519) spells an object and no sentence.
 */
export function encodedIn(text: string): EncodedText | null {
  for (const [run] of text.matchAll(RUN)) {
    const spelt = spelling(run.slice(0, MOST_CHARS))
    if (spelt !== null) return { run, text: spelt }
  }
  return null
}

function spelling(run: string): string | null {
  const bytes = HEX.test(run) ? fromHex(run) : fromBase64(run)
  if (bytes === null) return null
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes, { stream: true })
  } catch {
    return null
  }
  const readable = text.replaceAll(/[^\p{L}\p{M}\p{N} ,.!?'’\n]/gu, '').length
  const isSentence = /\p{L}\s\p{L}|\p{Script=Han}{8}|[\p{Script=Hiragana}\p{Script=Katakana}]{4}/u.test(text)
  return isSentence && readable >= LEAST_READABLE * text.length ? text : null
}

function fromHex(run: string): Uint8Array {
  return Uint8Array.from({ length: run.length / 2 }, (_, i) =>
    Number.parseInt(run.slice(2 * i, 2 * i + 2), 16),
  )
}

function fromBase64(run: string): Uint8Array | null {
  const plain = run.replaceAll('-', '+').replaceAll('_', '/').replaceAll('=', '')
  try {
    // The rest of a group that was cut is no byte.
    const binary = atob(plain.slice(0, plain.length - (plain.length % 4)))
    return Uint8Array.from(binary, (char) => char.charCodeAt(0))
  } catch {
    return null
  }
}

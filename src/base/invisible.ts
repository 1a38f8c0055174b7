/**
 * Characters that a reader does not see and a model does: with them a description says more than it shows, or shows
 * it in another order. PURE.
 */

/** The text that is there, what cannot be seen in it, and what that spells. */
export interface Visibility {
  /** The text without what cannot be seen. */
  readonly visible: string
  /** `U+202E`, each once, in order of appearance. */
  readonly codes: readonly string[]
  /** The number of characters that cannot be seen. */
  readonly count: number
  /** The text spelt in tag characters or variation selectors; empty where there is none. */
  readonly smuggled: string
}

/**
 * Format characters (zero-width, direction-changing, tags, soft hyphen), control characters except tab and line
 * ends, variation selectors, and letters that are blank. Signs of Arabic and Syriac that Unicode counts as format
 * characters are drawn.
 */
const UNSEEN = [
  String.raw`(?![\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}\t\n\r])[\p{Cf}\p{Cc}]`,
  String.raw`[\uFE00-\uFE0F\u{E0100}-\u{E01EF}\u180B-\u180D\u180F]`,
  String.raw`[\u034F\u115F\u1160\u17B4\u17B5\u2028\u2029\u3164\uFFA0]`,
].join('|')
const ANY_UNSEEN = new RegExp(UNSEEN, 'u')
const EACH_UNSEEN = new RegExp(UNSEEN, 'gu')
/** The three flags that are spelt in tags: England, Scotland, Wales. */
const FLAGS =
  /\u{1F3F4}\u{E0067}\u{E0062}(?:\u{E0065}\u{E006E}\u{E0067}|\u{E0073}\u{E0063}\u{E0074}|\u{E0077}\u{E006C}\u{E0073})\u{E007F}/gu
/** Presentation as picture or as text, and the digits on keys. */
const PRESENTATION = /(?:\p{Extended_Pictographic}[\uFE0E\uFE0F])|(?:[0-9#*]\uFE0F(?=\u20E3))/gu
/** The glue of pictures such as a family, once their presentation is gone. */
const GLUE = /(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier})\u200D(?=\p{Extended_Pictographic})/gu
/** In scripts whose letters join, the two joiners are spelling. */
const JOINERS =
  /(?<=[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Khmer}\p{Script=Myanmar}])[\u200C\u200D](?=[\p{L}\p{M}])/gu

/** All of these in one, for whoever goes through a text once: a picture is one match with its presentation. */
const PROPER = [
  FLAGS.source,
  PRESENTATION.source,
  String.raw`(?<=\p{Extended_Pictographic}[\uFE0E\uFE0F]?|\p{Emoji_Modifier})\u200D(?=\p{Extended_Pictographic})`,
  JOINERS.source,
].join('|')
const PROPER_OR_UNSEEN = new RegExp(`(?<proper>${PROPER})|(?<unseen>${UNSEEN})`, 'gu')

/** A part of a text: what is drawn, or one character that is not. */
export interface Piece {
  readonly text: string
  readonly isUnseen: boolean
}

/** Splits a text into parts, in order, leaving nothing out. A character that is proper in its place, as in a flag, is drawn. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let start = 0
  const drawn = (end: number) => {
    if (end > start) pieces.push({ text: text.slice(start, end), isUnseen: false })
  }
  for (const { index, groups, 0: match } of text.matchAll(PROPER_OR_UNSEEN)) {
    if (groups?.unseen === undefined) continue
    drawn(index)
    pieces.push({ text: match, isUnseen: true })
    start = index + match.length
  }
  drawn(text.length)
  return pieces
}

/** Looks for what cannot be seen in a text; null where there is nothing. */
export function unseenIn(text: string): Visibility | null {
  if (!ANY_UNSEEN.test(text)) return null
  const proper = text
    .replaceAll(FLAGS, '\u{1F3F4}')
    .replaceAll(PRESENTATION, (sequence) => sequence.slice(0, -1))
    .replaceAll(GLUE, '')
    .replaceAll(JOINERS, '')
  const codes = new Set<string>()
  let count = 0
  let tags = ''
  const bytes: number[] = []
  for (const [char] of proper.matchAll(EACH_UNSEEN)) {
    const code = char.codePointAt(0) as number
    count += 1
    codes.add(`U+${code.toString(16).toUpperCase().padStart(4, '0')}`)
    if (code >= 0xe0020 && code <= 0xe007e) tags += String.fromCharCode(code - 0xe0000)
    // One byte in each variation selector, of which there are 256.
    if (code >= 0xfe00 && code <= 0xfe0f) bytes.push(code - 0xfe00)
    if (code >= 0xe0100 && code <= 0xe01ef) bytes.push(code - 0xe0100 + 16)
  }
  if (count === 0) return null
  const spelt = new TextDecoder().decode(new Uint8Array(bytes)).replaceAll(/[^\x20-\x7E]/g, '')
  const smuggled = [tags, spelt].filter((part) => part.length > 2).join(' ')
  return { visible: proper.replaceAll(EACH_UNSEEN, ''), codes: [...codes], count, smuggled }
}

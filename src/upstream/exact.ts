/**
 * Numbers that JSON can say and JavaScript cannot keep. A request that is parsed, decided on and written again
 * would reach its server with another number than its client sent. PURE.
 */

/** 2^53 has 16 digits: with fewer, every integer is kept. */
const FEWEST_DIGITS = 16
const MANY_DIGITS = /[0-9]{16}/
/** The largest number has 309. */
const MOST_DIGITS = 309
/** Of a number that is named in an error. */
const LONGEST_QUOTE = 40
const NUMBERS = /-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?/g

/**
 * The first integer in a JSON text that would not stay what it is, cut at 40 characters; null where all do. Numbers with a fraction or an
 * exponent are approximate to begin with. The text must be JSON; what is in strings does not count.
 */
export function inexactNumber(text: string): string | null {
  if (!MANY_DIGITS.test(text)) return null
  let start = 0
  while (start < text.length) {
    const quote = text.indexOf('"', start)
    const end = quote < 0 ? text.length : quote
    if (end - start >= FEWEST_DIGITS) {
      for (const [literal] of text.slice(start, end).matchAll(NUMBERS)) {
        if (isInexact(literal))
          return literal.length <= LONGEST_QUOTE ? literal : `${literal.slice(0, LONGEST_QUOTE)}…`
      }
    }
    if (quote < 0) return null
    start = behindString(text, quote)
  }
  return null
}

/** The place behind the string that begins at a quotation mark. */
function behindString(text: string, quote: number): number {
  let end = text.indexOf('"', quote + 1)
  while (end >= 0) {
    let slashes = 0
    while (text[end - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return end + 1
    end = text.indexOf('"', end + 1)
  }
  return text.length
}

function isInexact(literal: string): boolean {
  const digits = literal.startsWith('-') ? literal.length - 1 : literal.length
  if (digits < FEWEST_DIGITS || !/^-?[0-9]+$/.test(literal)) return false
  return digits > MOST_DIGITS || !isSame(literal)
}

function isSame(literal: string): boolean {
  const kept = Number(literal)
  return Number.isFinite(kept) && BigInt(kept) === BigInt(literal)
}

/**
 * Numbers that JSON can say and JavaScript cannot keep. A request that is parsed, decided on and written again
 * would reach its server with another number than its client sent. PURE.
 */
import { behindString } from './exact-json.ts'

/** Only a number with so many digits in a row as 2^53 has, or with an exponent, can be lost. */
const SUSPECT = /[0-9]{16}|[0-9][eE]/
/** The largest number has 309. */
const MOST_DIGITS = 309
/** The most characters of a number that an error quotes. */
const LONGEST_QUOTE = 40
const ZERO = 0x30
const NINE = 0x39
/** The signs of a number besides its digits. */
const SIGNS = new Set(['-', '+', '.', 'e', 'E'].map((sign) => sign.charCodeAt(0)))

/**
 * The first number in a JSON text that would not stay what it is (`isInexact`), cut at 40 characters; null where all do. The text must
 * be JSON; what is in strings does not count.
 */
export function inexactNumber(text: string): string | null {
  if (!SUSPECT.test(text)) return null
  let start = 0
  while (start < text.length) {
    const quote = text.indexOf('"', start)
    const end = quote < 0 ? text.length : quote
    const inexact = firstInexact(text, start, end)
    if (inexact !== null) return quoted(inexact)
    if (quote < 0) return null
    start = behindString(text, quote)
  }
  return null
}

/**
 * The first inexact number between two places that have no string between them. Read in a loop: a regular expression keeps a
 * place to go back to for each digit, and there may be millions of them.
 */
function firstInexact(text: string, from: number, to: number): string | null {
  for (let at = from; at < to; at += 1) {
    if (!isDigit(text.charCodeAt(at))) continue
    const begin = at > from && text[at - 1] === '-' ? at - 1 : at
    while (at < to && isOfNumber(text.charCodeAt(at))) at += 1
    const literal = text.slice(begin, at)
    if (isInexact(literal)) return literal
  }
  return null
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

function isOfNumber(code: number): boolean {
  return isDigit(code) || SIGNS.has(code)
}

/** A number as an error names it, cut at 40 characters. */
export function quoted(literal: string): string {
  return literal.length <= LONGEST_QUOTE ? literal : `${literal.slice(0, LONGEST_QUOTE)}…`
}

/**
 * Tells whether a number of a JSON text is lost when it is parsed: one that becomes infinite, and an integer, however it is
 * written, that becomes another integer. Fractions are approximate to begin with, and so is an integer in scientific
 * notation (`1e23`), as long as the text that is written again says the same number.
 */
export function isInexact(literal: string): boolean {
  const kept = Number(literal)
  // Up to here every integer is kept.
  if (Math.abs(kept) <= Number.MAX_SAFE_INTEGER || Number.isNaN(kept)) return false
  if (!Number.isFinite(kept)) return true
  const meant = integerIn(literal)
  if (meant === null || isExactly(kept, meant)) return false
  const written = isScientific(literal) ? integerIn(String(kept)) : null
  return written === null || written.digits !== meant.digits || written.zeros !== meant.zeros
}

/** Tells whether a literal says an integer, however it is written: `1.0` and `100e-1`, too. */
export function isInteger(literal: string): boolean {
  return integerIn(literal) !== null
}

/** The size of an integer: its digits without the zeros at either end, and how many zeros follow them. */
interface Integer {
  readonly digits: string
  readonly zeros: number
}

/** A literal's digits before and behind the point, and its exponent; null where it has none. */
function partsOf(literal: string): { whole: string; fraction: string; exponent: string | null } {
  const begin = literal.startsWith('-') ? 1 : 0
  const e = literal.search(/[eE]/)
  const end = e < 0 ? literal.length : e
  const point = literal.indexOf('.')
  const isWhole = point < 0 || point > end
  return {
    whole: literal.slice(begin, isWhole ? end : point),
    fraction: isWhole ? '' : literal.slice(point + 1, end),
    exponent: e < 0 ? null : literal.slice(e + 1),
  }
}

/** Tells whether it is the notation in which programs write a floating-point number that is too large for plain digits. */
function isScientific(literal: string): boolean {
  const { whole, exponent } = partsOf(literal)
  return exponent !== null && whole.length === 1
}

/** The integer that a literal says; null for a fraction. */
function integerIn(literal: string): Integer | null {
  const { whole, fraction, exponent } = partsOf(literal)
  const all = `${whole}${fraction}`
  // In loops: a regular expression would look for the end of the zeros from each of them.
  let end = all.length
  while (end > 0 && all.charCodeAt(end - 1) === ZERO) end -= 1
  let start = 0
  while (start < end && all.charCodeAt(start) === ZERO) start += 1
  if (start === end) return { digits: '', zeros: 0 }
  const zeros = Number(exponent ?? 0) - fraction.length + all.length - end
  return zeros < 0 ? null : { digits: all.slice(start, end), zeros }
}

function isExactly(kept: number, { digits, zeros }: Integer): boolean {
  if (digits === '') return kept === 0
  if (digits.length + zeros > MOST_DIGITS || !Number.isInteger(kept)) return false
  return BigInt(Math.abs(kept)) === BigInt(digits) * 10n ** BigInt(zeros)
}

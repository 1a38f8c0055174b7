/**
 * Finds what looks like a full card number (PAN), so that a call which holds one is refused before it leaves
 * (legiti.md: never more than the first six and last four digits).
 *
 * It guards against accidents, not against an agent that means to smuggle: any encoding defeats it. It must also
 * let through the other long numbers of this trade (phones, CPF, CNPJ, timestamps, order ids), so a number has to
 * pass Luhn (ISO/IEC 7812-1, annex B) and have a prefix and a length that an issuer uses.
 *
 * Known price: one in ten of the order numbers that happen to have such a prefix and length is refused too.
 *
 * PURE: no I/O, no clock, no randomness.
 */

const SHORTEST = 13
const LONGEST = 19

interface Issuer {
  /** The brand, for the reader. Rows may overlap. */
  brand: string
  prefix: RegExp
  lengths: readonly number[]
  /** False where real cards are known that fail the check. */
  luhn: boolean
}

/** Issuer ranges: ISO/IEC 7812 as the networks publish them, and the Brazilian brands. */
const ISSUERS: readonly Issuer[] = [
  { brand: 'Visa', prefix: /^4/, lengths: [13, 16, 19], luhn: true },
  {
    brand: 'Mastercard',
    prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/,
    lengths: [16],
    luhn: true,
  },
  { brand: 'American Express', prefix: /^3[47]/, lengths: [15], luhn: true },
  // Not 15: an IMEI has 15 digits and always passes Luhn.
  { brand: 'Diners Club', prefix: /^3(?:0[0-5]|095|[689])/, lengths: [14, 16, 17, 18, 19], luhn: true },
  { brand: 'JCB', prefix: /^35(?:2[89]|[3-8])/, lengths: [16, 17, 18, 19], luhn: true },
  { brand: 'Discover', prefix: /^(?:6011|64[4-9]|65)/, lengths: [16, 17, 18, 19], luhn: true },
  // Some banks issued UnionPay cards whose last digit is no Luhn digit, so the prefix and length have to do.
  { brand: 'UnionPay', prefix: /^62/, lengths: [16, 17, 18, 19], luhn: false },
  // Shorter Maestro numbers exist on paper; 13 digits is the length of many shops' order numbers.
  { brand: 'Maestro', prefix: /^(?:50|5[6-8]|6304|67)/, lengths: [16, 17, 18, 19], luhn: true },
  { brand: 'Elo', prefix: /^(?:5067|509|627780|636297|636368|65[015])/, lengths: [16], luhn: true },
  {
    brand: 'Hipercard',
    prefix: /^(?:606282|3841[046]0|637(?:095|568|599|609|612))/,
    lengths: [16, 19],
    luhn: true,
  },
  { brand: 'Aura', prefix: /^50/, lengths: [16, 17, 18, 19], luhn: true },
]

/** One place in the document, linked to its parent, so that a pointer is only spelt out when it is needed. */
interface Place {
  value: unknown
  parent: Place | null
  token: string
}

/**
 * The JSON Pointer (RFC 6901) of the first place, in document order, that holds something like a full card number;
 * null when there is none. Strings, whole numbers and object keys are looked at. For a key it is the pointer of
 * the object that has the key, so that the answer, which ends up in errors and logs, never holds the number
 * itself; for the document itself it is `''`: compare with null, not for truth.
 *
 * Time is linear in the size of the document, and the stack does not grow with its depth.
 */
export function findCardNumber(value: unknown): string | null {
  const places: Place[] = [{ value, parent: null, token: '' }]
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    // The key of a place is looked at before the place itself: what comes first in the text is reported first.
    const { parent } = place
    if (parent !== null && !Array.isArray(parent.value) && holdsCardNumber(place.token))
      return pointerOf(parent)
    const inside = place.value
    if (typeof inside === 'string') {
      if (holdsCardNumber(inside)) return pointerOf(place)
    } else if (typeof inside === 'number' || typeof inside === 'bigint') {
      // A fraction is an amount or a coordinate, and its digits are noise.
      const whole = typeof inside === 'bigint' || Number.isInteger(inside)
      if (whole && holdsCardNumber(String(inside))) return pointerOf(place)
    } else if (typeof inside === 'object' && inside !== null) {
      const entries = Object.entries(inside)
      for (let index = entries.length - 1; index >= 0; index -= 1) {
        const entry = entries[index]
        if (entry !== undefined) places.push({ value: entry[1], parent: place, token: entry[0] })
      }
    }
  }
  return null
}

function pointerOf(place: Place): string {
  const tokens: string[] = []
  for (let at: Place = place; at.parent !== null; at = at.parent) {
    tokens.push(`/${at.token.replaceAll('~', '~0').replaceAll('/', '~1')}`)
  }
  return tokens.reverse().join('')
}

/** Printable ASCII throughout: nothing to fold, and no character that stands for several digits. */
const ASCII = /^[ -~]*$/

/** One space, dot or dash of any script, between two digits of one number. */
const SEPARATOR = /^[\p{Zs}\p{Pd}.\u00b7\u2212]$/u

/**
 * Ids in hexadecimal: UUIDs, and digests of the usual lengths. Some one in ten thousand of them holds digits that
 * would pass for a card, and an id is always the same: its events could never be delivered.
 */
const HEXADECIMAL_ID =
  /(?<![0-9a-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-z])/gi

/** The runs of ASCII digits of a text. In a loop: a regular expression keeps a place to go back to for each digit of a run. */
function* runsOfDigits(text: string): Generator<{ readonly index: number; readonly run: string }> {
  for (let index = 0; index < text.length; index += 1) {
    let end = index
    while (isDigit(text.charCodeAt(end))) end += 1
    if (end === index) continue
    yield { index, run: text.slice(index, end) }
    index = end
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/**
 * Tells whether the text holds a card number anywhere: whole runs of digits, one or several joined by single separators,
 * 13 to 19 digits together. A window starts and ends with a run, so that "sale 12 4111 1111 1111 1111" is found
 * and a slice of a longer unbroken number is not.
 */
function holdsCardNumber(raw: string): boolean {
  if (raw.length < SHORTEST && ASCII.test(raw)) return false
  const text = asciiDigits(raw).replace(HEXADECIMAL_ID, 'x')
  /** The last digits of the current sequence, at most LONGEST, and where in them each run starts. */
  let digits = ''
  let starts: number[] = []
  let end = -1
  for (const { index, run } of runsOfDigits(text)) {
    const joined = index === end + 1 && SEPARATOR.test(text.charAt(end))
    end = index + run.length
    if (!joined || run.length > LONGEST) {
      digits = ''
      starts = []
    }
    if (run.length > LONGEST) continue
    starts.push(digits.length)
    digits += run
    const surplus = digits.length - LONGEST
    if (surplus > 0) {
      starts = starts.filter((start) => start >= surplus).map((start) => start - surplus)
      digits = digits.slice(surplus)
    }
    for (const start of starts) {
      if (digits.length - start < SHORTEST) break
      if (isCardNumber(digits.slice(start))) return true
    }
  }
  return false
}

/**
 * The text with every decimal digit in ASCII and without invisible characters: NFKC folds full-width and styled
 * digits and the no-break space, and leaves other scripts' digits (٤, ४), which follow one another in Unicode.
 */
function asciiDigits(raw: string): string {
  if (ASCII.test(raw)) return raw
  return raw
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/(?!\d)\p{Nd}/gu, (digit) => {
      const code = digit.codePointAt(0) ?? 0
      let value = 0
      while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1
      return String(value)
    })
}

function isCardNumber(digits: string): boolean {
  // Luhn last: it is the dearest of the checks, and most windows of a long text fail the others.
  const issued = ISSUERS.some(
    ({ prefix, lengths, luhn }) =>
      lengths.includes(digits.length) && prefix.test(digits) && (!luhn || passesLuhn(digits)),
  )
  return issued && !isCnpj(digits)
}

/** The check digit of ISO/IEC 7812-1, annex B. */
function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits.charAt(digits.length - 1 - index))
    const weighed = index % 2 === 0 ? digit : digit * 2
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}

/**
 * Tells whether 14 digits are a company's CNPJ: one of its first 99 branches, and both check digits (Receita Federal,
 * modulo 11) right. One in ten CNPJs that start with 36 would else pass for a Diners Club card, and one in ten
 * thousand of those cards passes for a CNPJ.
 */
function isCnpj(digits: string): boolean {
  if (!/^\d{8}00(?!00)\d{4}$/.test(digits)) return false
  return [12, 13].every((length) => {
    let sum = 0
    for (let index = 0; index < length; index += 1) {
      sum += Number(digits.charAt(length - 1 - index)) * ((index % 8) + 2)
    }
    const check = 11 - (sum % 11)
    return Number(digits.charAt(length)) === (check > 9 ? 0 : check)
  })
}

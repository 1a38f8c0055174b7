/**
 * Exact decimal numbers: money is added and compared as it is written, never as a binary fraction.
 */

/** `units / 10^scale`; `scale` is 0 or more. */
export interface Decimal {
  readonly units: bigint
  readonly scale: number
}

export const ZERO: Decimal = { units: 0n, scale: 0 }

/** The grammar of a JSON number (RFC 8259, 6), with a bounded exponent: `1e999999999` must not cost a gigabyte. */
const GRAMMAR = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/
const LONGEST_TEXT = 64

/**
 * Reads a number, or a string that is written like a JSON number. Null for anything else: NaN, infinities,
 * blanks, a leading `+` or zero, more than 64 characters.
 */
export function parseDecimal(value: unknown): Decimal | null {
  if (typeof value === 'number') return Number.isFinite(value) ? readDecimal(String(value)) : null
  return typeof value === 'string' && value.length <= LONGEST_TEXT ? readDecimal(value) : null
}

/**
 * Reads what `formatDecimal` wrote, of any length: sums grow longer than anyone may write them. Null for
 * anything else.
 */
export function readDecimal(text: string): Decimal | null {
  const match = GRAMMAR.exec(text)
  if (match === null) return null
  const [, sign, whole, fraction = '', exponent = '0'] = match
  const digits = BigInt(`${sign}${whole}${fraction}`)
  const scale = fraction.length - Number(exponent)
  return scale >= 0 ? { units: digits, scale } : { units: digits * 10n ** BigInt(-scale), scale: 0 }
}

/** Negative when `a < b`, 0 when they are equal, positive when `a > b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const difference = subtract(a, b).units
  if (difference === 0n) return 0
  return difference < 0n ? -1 : 1
}

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return { units: unitsAt(a, scale) + unitsAt(b, scale), scale }
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { units: -b.units, scale: b.scale })
}

/** The shortest text that means the same number, without an exponent: what is stored and sent. */
export function formatDecimal({ units, scale }: Decimal): string {
  if (scale === 0) return String(units)
  const sign = units < 0n ? '-' : ''
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const fraction = digits.slice(-scale).replace(/0+$/, '')
  const whole = digits.slice(0, -scale)
  const isZero = fraction === '' && whole === '0'
  return `${isZero ? '' : sign}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/**
 * The decimal as a JSON number where that loses nothing, else as text: for structured results.
 *
 * @param text as `formatDecimal` writes it
 */
export function jsonNumber(text: string): number | string {
  const number = exactNumber(text)
  return number ?? text
}

/** The JavaScript number whose shortest decimal form is exactly this number, or null where there is none. */
export function exactNumber(text: string): number | null {
  const wanted = parseDecimal(text)
  const number = Number(text)
  const got = parseDecimal(number)
  return wanted !== null && got !== null && compareDecimals(wanted, got) === 0 ? number : null
}

function unitsAt({ units, scale }: Decimal, wanted: number): bigint {
  return wanted === scale ? units : units * 10n ** BigInt(wanted - scale)
}

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Amount,
  addAmounts,
  compareAmounts,
  formatAmount,
  readAmount,
  subtractAmounts,
} from '../../src/policy/amount.ts'
import {
  add,
  compareDecimals,
  type Decimal,
  formatDecimal,
  readDecimal,
  subtract,
} from '../../src/policy/decimal.ts'

const amount = (text: string) => readAmount(text) as Amount
const decimal = (text: string) => readDecimal(text) as Decimal

/** Around every length at which something changes: 15 digits, the largest safe integer, more. */
const whole = fc.oneof(
  fc.maxSafeInteger().map(BigInt),
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }),
  fc.constantFrom(
    ...[0n, 1n, -1n, 10n ** 15n - 1n, 10n ** 15n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n) + 1n],
  ),
)
const written = fc.oneof(
  whole.map(String),
  fc.tuple(whole, fc.integer({ min: 0, max: 12 })).map(([units, scale]) => formatDecimal({ units, scale })),
)
const bounded = { numRuns: 2_000 }

describe('an amount is what the decimal is', () => {
  test('however it is written', () => {
    fc.assert(
      fc.property(written, (text) => {
        expect(formatAmount(amount(text))).toBe(formatDecimal(decimal(text)))
      }),
      bounded,
    )
  })

  test('in sums, differences and order, also of what sums and differences come to', () => {
    fc.assert(
      fc.property(written, written, written, (a, b, c) => {
        const [x, y, z] = [amount(a), amount(b), amount(c)]
        const [u, v, w] = [decimal(a), decimal(b), decimal(c)]
        expect(formatAmount(addAmounts(x, y))).toBe(formatDecimal(add(u, v)))
        expect(formatAmount(subtractAmounts(x, y))).toBe(formatDecimal(subtract(u, v)))
        expect(formatAmount(subtractAmounts(addAmounts(x, y), z))).toBe(formatDecimal(subtract(add(u, v), w)))
        expect(Math.sign(compareAmounts(x, y))).toBe(Math.sign(compareDecimals(u, v)))
        expect(Math.sign(compareAmounts(addAmounts(x, y), z))).toBe(Math.sign(compareDecimals(add(u, v), w)))
      }),
      bounded,
    )
  })

  test('and of any text that is none, none', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^-?[0-9]{0,20}[.eE+x ]?[0-9]{0,4}$/))
    fc.assert(
      fc.property(text, (it) => {
        const [read, wanted] = [readAmount(it), readDecimal(it)]
        expect(read === null ? null : formatAmount(read)).toBe(wanted === null ? null : formatDecimal(wanted))
      }),
      bounded,
    )
  })
})

test('a sum that JavaScript would round is exact', () => {
  expect(formatAmount(addAmounts(amount('9007199254740991'), 2))).toBe('9007199254740993')
  expect(formatAmount(subtractAmounts(-9_007_199_254_740_991, 2))).toBe('-9007199254740993')
})

test.each(['007', '', '-', '00', '1e3', '-0', '+1', '1 ', '1_000'])('%j is read as a decimal is', (text) => {
  const wanted = readDecimal(text)
  const read = readAmount(text)
  expect(read === null ? null : formatAmount(read)).toBe(wanted === null ? null : formatDecimal(wanted))
})

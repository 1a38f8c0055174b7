import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  add,
  compareDecimals,
  type Decimal,
  exactNumber,
  formatDecimal,
  jsonNumber,
  parseDecimal,
  readDecimal,
  subtract,
} from '../../src/policy/decimal.ts'

const decimal = (value: number | string) => parseDecimal(value) as Decimal

describe('what is a decimal', () => {
  test.each<[unknown, string]>([
    [0, '0'],
    [-0, '0'],
    ['-0.00', '0'],
    [0.1, '0.1'],
    [1e21, '1000000000000000000000'],
    [1e-7, '0.0000001'],
    ['12.50', '12.5'],
    ['-3.14', '-3.14'],
    ['1.5e3', '1500'],
    ['1E-2', '0.01'],
    ['0.000', '0'],
    ['9007199254740993', '9007199254740993'],
  ])('%j is %s', (value, text) => {
    expect(formatDecimal(decimal(value as number))).toBe(text)
  })

  test.each([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['an empty text', ''],
    ['a blank', ' 1'],
    ['a plus sign', '+1'],
    ['a leading zero', '01'],
    ['a bare point', '1.'],
    ['a group of thousands', '1,000'],
    ['a hexadecimal number', '0x10'],
    ['an exponent that would cost a gigabyte', '1e9999'],
    ['a text without end', '1'.repeat(65)],
    ['a truth', true],
    ['nothing', null],
    ['a list', [1]],
  ])('%s is none', (_, value) => {
    expect(parseDecimal(value)).toBeNull()
  })

  test('a text of 64 characters is one', () => {
    expect(parseDecimal('1'.repeat(64))?.units).toBe(BigInt('1'.repeat(64)))
  })

  test('what was stored may be longer than what may be written', () => {
    const long = `1${'0'.repeat(100)}`
    expect(parseDecimal(long)).toBeNull()
    expect(formatDecimal(readDecimal(long) as Decimal)).toBe(long)
  })
})

const cents = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })
const written = fc.tuple(cents, fc.integer({ min: 0, max: 12 })).map(([units, scale]) => ({ units, scale }))

describe('arithmetic', () => {
  test('a tenth and two tenths are three tenths', () => {
    expect(formatDecimal(add(decimal(0.1), decimal('0.2')))).toBe('0.3')
  })

  test('is that of whole numbers of the smallest unit', () => {
    fc.assert(
      fc.property(written, written, (a, b) => {
        const at = ({ units, scale }: Decimal) => units * 10n ** BigInt(12 - scale)
        expect(at(subtract(add(a, b), b))).toBe(at(a))
        expect(Math.sign(compareDecimals(a, b))).toBe(at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0)
      }),
    )
  })

  test('what is written reads as the same number, in the shortest way', () => {
    fc.assert(
      fc.property(written, (a) => {
        const text = formatDecimal(a)
        expect(compareDecimals(readDecimal(text) as Decimal, a)).toBe(0)
        expect(text).toMatch(/^(0|-?(0|[1-9]\d*)(\.\d*[1-9])?)$/)
      }),
    )
  })

  test('numbers are ordered as their decimals are', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        expect(Math.sign(compareDecimals(decimal(a), decimal(b)))).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })
})

test('a result is a JSON number only where that loses nothing', () => {
  expect(jsonNumber('30')).toBe(30)
  expect(jsonNumber('0.1')).toBe(0.1)
  expect(jsonNumber('9007199254740993')).toBe('9007199254740993')
  expect(exactNumber('0.10000000000000000001')).toBeNull()
  expect(exactNumber('no number')).toBeNull()
})

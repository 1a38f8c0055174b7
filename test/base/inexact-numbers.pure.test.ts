import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inexactNumber } from '../../src/base/inexact-numbers.ts'
import { processorClock } from '../support/processor-time.ts'

describe('a number that would become another', () => {
  test.each<[string, string]>([
    ['9007199254740993', '9007199254740993'],
    ['-9007199254740993', '-9007199254740993'],
    ['{"a":[1,{"b":12345678901234567890}]}', '12345678901234567890'],
    ['{"a":1e30,"b":9007199254740993,"c":9007199254740995}', '9007199254740993'],
    ['[9007199254740993.0]', '9007199254740993.0'],
    ['[9007199254740993.000e0]', '9007199254740993.000e0'],
    ['[9007199254740993e0]', '9007199254740993e0'],
    ['[90071992547409930e-1]', '90071992547409930e-1'],
    ['[900719925474.0993E+4]', '900719925474.0993E+4'],
    ['[9.007199254740993e15]', '9.007199254740993e15'],
    ['[0.00009007199254740993e20]', '0.00009007199254740993e20'],
    [`[9007199254740993${'0'.repeat(50)}e-50]`, `9007199254740993${'0'.repeat(24)}…`],
    ['[12345678901234567890.0]', '12345678901234567890.0'],
    ['[12345678901234567890e0]', '12345678901234567890e0'],
    ['[100000000000000000000000]', '100000000000000000000000'],
    ['[100e21]', '100e21'],
    ['[1e400]', '1e400'],
    ['{"a":"","b":-1E+400}', '-1E+400'],
    ['[1.8e308]', '1.8e308'],
    ['[1e0000000000000000000000000000400]', '1e0000000000000000000000000000400'],
    ['[0.1e99999999999999999999]', '0.1e99999999999999999999'],
    ['{"1234567890123456789":1234567890123456789}', '1234567890123456789'],
    ['["\\\\",9007199254740993,"\\""]', '9007199254740993'],
    [`[${'9'.repeat(309)}]`, `${'9'.repeat(40)}…`],
    [`[1${'0'.repeat(400)}]`, `1${'0'.repeat(39)}…`],
  ])('is found in %s', (text, found) => expect(inexactNumber(text)).toBe(found))

  test.each([
    '',
    '1',
    '[9007199254740991,-9007199254740992,9007199254740994,10000000000000000000000]',
    `[1${'0'.repeat(22)}]`,
    '"9007199254740993"',
    '{"9007199254740993":"\\"9007199254740993"}',
    '["\\\\\\"",  "9007199254740993"]',
    '[0.12345678901234567890,0.1,9007199254740993.5,1E-12345678901234567890,5e-324]',
    '[1234567890123456,"a"]',
    '[9007199254740992.0,9007199254740994e0,90071992547409920e-1,1234567890123456.000]',
    '[0e400,-0E+99999999999,0.000e999,-0,-0.0,0.0e-5]',
    '[1e3,1.5E3,100e-2,1e22,1E+22]',
    // As programs write the doubles that they have; none of them is an integer of so many zeros.
    '[1e23,1E+23,1.0E23,1.7976931348623157e308,1.5e+300,1.2345678901234567e+19]',
    '{"9007199254740993e0":"1e400 \\"}',
  ])('is not there in %s', (text) => expect(inexactNumber(text)).toBeNull())

  test('is found exactly where parsing and writing changes an integer', () => {
    const leaf = fc.oneof(
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
      fc.integer().map(String),
      fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
      fc.string().map((text) => JSON.stringify(text)),
      fc.bigInt().map((value) => JSON.stringify(`"${value}\\`)),
    )
    const isChanged = (text: string) => /^-?\d+$/.test(text) && BigInt(Number(text)) !== BigInt(text)
    fc.assert(
      fc.property(fc.array(leaf), fc.constantFrom(',', ' , ', ',\n'), (leaves, between) => {
        expect(inexactNumber(`[${leaves.join(between)}]`)).toBe(leaves.find(isChanged) ?? null)
      }),
    )
  })

  test('is found however an integer is written', () => {
    const written = fc
      .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(40), fc.nat(40))
      .map(([value, zeros, point]) => {
        const digits = `${value < 0n ? -value : value}${'0'.repeat(zeros)}`
        const at = Math.max(1, digits.length - point)
        const fraction = digits.slice(at)
        const exponent = fraction.length - zeros
        const sign = value < 0n ? '-' : ''
        const text = `${sign}${digits.slice(0, at)}${fraction === '' ? '' : `.${fraction}`}`
        return { value, text: exponent === 0 ? text : `${text}e${exponent}` }
      })
    fc.assert(
      fc.property(written, ({ value, text }) => {
        const isKept = BigInt(Number(text)) === value
        // In scientific notation a double stands for itself.
        const isDouble = /^-?\d(?:\.\d+)?e/.test(text) && sameDecimal(String(Number(text)), value)
        expect(inexactNumber(`{"a":${text}}`) === null).toBe(isKept || isDouble)
      }),
      { numRuns: 2_000 },
    )
  })

  function sameDecimal(text: string, value: bigint): boolean {
    const [, sign = '', whole = '', fraction = '', exponent = '0'] =
      /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text) ?? []
    const zeros = Number(exponent) - fraction.length
    return zeros >= 0 && BigInt(`${sign}${whole}${fraction}`) * 10n ** BigInt(zeros) === value
  }

  test.each<[string, string]>([
    ['digits', `[${'1'.repeat(5_000_000)}]`],
    ['digits behind a point', `[1.${'1'.repeat(5_000_000)}]`],
    ['zeros', `[1${'0'.repeat(5_000_000)}e-5000000]`],
    ['zeros behind a point', `[1.${'0'.repeat(5_000_000)}e0]`],
    ['zeros of a fraction', `[0.${'0'.repeat(5_000_000)}1e5000001]`],
    ['exponents', `[${'1e15,'.repeat(1_000_000)}1]`],
    ['an exponent', `[1e${'0'.repeat(5_000_000)}1]`],
    ['strings', `[${'"a",'.repeat(1_000_000)}1000000000000000]`],
    ['escapes', `["${'\\"'.repeat(2_000_000)}",1000000000000000]`],
    ['backslashes', `["${'\\\\'.repeat(2_000_000)}",1000000000000000]`],
    ['numbers', `[${'1000000000000000,'.repeat(300_000)}1]`],
    ['an open string', `["${'\\"'.repeat(2_000_000)}1000000000000000`],
  ])('is looked for in time in proportion to the text: %s', (_, text) => {
    const elapsedMs = processorClock()
    inexactNumber(text)
    expect(elapsedMs()).toBeLessThan(5_000)
  })
})

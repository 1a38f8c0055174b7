import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inexactNumber } from '../../src/upstream/exact.ts'

describe('a number that would become another', () => {
  test.each<[string, string]>([
    ['9007199254740993', '9007199254740993'],
    ['-9007199254740993', '-9007199254740993'],
    ['{"a":[1,{"b":12345678901234567890}]}', '12345678901234567890'],
    ['{"a":1e30,"b":9007199254740993,"c":9007199254740995}', '9007199254740993'],
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
    '[0.12345678901234567890,12345678901234567890.0,12345678901234567890e0,1E-12345678901234567890]',
    '[1234567890123456,"a"]',
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

  test.each<[string, string]>([
    ['digits', `[${'1'.repeat(5_000_000)}]`],
    ['digits behind a point', `[1.${'1'.repeat(5_000_000)}]`],
    ['strings', `[${'"a",'.repeat(1_000_000)}1000000000000000]`],
    ['escapes', `["${'\\"'.repeat(2_000_000)}",1000000000000000]`],
    ['backslashes', `["${'\\\\'.repeat(2_000_000)}",1000000000000000]`],
    ['numbers', `[${'1000000000000000,'.repeat(300_000)}1]`],
    ['an open string', `["${'\\"'.repeat(2_000_000)}1000000000000000`],
  ])('is looked for in time in proportion to the text: %s', (_, text) => {
    const started = performance.now()
    inexactNumber(text)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

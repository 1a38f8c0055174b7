import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hasOddNumber, isLiteral, numberOf, parseExact } from '../../src/base/exact-json.ts'
import { processorClock } from '../support/processor-time.ts'

/** A JSON text, token by token, whose numbers are written in every way that JSON allows. */
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.bigInt({ min: 1n, max: 10n ** 20n }).map(String)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.[0-9]{1,18}$/)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/)),
  )
  .map((parts) => parts.join(''))
const string = fc.oneof(
  fc.string().map((text) => JSON.stringify(text)),
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\u0031.0"', '"\\\\"', '"\\"1.0\\""', '"1e5"', '"__proto__"', '""'),
)
const blank = fc.constantFrom('', ' ', '\n', '\r\n\t')
const { json } = fc.letrec<{ json: string; array: string; object: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    number,
    string,
    fc.constantFrom('true', 'false', 'null'),
    tie('array'),
    tie('object'),
  ),
  array: fc
    .tuple(blank, fc.array(fc.tuple(blank, tie('json'), blank).map((parts) => parts.join(''))))
    .map(([inner, items]) => (items.length === 0 ? `[${inner}]` : `[${items.join(',')}]`)),
  object: fc
    .uniqueArray(fc.tuple(string, blank, tie('json')), { selector: ([name]) => JSON.parse(name) as string })
    .map(
      (members) => `{${members.map(([name, space, value]) => `${name}${space}:${space}${value}`).join(',')}}`,
    ),
}))

describe('JSON whose numbers keep their digits', () => {
  test.each([
    '1.0',
    '-0',
    '0.10',
    '1E5',
    '1e5',
    '9007199254740993',
    '-9007199254740993',
    '1e400',
    '0.1000000000000000055511151231257827',
    '100000000000000000000000',
    '5e-324',
    '1.7976931348623157e308',
    '12345678901234567890.0',
  ])('writes %s as it was written', (literal) => {
    expect(JSON.stringify(parseExact(literal))).toBe(literal)
    expect(JSON.stringify(parseExact(`{"a":[${literal}]}`))).toBe(`{"a":[${literal}]}`)
    expect(numberOf(parseExact(literal))).toBe(Number(literal))
  })

  test.each([
    '0',
    '-1',
    '0.1',
    '1.5',
    '1e+23',
    '5e-324',
    '9007199254740992',
    '123456789012345680000',
    '"1.0"',
    '{"1e5":1}',
  ])('has plain values where there is nothing to keep: %s', (text) => {
    expect(hasOddNumber(text)).toBe(false)
    expect(parseExact(text)).toEqual(JSON.parse(text))
  })

  test('a literal is told from an object that looks like one', () => {
    expect(isLiteral(parseExact('1.0'))).toBe(true)
    for (const other of [parseExact('{"rawJSON":"1.0"}'), 1, '1.0', null, undefined, [], {}])
      expect(isLiteral(other)).toBe(false)
  })

  test('survives being taken apart and put together', () => {
    const value = parseExact('{"a":{"b":1.0,"c":[2.50]},"d":-0}') as {
      a: { b: unknown; c: unknown[] }
      d: unknown
    }
    expect(JSON.stringify({ ...value, a: { ...value.a, c: value.a.c.map((it) => it) } })).toBe(
      '{"a":{"b":1.0,"c":[2.50]},"d":-0}',
    )
  })

  test('has every number as it was written, and everything else as JSON.parse has it', () => {
    fc.assert(
      fc.property(json, (text) => {
        const written = JSON.stringify(parseExact(text))
        expect(numbersIn(written)).toEqual(numbersIn(JSON.stringify(parseExact(written))))
        expect(JSON.parse(written)).toEqual(JSON.parse(text))
        // Names that are array indices move to the front, so the order is not compared.
        expect(numbersIn(written).sort()).toEqual(numbersIn(text).sort())
        expect(hasOddNumber(text)).toBe(
          JSON.stringify(numbersIn(text)) !== JSON.stringify(numbersIn(text).map(again)),
        )
      }),
      { numRuns: 1_000 },
    )
  })

  test('refuses what is no JSON', () => {
    for (const text of ['', '{', '01', '1.', '.5', '1.0.0', '+1', '{"a":1.0', '[1.0,]', 'NaN'])
      expect(() => parseExact(text)).toThrow(SyntaxError)
  })

  test.each<[string, string]>([
    ['digits', `[${'1'.repeat(2_000_000)}]`],
    ['signs', `[${'-'.repeat(2_000_000)}`],
    ['escapes', `["${'\\"'.repeat(1_000_000)}",1.0]`],
    ['backslashes', `["${'\\\\'.repeat(1_000_000)}",1.0]`],
    ['an open string', `[1.5,"${'\\"'.repeat(1_000_000)}`],
  ])('is looked through in time in proportion to the text: %s', (_, text) => {
    const elapsedMs = processorClock()
    hasOddNumber(text)
    expect(elapsedMs()).toBeLessThan(5_000)
  })
})

/** The numbers of a JSON text in order, as they are written. */
function numbersIn(text: string): string[] {
  return [...text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/-?\d[\d.eE+-]*/g)].map(
    ([literal]) => literal,
  )
}

function again(literal: string): string {
  return JSON.stringify(Number(literal))
}

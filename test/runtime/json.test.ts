/**
 * What the runtime's JSON parser makes of names, in every spelling, one text after the other: policies, pins and merged lists
 * rest on it. Engines have got it wrong (findings/escaped-member-names.sh), depending on what they had parsed before.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { objectText } from '../prove/json-text.ts'
import { readJson } from '../support/read-json.ts'

test('a text is read as what it says, whatever was read before it', () => {
  fc.assert(
    fc.property(objectText, (text) => {
      expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(readJson(text)))
    }),
    { numRuns: 3_000 },
  )
})

test.each([
  ['{"a":1,"\\\\":2}', '{"a":1,"\\u0062":3}', { a: 1, b: 3 }],
  ['{"a":1,"\\\\b":2}', '{"a":1,"\\u0062":3}', { a: 1, b: 3 }],
  ['{"__proto__":1,"\\\\":2}', '{"__proto__":1,"\\u0078":3}', { ['__proto__']: 1, x: 3 }],
  ['{"a":1,"b":2}', '{"a":1,"\\u0062":3}', { a: 1, b: 3 }],
  ['{"a":1,"\\n":2}', '{"a":1,"\\\\n":3}', { a: 1, '\\n': 3 }],
])('after %s, %s says what it says', (before, text, expected) => {
  for (let i = 0; i < 10; i++) JSON.parse(before)
  expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(expected))
  expect(JSON.stringify(readJson(text))).toBe(JSON.stringify(expected))
})

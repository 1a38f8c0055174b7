/** Names are lowered in ASCII alone, so that no letter of another script turns into one of theirs. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asciiLowerCase } from '../../src/base/ascii.ts'
import { isLoopback } from '../../src/base/loopback.ts'

test.each([
  ['Ana@Example.COM', 'ana@example.com'],
  // The Kelvin sign, the dotted capital I and a capital beyond ASCII.
  ['\u212Aim@example.com', '\u212Aim@example.com'],
  ['\u0130van@example.com', '\u0130van@example.com'],
  ['\u00D6sten@example.com', '\u00D6sten@example.com'],
])('%s', (text, lowered) => expect(asciiLowerCase(text)).toBe(lowered))

test('two texts become the same only where they differ in the case of ASCII letters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const lowered = asciiLowerCase(text)
      expect(lowered).toHaveLength(text.length)
      for (const [index, unit] of [...lowered].entries()) {
        const before = [...text][index] ?? ''
        expect(unit).toBe(/[A-Z]/.test(before) ? before.toLowerCase() : before)
      }
    }),
  )
})

test('no host name of another script is loopback', () => {
  expect(isLoopback('LOCALHOST')).toBe(true)
  for (const name of ['loca\u2112host', 'localho\u017Ft', '127.0.0.1.', 'localhost.'])
    expect(isLoopback(name)).toBe(false)
})

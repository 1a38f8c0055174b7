import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ObjectOutline } from '../../src/upstream/object-outline.ts'
import { processorClock } from '../support/processor-time.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

/** What is said of a text that comes in pieces of `size` bytes. */
function seen(text: string, size = 3): 'whole' | 'begun' | 'none' {
  const outline = new ObjectOutline()
  const bytes = bytesOf(text)
  for (let from = 0; from < bytes.length; from += size)
    if (!outline.fits(bytes.subarray(from, from + size))) return 'none'
  return outline.isWhole ? 'whole' : 'begun'
}

const pieceSize = fc.integer({ min: 1, max: 9 })
const object = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())

describe('the outline of an object', () => {
  test('is whole for every object, in whatever pieces it comes, with space around it', () => {
    fc.assert(
      fc.property(object, pieceSize, fc.constantFrom('', ' ', '\r\n\t'), (value, size, space) => {
        expect(seen(`${space}${JSON.stringify(value, null, space)}${space}`, size)).toBe('whole')
      }),
    )
  })

  test('is never whole for the beginning of one, wherever it was cut', () => {
    fc.assert(
      fc.property(object, pieceSize, fc.nat(), (value, size, cut) => {
        const bytes = bytesOf(JSON.stringify(value))
        const outline = new ObjectOutline()
        const kept = bytes.subarray(0, cut % bytes.length)
        for (let from = 0; from < kept.length; from += size) outline.fits(kept.subarray(from, from + size))
        expect(outline.isWhole).toBe(false)
      }),
    )
  })

  test.each([
    ['{}', 'whole'],
    ['{"a":"\\\\"}', 'whole'],
    ['{"a":"\\""}', 'whole'],
    ['{"a":"\\"}', 'begun'],
    ['{"a":"}', 'begun'],
    ['{"a":{}', 'begun'],
    ['{"a":[{},{}', 'begun'],
    ['', 'begun'],
    ['  ', 'begun'],
    ['[{}]', 'none'],
    ['"{}"', 'none'],
    ['<html>', 'none'],
    ['{}{}', 'none'],
    ['{} x', 'none'],
    ['{]', 'none'],
  ])('of %j is %s', (text, wanted) => {
    for (const size of [1, 2, 100]) expect(seen(text, size)).toBe(wanted)
  })

  test.each([
    ['strings', `{"a":"${'x'.repeat(8_000_000)}"}`],
    ['escapes', `{"a":"${'\\\\'.repeat(4_000_000)}"}`],
    ['quotes', `{"a":"${'\\"'.repeat(4_000_000)}"}`],
    ['brackets', `{"a":[${'[],'.repeat(2_600_000)}[]]}`],
  ])('takes time in proportion to the length: %s', (_, text) => {
    const elapsedMs = processorClock()
    expect(seen(text, 65_536)).toBe('whole')
    expect(elapsedMs()).toBeLessThan(5_000)
  })
})

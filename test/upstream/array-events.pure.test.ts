/** A large array of messages, as the events that say the same. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MOST_IN_ARRAY } from '../../src/base/rpc.ts'
import { ArrayEvents } from '../../src/upstream/array-events.ts'
import { EventParser } from '../../src/upstream/sse.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

/** What comes of a text in pieces of `size` bytes. */
function seen(text: string, size = 3) {
  const events = new ArrayEvents()
  const decoder = new TextDecoder()
  const parser = new EventParser(1_000_000)
  const found: unknown[] = []
  let written = ''
  const bytes = bytesOf(text)
  for (let from = 0; from < bytes.length; from += size) {
    const passed = decoder.decode(events.push(bytes.subarray(from, from + size)), { stream: true })
    written += passed
    for (const { data, event } of parser.push(passed)) {
      expect(event).toBe('message')
      found.push(JSON.parse(data ?? ''))
    }
  }
  return { found, isWhole: events.isWhole, isBroken: events.isBroken, isInside: !/(?:^|\n\n)$/.test(written) }
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
const pieceSize = fc.integer({ min: 1, max: 9 })
const list = fc.array(
  fc.oneof(fc.jsonValue(), fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue())),
  { maxLength: 6 },
)

test('each object becomes an event of its own, and nothing else does, in whatever pieces they come', () => {
  fc.assert(
    fc.property(list, pieceSize, fc.constantFrom('', ' ', '\r\n\t'), (values, size, space) => {
      const { found, isWhole, isInside } = seen(
        `${space}${JSON.stringify(values, null, space)}${space}`,
        size,
      )
      expect(found).toEqual(values.filter(isObject).map((value) => JSON.parse(JSON.stringify(value))))
      expect([isWhole, isInside]).toEqual([true, false])
    }),
  )
})

test('the beginning of an array is never whole, wherever it was cut', () => {
  fc.assert(
    fc.property(list, pieceSize, fc.nat(), (values, size, cut) => {
      const text = JSON.stringify(values)
      const characters = [...text]
      const part = characters.slice(0, cut % characters.length).join('')
      const { found, isWhole } = seen(part, size)
      expect(isWhole).toBe(false)
      // Of those that have gone out each was whole.
      const objects = values.filter(isObject).map((value) => JSON.parse(JSON.stringify(value)) as unknown)
      expect(found).toEqual(objects.slice(0, found.length))
    }),
  )
})

describe('what is no array of messages', () => {
  test.each([['{}'], ['"["'], ['[{}][{}]'], ['[{}]{}'], ['[{}}'], ['[{}{}]'], ['x[{}]'], ['[{} {}]']])(
    '%j is never whole',
    (text) => {
      for (const size of [1, 2, 100]) {
        const { isWhole, isBroken } = seen(text, size)
        expect([isWhole, isBroken]).toEqual([false, true])
      }
    },
  )
})

test('brackets and quotes in strings are text', () => {
  const values = [{ a: '}],[{"\\"' }, { '{"': ['\\', '"', '[{'] }]
  for (const size of [1, 2, 3, 100]) expect(seen(JSON.stringify(values), size).found).toEqual(values)
})

test('beyond so many nothing more is passed', () => {
  const text = JSON.stringify(Array.from({ length: MOST_IN_ARRAY + 5 }, (_, i) => ({ i })))
  const { found, isWhole } = seen(text, 1_000)
  expect([found.length, isWhole]).toEqual([MOST_IN_ARRAY, true])
})

/** The cursor of a merged list: what is made of the servers' own, and what is refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from '../../src/forward/cursor.ts'

const part = (server: string, nextCursor: string | null) => ({ server, nextCursor })

describe('a cursor', () => {
  test('is there only while some server has more', () => {
    expect(encodeCursor([])).toBeNull()
    expect(encodeCursor([part('one', null), part('two', null)])).toBeNull()
    const cursor = encodeCursor([part('one', null), part('two', '7')])
    expect(decodeCursor(cursor)).toEqual(new Map([['two', '7']]))
  })

  test('may be an empty one of a server', () => {
    expect(decodeCursor(encodeCursor([part('one', '')]))).toEqual(new Map([['one', '']]))
  })

  test('can stand in a URL, and comes back as it was, whatever servers call theirs', () => {
    const servers = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/)
    const all = fc.dictionary(servers, fc.string({ unit: 'grapheme' }), {
      minKeys: 1,
      maxKeys: 5,
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(all, (cursors) => {
        const cursor = encodeCursor(Object.entries(cursors).map(([name, next]) => part(name, next)))
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(decodeCursor(cursor)).toEqual(new Map(Object.entries(cursors)))
      }),
    )
  })
})

const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

test.each([
  ['nothing', undefined],
  ['a number', 7],
  ['no Base64', '%%%'],
  ['no JSON', Buffer.from('{').toString('base64url')],
  ['a list', text(['one'])],
  ['null', text(null)],
  ['a cursor that is no text', text({ one: 7 })],
  ['more than anybody makes', text({ one: 'x'.repeat(256 * 1024) })],
])('%s is none', (_, cursor) => {
  expect(decodeCursor(cursor)).toBeNull()
})

test('arbitrary text never throws', () => {
  fc.assert(
    fc.property(fc.string(), (cursor) => {
      const decoded = decodeCursor(cursor)
      expect(decoded === null || decoded instanceof Map).toBe(true)
    }),
  )
})

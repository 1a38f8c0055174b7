/** The cursor of a merged list: what is made of the servers' own, and what is refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeCursor, encodeCursor, markOf, marksIn } from '../../src/forward/cursor.ts'

const place = (cursor: string, ...names: string[]) => ({ cursor, marks: names.map(markOf).join('') })
const part = (server: string, cursor: string | null) => ({
  server,
  next: cursor === null ? null : place(cursor, server, cursor),
})

describe('a cursor', () => {
  test('is there only while some server has more', () => {
    expect(encodeCursor([])).toBeNull()
    expect(encodeCursor([part('one', null), part('two', null)])).toBeNull()
    const cursor = encodeCursor([part('one', null), part('two', '7')])
    expect(decodeCursor(cursor)).toEqual(new Map([['two', place('7', 'two', '7')]]))
  })

  test('may be an empty one of a server', () => {
    expect(decodeCursor(encodeCursor([part('one', '')]))).toEqual(new Map([['one', place('', 'one', '')]]))
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
        const places = Object.entries(cursors).map(([name, its]) => [name, place(its, name, its)] as const)
        expect(decodeCursor(cursor)).toEqual(new Map(places))
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
  ['a place that is none', text({ one: 7 })],
  ['a cursor that is no text', text({ one: [7, ''] })],
  ['a place without marks', text({ one: ['7'] })],
  ['marks that are none', text({ one: ['7', 'xyz'] })],
  ['more than anybody makes', text({ one: ['x'.repeat(1024 * 1024), ''] })],
])('%s is none', (_, cursor) => {
  expect(decodeCursor(cursor)).toBeNull()
})

describe('what was listed before', () => {
  test('is known again by its marks, and nothing else is', () => {
    const names = Array.from({ length: 5_000 }, (_, i) => `crm__tool_${i}`)
    const known = marksIn(place('7', ...names))
    expect(known.size).toBe(5_000)
    expect(names.every((name) => known.has(markOf(name)))).toBe(true)
    const others = Array.from({ length: 5_000 }, (_, i) => `crm__other_${i}`)
    expect(others.filter((name) => known.has(markOf(name)))).toEqual([])
    expect([...known].every((mark) => /^[0-9a-f]{9}$/.test(mark))).toBe(true)
  })

  test('is kept within what servers share: a cursor stays shorter than a body may be', () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `t${i}`)
    const parts = Array.from({ length: 100 }, (_, i) => ({
      server: `s${i}`,
      next: place('x'.repeat(4_000), ...names),
    }))
    const cursor = encodeCursor(parts) ?? ''
    expect(cursor.length).toBeLessThan(800 * 1024)
    const places = decodeCursor(cursor)
    expect(places?.size).toBe(100)
    const marks = [...(places?.values() ?? [])].map((it) => marksIn(it).size)
    expect(new Set(marks).size).toBe(1)
    expect(marks[0]).toBeGreaterThan(50)
  })
})

test('arbitrary text never throws', () => {
  fc.assert(
    fc.property(fc.string(), (cursor) => {
      const decoded = decodeCursor(cursor)
      expect(decoded === null || decoded instanceof Map).toBe(true)
    }),
  )
})

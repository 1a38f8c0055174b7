/** What nobody is shown of a call. */
import { describe, expect, test } from 'vitest'
import { conceal } from '../../src/approvals/conceal.ts'
import { contentOf, MOST_CONTENT_BYTES } from '../../src/approvals/content.ts'
import { type ConcealedPath, formatPath, parseConcealed } from '../../src/policy/path.ts'

const path = (text: string): ConcealedPath => {
  const parsed = parseConcealed(text)
  if (parsed === null) throw new Error(`no path: ${text}`)
  return parsed
}
const shown = (args: Record<string, unknown>, ...paths: string[]) => {
  const { args: left, places } = conceal({ args, meta: null }, paths.map(path))
  return [JSON.parse(JSON.stringify(left)), places]
}

describe('a concealed path', () => {
  test.each([
    ['args'],
    ['_meta'],
    ['args.a'],
    ['args.a.b[0][*].c'],
    ['args["a.b"].c'],
    ['_meta["com.example/key"].a'],
  ])('%s is read, and written as it was', (text) => {
    expect(formatPath(path(text))).toBe(text)
  })

  test.each([
    [''],
    ['a'],
    ['args.'],
    ['args[0]'],
    ['args[*]'],
    ['argsa'],
    ['meta.a'],
    ['session.account'],
    ['args.a b'],
    ['args["a"'],
    [`args.${'a'.repeat(600)}`],
  ])('%j is none', (text) => {
    expect(parseConcealed(text)).toBeNull()
  })
})

describe('what is concealed', () => {
  test('is replaced by its type, wherever it is', () => {
    expect(shown({ a: 'x', b: 2 }, 'args.a')).toEqual([{ a: '(concealed string)', b: 2 }, ['args.a']])
    expect(shown({ a: { b: [1, { c: true, d: 1 }] } }, 'args.a.b[1].c')).toEqual([
      { a: { b: [1, { c: '(concealed boolean)', d: 1 }] } },
      ['args.a.b[1].c'],
    ])
    expect(shown({ a: [{ n: 1, m: 2 }, { n: '2' }, {}] }, 'args.a[*].n')).toEqual([
      { a: [{ n: '(concealed number)', m: 2 }, { n: '(concealed string)' }, {}] },
      ['args.a[*].n'],
    ])
    expect(shown({ a: { b: 1 } }, 'args.a')[0]).toEqual({ a: '(concealed object)' })
    expect(shown({ a: null }, 'args.a')[0]).toEqual({ a: '(concealed)' })
  })

  test('is nothing where there is nothing', () => {
    expect(shown({ a: 1 }, 'args.b', 'args.b.c', 'args.b[*].d')).toEqual([{ a: 1 }, []])
    expect(shown({ a: [] }, 'args.a[*].b', 'args.a[0]')).toEqual([{ a: [] }, []])
    expect(shown({ a: null }, 'args.a.b')).toEqual([{ a: null }, []])
    expect(conceal({ args: {}, meta: null }, [path('_meta'), path('_meta.a')])).toEqual({
      args: {},
      meta: null,
      places: [],
    })
  })

  // Whoever sends another type than the policy's author thought of must not show by it what is concealed.
  test.each([
    ['a text that may be JSON', { card: '{"number":"4111"}' }, 'args.card.number', '(concealed string)'],
    ['a list of what is one', { card: [{ number: '4111' }] }, 'args.card.number', '(concealed array)'],
    ['one of what is a list', { card: { number: '4111' } }, 'args.card[*].number', '(concealed object)'],
    ['an object with indexes', { card: { 0: '4111' } }, 'args.card[0]', '(concealed object)'],
    ['a number', { card: 4111 }, 'args.card.number', '(concealed number)'],
  ])('is all of a value of another type: %s', (_, args, text, marker) => {
    expect(shown(args, text)).toEqual([{ card: marker }, ['args.card']])
  })

  test('is one element of another type among others', () => {
    expect(shown({ a: [{ n: 1 }, 'n=2', [{ n: 3 }], null] }, 'args.a[*].n')).toEqual([
      { a: [{ n: '(concealed number)' }, '(concealed string)', '(concealed array)', null] },
      ['args.a[*].n', 'args.a[*]'],
    ])
  })

  test('keeps its type whichever of several paths comes first', () => {
    for (const paths of [
      ['args.a', 'args.a.b', 'args'],
      ['args', 'args.a.b', 'args.a'],
      ['args.a.b', 'args.a', 'args.a'],
    ])
      expect(shown({ a: { b: 'x' } }, ...paths)[0]).toEqual({ a: '(concealed object)' })
  })

  test('may be all arguments, or all of _meta; their names stay', () => {
    const { args, meta, places } = conceal({ args: { a: 1, b: 'x' }, meta: { k: { v: 1 } } }, [
      path('args'),
      path('_meta'),
    ])
    expect(JSON.stringify([args, meta, places])).toBe(
      '[{"a":"(concealed number)","b":"(concealed string)"},{"k":"(concealed object)"},["args","_meta"]]',
    )
  })

  test('is told by its place, not by how it looks', () => {
    expect(shown({ a: '(concealed string)', b: 'x' }, 'args.b')).toEqual([
      { a: '(concealed string)', b: '(concealed string)' },
      ['args.b'],
    ])
  })

  test('has names like any others', () => {
    const args = JSON.parse('{"__proto__": {"constructor": "x"}, "toString": "y"}') as Record<string, unknown>
    expect(JSON.stringify(conceal({ args, meta: null }, [path('args.__proto__.constructor')]).args)).toBe(
      '{"__proto__":{"constructor":"(concealed string)"},"toString":"y"}',
    )
    expect(
      conceal({ args: { a: 1 }, meta: null }, [path('args.toString'), path('args.__proto__')]).places,
    ).toEqual([])
  })
})

describe('what is too long', () => {
  const long = 'x'.repeat(MOST_CONTENT_BYTES)
  const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length

  test('is left out by the longest members, and their lengths are told', () => {
    const content = contentOf({ args: { to: 'a', note: long, amount: 5 }, meta: { k: 'v' } }, [])
    expect(content).toEqual({
      arguments: { to: 'a', amount: 5 },
      meta: { k: 'v' },
      concealed: [],
      omitted: [{ path: 'args.note', type: 'string', bytes: MOST_CONTENT_BYTES + 2 }],
    })
  })

  test('is what is longer than the bound, not what is as long', () => {
    const room = MOST_CONTENT_BYTES - bytesOf(contentOf({ args: { a: '' }, meta: null }, []))
    expect(contentOf({ args: { a: 'x'.repeat(room) }, meta: null }, []).omitted).toEqual([])
    expect(contentOf({ args: { a: 'x'.repeat(room + 1) }, meta: null }, []).omitted).toHaveLength(1)
    expect(contentOf({ args: { a: 'é'.repeat(room / 2 + 1) }, meta: null }, []).omitted).toHaveLength(1)
  })

  test('never makes the content longer than the bound, however the lengths are spread', () => {
    const spread = Array.from({ length: 200 }, (_, i) => [`n${i}`, 'y'.repeat(i * 7)] as const)
    const content = contentOf({ args: Object.fromEntries(spread), meta: { k: long } }, [])
    expect(bytesOf(content)).toBeLessThanOrEqual(MOST_CONTENT_BYTES)
    expect(Object.keys(content.arguments)).toContain('n0')
    expect(content.omitted.map((it) => it.path)).toContain('_meta.k')
    expect(Object.keys(content.arguments).length + content.omitted.length).toBe(201)
  })

  test('may be the names themselves: then all is left out', () => {
    const names = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`${'n'.repeat(40)}${i}`, i]))
    expect(contentOf({ args: names, meta: null }, [])).toEqual({
      arguments: {},
      meta: null,
      concealed: [],
      omitted: [{ path: 'args', type: 'object', bytes: bytesOf(names) }],
    })
  })

  test('is measured without what is concealed', () => {
    const content = contentOf({ args: { a: long, b: 1 }, meta: null }, [path('args.a')])
    expect(content.omitted).toEqual([])
    expect(JSON.stringify(content)).not.toContain('xxx')
  })
})

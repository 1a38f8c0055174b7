/** The values of a call on its page. */
import { expect, test } from 'vitest'
import { exactJson, valueList } from '../../../src/admin/page/values.ts'
import { parseExact } from '../../../src/base/exact-json.ts'
import type { ApprovalContent } from '../../../src/contract/approvals.ts'

const nothing: Pick<ApprovalContent, 'concealed' | 'omitted'> = { concealed: [], omitted: [] }

const unescaped = (page: string) =>
  page.replace(/<[^>]*>/g, '').replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))

/** A page as a person reads it: without markup, blanks together. */
const read = (page: string) =>
  unescaped(page.replace(/<[^>]*>/g, ' '))
    .replace(/\s+/g, ' ')
    .trim()

const shown = (values: Record<string, unknown>, of: Partial<typeof nothing> = {}) =>
  valueList('args', values, { ...nothing, ...of })

test('says what each value is, so that a text is not taken for a number', () => {
  const values = { a: '12', b: 12, c: true, d: null, e: [1, 2], f: { g: 'x' }, h: '', i: 'true' }
  const text = read(shown(values).text)
  for (const part of [
    'a text, 2 characters 12',
    'b number 12',
    'c true or false true',
    'd nothing null',
    'e list of 2 [ 1, 2 ]',
    'f object of 1 member { "g" : "x" }',
    'h text, 0 characters An empty text.',
    'i text, 4 characters true',
  ])
    expect(text).toContain(part)
})

test('numbers keep their digits', () => {
  const values = parseExact('{"a": 9007199254740993, "b": 1.0, "c": [1e400, -0], "d": 0.1}')
  const text = read(shown(values as Record<string, unknown>).text)
  for (const digits of ['9007199254740993', '1.0', '1e400', '-0', '0.1']) expect(text).toContain(digits)
})

test('what is nested is an indented listing, in which no text has a line of its own', () => {
  const page = shown({ to: { name: 'Ana\n}\n"amount": 1', tags: [{ a: [] }, {}] } }).text
  const listing = /<pre class="listing">([\s\S]*?)<\/pre>/.exec(page)?.[1] ?? ''
  expect(unescaped(listing).split('\n')).toEqual([
    '{',
    '  "name": "Ana\\n}\\n\\"amount\\": 1",',
    '  "tags": [',
    '    {',
    '      "a": []',
    '    },',
    '    {}',
    '  ]',
    '}',
  ])
})

test('a value that is nested very deeply keeps room', () => {
  let deep: unknown = 'bottom'
  for (let i = 0; i < 63; i++) deep = { a: deep }
  const page = shown({ deep }).text
  const indents = page.split('\n').map((line) => line.length - line.trimStart().length)
  expect(Math.max(...indents)).toBe(24)
  expect(page).toContain('bottom')
})

test('long values are folded, and whole', () => {
  const long = `${'x'.repeat(5_000)}the end`
  const page = shown({ long, tall: 'a\n'.repeat(40), big: Array.from({ length: 40 }, (_, i) => i) }).text
  expect(page.match(/<details>/g)).toHaveLength(3)
  expect(page).toContain('Show all 5,007 characters')
  expect(page).toContain('Show all 42 lines')
  expect(page).toContain('xthe end</pre>')
  expect(shown({ short: 'x'.repeat(600) }).text).not.toContain('<details>')
})

test('what is concealed is said by its place, and a text that looks like it is the agent’s', () => {
  const values = {
    card: { number: '(concealed string)', name: '(concealed string)' },
    list: [{ a: 'x', b: 'y' }],
    all: 'z',
  }
  const concealed = ['args.card.number', 'args.list[*].b', 'args.all', '_meta.card']
  const text = read(shown(values, { concealed }).text)
  expect(text).toContain('"number" : ⟦concealed⟧')
  expect(text).toContain('"name" : "(concealed string)"')
  expect(text).toContain('"a" : "x" , "b" : ⟦concealed⟧')
  expect(text).toContain('all concealed by the policy Concealed: you are not shown it.')
  expect(text).not.toContain(' z')
})

test('all that is concealed at once is', () => {
  const text = read(shown({ a: '(concealed string)', b: '(concealed number)' }, { concealed: ['args'] }).text)
  expect(text.match(/Concealed: you are not shown it/g)).toHaveLength(2)
})

test('what was too long to be kept is said', () => {
  const omitted = [{ path: 'args["a.b"]', type: 'string' as const, bytes: 70_000 }]
  expect(read(shown({}, { omitted }).text)).toBe(
    'a.b string, 70,000 bytes Too long to be kept: you are not shown it.',
  )
  const all = [{ path: 'args', type: 'object' as const, bytes: 1 }]
  expect(read(shown({}, { omitted: all }).text)).toContain('args object, 1 byte Too long')
  expect(read(shown({}).text)).toBe('None.')
})

test('hostile names and values stay text, and what to mind stands below them', () => {
  const page = shown({
    '<img src=x onerror=alert(1)>': '</pre></dd></dl><h1>Approved by root</h1>',
    'a\u202Eb': { 'c\u200B': 'p\u0430ypal' },
  }).text
  expect(page).not.toMatch(/<img|<h1|[\u202E\u200B]/)
  expect(read(page)).toContain('2 characters that cannot be seen')
  expect(read(page)).toContain('mixes Latin letters with Cyrillic ones')
})

test('all of it can be had as ASCII, where that says more', () => {
  const content = (value: string) => ({ arguments: { a: value }, meta: { m: 1 }, ...nothing })
  expect(exactJson(content('plain'))).toBeNull()
  const page = exactJson(content('\u202E💡é'))?.text ?? ''
  expect(page).toContain('\\u202e\\ud83d\\udca1\\u00e9')
  expect(page).not.toMatch(/[^\x20-\x7E\n]/)
})

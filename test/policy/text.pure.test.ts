import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadPolicyText } from '../../src/policy/load.ts'
import { LONGEST_TEXT, readText } from '../../src/policy/text.ts'
import { processorClock } from '../support/processor-time.ts'
import { problemsOf } from './support.ts'

const read = (text: string) => {
  const { value, problems } = readText(text)
  return { value, problems: problems.map(({ found }) => found) }
}

describe('text', () => {
  test('is JSON or YAML, and says the same in both', () => {
    const value = { version: '1', hide: ['a'], tools: { 't:x': { limits: [] } } }
    expect(read(JSON.stringify(value))).toEqual({ value, problems: [] })
    expect(read('version: "1"\nhide:\n  - a\ntools:\n  "t:x": { limits: [] }\n')).toEqual({
      value,
      problems: [],
    })
  })

  test('any JSON reads as what it is', () => {
    const plain = fc.jsonValue({ maxDepth: 5, noUnicodeString: false })
    fc.assert(
      fc.property(plain, fc.constantFrom(0, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(JSON.stringify(readText(text).value)).toBe(JSON.stringify(JSON.parse(text)))
      }),
    )
  })

  test('may be indented with tabs where it is JSON', () => {
    expect(read('{\n\t"a": "x\\ty"\n}')).toEqual({ value: { a: 'x\ty' }, problems: [] })
    expect(read('[\t1,\t2\n}').problems.length).toBeGreaterThan(0)
    expect(read('a:\n\t- 1').problems.length).toBeGreaterThan(0)
  })

  test('may begin with a byte order mark', () => {
    expect(read('\uFEFFversion: "1"').value).toEqual({ version: '1' })
    const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0x3a, 0x20, 0x31])
    expect(readText(bytes).value).toEqual({ a: 1 })
  })

  test('that is empty says null', () => {
    expect(problemsOf('')).toEqual(['line 1, column 1: (document): found null; allowed: object'])
    expect(read('a:').value).toEqual({ a: null })
  })

  test('may use an alias, within reason', () => {
    expect(read('a: &x [1]\nb: *x').value).toEqual({ a: [1], b: [1] })
    // Only what aliases repeat is counted, not what the text says itself.
    expect(read(`a: &x 1\nb: [${'2, '.repeat(10_001)}*x]`).problems).toEqual([])
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]']
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh']) {
      bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(',')}]`)
    }
    const elapsedMs = processorClock()
    expect(read(bomb.join('\n')).problems).toEqual(['aliases that repeat too much'])
    expect(elapsedMs()).toBeLessThan(2_000)
  })
})

describe('time', () => {
  test.each<[string, string]>([
    ['very many names', Array.from({ length: 20_000 }, (_, i) => `a${i}: 1`).join('\n')],
    ['very many aliases', `a: &x 1\nb: [${'*x,'.repeat(20_000)}]`],
    ['very many anchors', `[${Array.from({ length: 20_000 }, (_, i) => `&a${i} 1`).join(',')}]`],
  ])('grows with the text, for %s', (_, text) => {
    const elapsedMs = processorClock()
    readText(text)
    expect(elapsedMs()).toBeLessThan(2_000)
  })

  test('an anchor that is set again means the later one', () => {
    expect(read('a: &x 1\nb: *x\nc: &x 2\nd: *x').value).toEqual({ a: 1, b: 1, c: 2, d: 2 })
    expect(read('a: &x [&y 1]\nb: &y 2\nc: *x\nd: *y').value).toEqual({ a: [1], b: 2, c: [1], d: 2 })
  })
})

describe('text that is refused', () => {
  test.each<[string, string, string]>([
    ['a name that stands twice', 'a: 1\na: 2', 'the name "a" again'],
    ['a name that stands twice in JSON', '{"a":1,"a":2}', 'the name "a" again'],
    ['a number and a text that are one name', '1: a\n"1": b', 'the name "1" again'],
    ['a list for a name', '[1]: a', 'With stringKeys, all keys must be strings'],
    ['a tag', 'a: !js/function x', 'Unresolved tag: !js/function'],
    ['an alias of nothing', 'a: *b', 'the alias *b'],
    ['an alias of what it stands in', 'a: &a [*a]', 'more than 64 levels'],
    ['a number that is rounded', 'a: 12345678901234567890', 'the number 12345678901234567890'],
    ['a fraction that is rounded', 'a: 0.12345678901234567890', 'the number 0.12345678901234567890'],
    ['a hexadecimal number that is rounded', 'a: 0xfffffffffffffff', 'the number 0xfffffffffffffff'],
    ['an ordered map', 'a: !!omap [b: 1]', 'a pair in a list'],
    ['another version of YAML', '%YAML 1.1\n---\na: no', 'YAML 1.1'],
    ['more than 64 levels', `${'['.repeat(70)}${']'.repeat(70)}`, 'more than 64 levels'],
  ])('%s', (_, text, found) => {
    expect(read(text).problems).toContain(found)
  })

  test('numbers that are kept exactly are not', () => {
    expect(read('[0x1f, 0.1, 1.50, 1e3, -0, 9007199254740991, 0o17]').problems).toEqual([])
  })

  test.each<[string, string, string]>([
    [
      'a list that is indented less than its name',
      'tools:\n  pay:\n    require:\n   - { path: a }\n  ask: {}\n',
      'line 3, column 13: (document): found A block sequence may not be used as an implicit map key; allowed: JSON or YAML 1.2',
    ],
    [
      'a missing comma',
      '{"version": "1" "default": "allow"}',
      'line 1, column 17: (document): found Unexpected double-quoted-scalar token; allowed: JSON or YAML 1.2',
    ],
    [
      'a star without quotes',
      'tools:\n  *: {}\n',
      'line 2, column 6: (document): found Unexpected flow-map-start at node end; allowed: JSON or YAML 1.2',
    ],
    [
      'a value with colons',
      'message: a: b: c\ntools: {}\n',
      'line 1, column 10: (document): found Nested mappings are not allowed in compact mappings; allowed: JSON or YAML 1.2',
    ],
    [
      'brackets that do not match',
      '{"a": [1, 2}',
      'line 1, column 12: (document): found Flow sequence in block collection must be sufficiently indented and end with a ]; allowed: JSON or YAML 1.2',
    ],
  ])('%s is one mistake, and one problem: the first', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })

  test('tags that mean nothing here are a problem each', () => {
    expect(problemsOf('a: !x 1\nb: !y 2')).toHaveLength(2)
  })

  test('two documents in one', () => {
    expect(read('a: 1\n---\nb: 2').problems).toHaveLength(1)
  })

  test('bytes that are no UTF-8, text without end, and depth without end', () => {
    expect(problemsOf(new Uint8Array([0xff]))).toEqual([
      'line 1, column 1: (document): found bytes that are not UTF-8; allowed: JSON or YAML 1.2, in UTF-8',
    ])
    expect(problemsOf(' '.repeat(LONGEST_TEXT + 1))[0]).toContain(
      `allowed: at most ${LONGEST_TEXT} characters`,
    )
    for (const text of ['{"a":', '- ', '[', '? ']) {
      expect(problemsOf(text.repeat(20_000))).toEqual([
        'line 1, column 1: (document): found text nested without end; allowed: at most 64 levels',
      ])
    }
  })

  test('a member without a name', () => {
    expect(problemsOf('version: "1"\ntools: { : {} }')).toEqual([
      'line 2, column 9: /tools/: found the name ""; allowed: a name of 1 to 128 characters',
    ])
  })

  test.each([
    ['a date', 'a: !!timestamp 2030-01-01'],
    ['bytes', 'a: !!binary aGVsbG8='],
  ])('%s, which JSON does not have', (_, text) => {
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^line 1, column \d+: \/a: found an object of a class; allowed: a JSON value$/),
    ])
  })

  test('infinity, which JSON does not have', () => {
    expect(problemsOf('version: "1"\nx: .inf')).toEqual([
      'line 2, column 4: /x: found Infinity; allowed: a JSON value',
    ])
  })
})

describe('where a problem is', () => {
  test('a wrong value: where the value begins', () => {
    expect(problemsOf('version: "1"\ndefault:   maybe')).toEqual([
      'line 2, column 12: /default: found "maybe"; allowed: "allow", "deny"',
    ])
  })

  test('an unknown name: where the name begins', () => {
    expect(problemsOf('version: "1"\ntools:\n  t:\n    limts: []')[0]).toContain(
      'line 4, column 5: /tools/t/limts',
    )
  })

  test('something missing: the name of what it is missing from', () => {
    expect(
      problemsOf('version: "1"\ntools:\n  t:\n    limits:\n      - counter: c\n        window: day'),
    ).toEqual([
      'line 5, column 9: /tools/t/limits/0/max: found nothing; allowed: a decimal number, as a number or in quotes',
    ])
    expect(problemsOf('\n\ndefault: deny')).toEqual([
      'line 3, column 1: /version: found nothing; allowed: "1"',
    ])
  })

  test('a rule of the rule dialect: where its author wrote it', () => {
    const text = `version: "1"
tools:
  t:
    rules:
      - rate_limit: 5/day
      - conditions: [{ path: state.t.c, op: lt, value: 1 }]`
    expect(problemsOf(text)).toEqual([
      'line 6, column 30: /tools/t/rules/1/conditions/0/path: found "state.t.c"; allowed: a counter that some rule’s state declares',
    ])
  })
})

test('loading text never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(typeof loadPolicyText(bytes).ok).toBe('boolean')
    }),
    { numRuns: 500 },
  )
  const pieces = fc.constantFrom(
    ...[
      'version: "1"',
      '\n',
      '  ',
      '- ',
      ': ',
      '? ',
      '&a ',
      '*a',
      '!x ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '|',
      '>',
      '#',
    ],
    ...[
      'tools:',
      't:',
      'rules:',
      'limits:',
      '<<',
      '...',
      '---',
      '%YAML 1.1',
      '\t',
      ',',
      '@',
      '`',
      '.nan',
      '~',
    ],
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      expect(typeof loadPolicyText(parts.join('')).ok).toBe('boolean')
    }),
    { numRuns: 2_000 },
  )
})

describe('the policies that people already have', () => {
  const folder = new URL('../../../shared/data/policies/', import.meta.url)
  let names: string[] = []
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
  } catch {
    // Said below, as a skipped test.
  }

  test('are all here', ({ skip }) => {
    if (names.length === 0) skip('the policies of ../shared/data/policies are not here')
    expect(names).toHaveLength(27)
  })

  test.each(names)('%s loads, in the rule dialect and without a warning', (name) => {
    const loaded = loadPolicyText(readFileSync(new URL(name, folder)))
    expect(loaded).toMatchObject({ ok: true, dialect: 'rule', warnings: [] })
  })
})

/** Which entry speaks of what is read, and that nothing gets past it by being written otherwise. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide, isReadable } from '../../src/policy/decide.ts'
import { compileGlob } from '../../src/policy/glob.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Call, Decision, Policy, ReadKind } from '../../src/policy/model.ts'
import { entryFor } from '../../src/policy/reading.ts'
import { LONGEST_READ, MOST_TEXT, normalForms } from '../../src/policy/uri.ts'
import { processorClock } from '../support/processor-time.ts'
import { NOON, policyOf, problemsOf } from './support.ts'

function read(kind: ReadKind, name: string): Call {
  const at = name.indexOf('+')
  return { kind, tool: name, args: kind === 'resource' ? { uri: name.slice(at + 1) } : {} }
}

const outcome = (policy: Policy | null, kind: ReadKind, name: string) => {
  const decision = decide(policy, read(kind, name), NOON)
  return decision.action === 'deny' ? decision.code : decision.action
}

function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

describe('patterns', () => {
  test.each<[string, string, boolean]>([
    ['file:///a', 'file:///a', true],
    ['file:///a', 'file:///A', false],
    ['file:///a', 'file:///ab', false],
    ['*', '', true],
    ['a*', 'a', true],
    ['a*', 'ba', false],
    ['*a', 'ba', true],
    ['*a*', 'bab', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'acb', false],
    ['a**c', 'ac', true],
    ['*aab*', 'aaaab', true],
    ['*abab*abc*', 'ababababcx', true],
    ['a.c', 'abc', false],
    ['[ab]', 'a', false],
    ['a?', 'ab', false],
    ['a\\*', 'a\\b', true],
    ['line*end', 'line\n\nend', true],
  ])('%j is %j: %j', (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected)
  })

  test('say the same as the plainest way to compare them', () => {
    const plain = (pattern: string, text: string): boolean => {
      if (pattern === '') return text === ''
      if (pattern[0] === '*')
        return plain(pattern.slice(1), text) || (text !== '' && plain(pattern, text.slice(1)))
      return text !== '' && pattern[0] === text[0] && plain(pattern.slice(1), text.slice(1))
    }
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 })
    fc.assert(
      fc.property(pattern, text, (one, other) => {
        expect(compileGlob(one)(other)).toBe(plain(one, other))
      }),
      { numRuns: 5_000 },
    )
  })

  test('take time that grows with the text, whatever the text', () => {
    const part = `${'a'.repeat(30)}b`
    const glob = compileGlob(`*${part}*${part}*`)
    const time = (length: number) => {
      const text = 'a'.repeat(length)
      const elapsedMs = processorClock()
      for (let i = 0; i < 20; i++) expect(glob(text)).toBe(false)
      return elapsedMs()
    }
    time(1_000)
    expect(time(200_000)).toBeLessThan(Math.max(40 * time(20_000), 500))
  })
})

describe('the entry that counts', () => {
  const of = (keys: readonly string[], name: string, kind: ReadKind = 'resource') => {
    const section = Object.fromEntries(keys.map((key) => [key, {}]))
    const policy = policyOf({ version: '1', [kind === 'resource' ? 'resources' : 'prompts']: section })
    const reading = kind === 'resource' ? policy.resources : policy.prompts
    return reading === null ? null : (entryFor(reading, name)?.key ?? null)
  }

  test.each<[string[], string, string | null]>([
    [['a+x:*', 'a+x:/b*'], 'a+x:/bc', 'a+x:/b*'],
    [['a+x:*', '*+x:*'], 'a+x:1', 'a+x:*'],
    [['a+x:*', '*+x:*'], 'b+x:1', '*+x:*'],
    [['*', '*+*'], 'a+x:1', '*+*'],
    [['a+x:1', 'a+x:1*'], 'a+x:1', 'a+x:1'],
    [['a+x:1*', 'a+x:*1'], 'a+x:1', 'a+x:*1'],
    [['a+x:1'], 'a+x:2', null],
    [['a+x:1'], 'A+x:1', null],
    // A server’s own URI may look as if it named another server.
    [['*+x:*'], 'evil+data:+x:1', null],
    [['git+*'], 'git+https://example.com', 'git+*'],
    [['*+git+https:*'], 'one+git+https://example.com', '*+git+https:*'],
    [['a+__proto__', 'a+constructor'], 'a+constructor', 'a+constructor'],
  ])('of %j for %j is %j, in whatever order', (keys, name, expected) => {
    expect(of(keys, name)).toBe(expected)
    expect(of(keys.toReversed(), name)).toBe(expected)
  })

  test('of prompts is found likewise', () => {
    expect(of(['a__x*', '*__x_y'], 'b__x_y', 'prompt')).toBe('*__x_y')
    expect(of(['a__x*', '*__x_y'], 'a__x__y', 'prompt')).toBe('a__x*')
    expect(of(['a__x'], 'a__X', 'prompt')).toBe(null)
  })
})

describe('the default', () => {
  test.each(['allow', 'deny'] as const)(
    'a policy that says nothing of reading allows it, under %s',
    (action) => {
      for (const document of [
        { version: '1', default: action, tools: { t: {} }, hide: ['*'] },
        { version: '1', default: action, tools: { t: { rules: [{ action: 'deny' }] } } },
        { default: action, tools: { t: { action: 'deny' } } },
      ]) {
        const policy = policyOf(document)
        expect(outcome(policy, 'resource', 'a+x:1')).toBe('allow')
        expect(outcome(policy, 'prompt', 'a__x')).toBe('allow')
        expect(isReadable(policy, 'resource', 'a+x:1')).toBe(true)
      }
    },
  )

  test('a grant without a policy reads nothing', () => {
    expect(outcome(null, 'resource', 'a+x:1')).toBe('no_policy')
    expect(outcome(null, 'prompt', 'a__x')).toBe('no_policy')
    expect(isReadable(null, 'prompt', 'a__x')).toBe(false)
  })

  test('a section decides for itself, and leaves the other as it is', () => {
    const policy = policyOf({ version: '1', default: 'deny', resources: {} })
    expect(outcome(policy, 'resource', 'a+x:1')).toBe('default_deny')
    expect(outcome(policy, 'prompt', 'a__x')).toBe('allow')
    const open = policyOf({ version: '1', default: 'allow', prompts: {} })
    expect(outcome(open, 'prompt', 'a__x')).toBe('allow')
  })

  test('a policy in shadow lets everything be read, and says what it would have done', () => {
    const policy = policyOf({ version: '1', mode: 'shadow', resources: { 'a+*': { hide: true } } })
    expect(isReadable(policy, 'resource', 'a+x:1')).toBe(true)
    expect(decide(policy, read('resource', 'a+x:1'), NOON)).toMatchObject({
      action: 'allow',
      rule: '(shadow)',
      shadow: [{ action: 'deny', rule: '(hidden)' }],
    })
  })
})

describe('a URI that is written otherwise', () => {
  const hides = policyOf({
    version: '1',
    default: 'allow',
    resources: { 's+file:///secret/*': { hide: true } },
  })
  const allows = policyOf({ version: '1', resources: { 's+file:///docs/*': {} } })

  test.each([
    'file:///%73ecret/a',
    'FILE:///secret/a',
    'file:///secret%2Fa',
    'file:///secret%2fa',
    'file:///%2573ecret/a',
    'file:///docs/../secret/a',
    'file:///docs/%2e%2e/secret/a',
    'file:///docs/..%2Fsecret/a',
    'file:///./secret/a',
    'file:////secret/a',
    'file:///secret//a',
    'file:///secret/./a',
    'file:\\\\\\secret\\a',
    'file:///docs/../secret/a?x#y',
  ])('is not read where a rule means it: %s', (uri) => {
    expect(outcome(hides, 'resource', `s+${uri}`)).toMatch(/^(ambiguous|hidden)$/)
  })

  test.each([
    'file:///docs/../secret',
    'file:///docs/%2e%2e/secret',
    'file:///docs/..\\..\\secret',
    'file:///docs/%252e%252e/secret',
    'file:///docs/a/../../b',
  ])('does not leave what is allowed: %s', (uri) => {
    expect(outcome(allows, 'resource', `s+${uri}`)).toBe('ambiguous')
  })

  test.each([
    'file:///docs/My%20notes',
    'file:///docs/a?version=2',
    'file:///docs/%E4%BD%A0',
    'file:///docs/a%2Fb',
  ])('is read where nothing turns on it: %s', (uri) => {
    expect(outcome(allows, 'resource', `s+${uri}`)).toBe('allow')
  })

  test('is read where an entry names it in full, or only the letters of a name differ', () => {
    const policy = policyOf({ version: '1', resources: { 's+x:/a%62//c': {}, 's+memo://Insights*': {} } })
    expect(outcome(policy, 'resource', 's+x:/a%62//c')).toBe('allow')
    expect(outcome(policy, 'resource', 's+x:/ab/c')).toBe('default_deny')
    expect(outcome(policy, 'resource', 's+memo://Insights/1')).toBe('allow')
  })

  test('is judged by conditions in each of its forms, too', () => {
    const deny_if = [{ conditions: [{ path: 'args.uri', op: 'contains', value: 'secret' }] }]
    const policy = policyOf({ version: '1', resources: { '*': { deny_if } } })
    expect(outcome(policy, 'resource', 's+x:/secret')).toBe('denied')
    expect(outcome(policy, 'resource', 's+x:/%73ecret')).toBe('ambiguous')
    const require = [{ path: 'args.uri', op: 'regex', value: '^x:/docs/[^?]*[?]v=1$' }]
    const queries = policyOf({ version: '1', resources: { '*': { require } } })
    expect(outcome(queries, 'resource', 's+x:/docs/a?v=1')).toBe('allow')
  })

  test.each([
    'file:///docs/sec\tret/a',
    'file:///docs/sec\r\nret/a',
    'file:///docs/secret/a ',
    ' file:///docs/secret/a',
    'file:///docs/a\0',
    'file:///docs/\u001fa',
    'file:///docs/a ',
    'file:/docs/secret/a',
    'file:docs/secret/a',
    'file://localhost/docs/secret/a',
    'FILE://LOCALHOST/docs/secret/a',
    'file:%2Fdocs/secret/a',
    'file:///docs/sec%09ret/a',
    'file:///docs/x//../secret/a',
    'file:///docs/x//../../docs/secret/a',
    'file:///docs/a%2fb/../secret/a',
    'file:///docs/a%2fb/../s%65cret/a',
    'file:///docs/a%2fb/../..%2fdocs%2fsecret/a',
  ])('is not read as a URL parser reads it: %j', (uri) => {
    const policy = policyOf({
      version: '1',
      default: 'allow',
      resources: { 's+file:///docs/secret/*': { hide: true } },
    })
    expect(outcome(policy, 'resource', `s+${uri}`)).toMatch(/^(ambiguous|hidden)$/)
  })

  test.each([
    ['s+http://h/secret*', 'http:/h/secret'],
    ['s+http://h/x*', 'http://h:80/x'],
    ['s+http://h/x*', 'http:h/x'],
    ['s+http://127.0.0.1/*', 'http://2130706433/x'],
    ['s+https://xn--mller-kva.de/*', 'https://müller.de/x'],
    ['s+file://localhost/secret/*', 'file:///secret/a'],
    ['s+file:///a/../secret/*', 'file:///secret/a'],
    ['s+file:///docs/private/*', 'file:///docs/x//../private/a'],
    ['s+file:///docs/Geheime%20Akten/*', 'file:///docs/Geheime Akten/a'],
    ['s+file:///docs/Geheime%20Akten/*', 'file:///docs/Geheime%2520Akten/a'],
    ['s+file:///docs/a%2fb/*', 'file:///docs/a%2Fb/c'],
    ['s+file:///docs/%c3%a9/*', 'file:///docs/é/c'],
    ['s+file:///docs/%c3%a9/*', 'file:///docs/e\u0301/c'],
    ['s+*Geheime%20Akten*', 'file:///docs/Geheime Akten/a'],
    ['s+file:///docs/pri%20vate/*', 'file:///docs/a%2fb/../pri%20vate/x'],
  ])('is not read where %j hides it as a server reads both: %j', (key, uri) => {
    const policy = policyOf({ version: '1', default: 'allow', resources: { [key]: { hide: true } } })
    expect(outcome(policy, 'resource', `s+${uri}`)).toBe('ambiguous')
  })

  test.each([
    ['s+https://*', 'https://example.com/a'],
    ['s+https://example.com*', 'https://example.com/a'],
    ['s+https://*.example.com/*', 'https://api.example.com/a?b=c'],
    ['s+http:*', 'http://example.com'],
    ['s+file:*', 'file:///docs/a'],
    ['s+file://*', 'file:///docs/a'],
    ['s+file://localhost/docs/*', 'file://localhost/docs/a'],
    ['s+https://müller.de/*', 'https://müller.de/a'],
    ['s+file:///Geheime Akten/*', 'file:///Geheime Akten/a'],
    ['s+file:///Größe/*', 'file:///Größe/a'],
    ['s+file:///C:/docs/*', 'file:///C:/docs/a'],
    ['s+test://template/{id}*', 'test://template/{id}/data'],
    ['s+*', 'test://{+path}{?x,y}'],
    ['s+x:*', 'x:a b|c^d'],
    ['s+file:///docs/x ', 'file:///docs/x '],
  ])('is read where %j allows it, whatever parsers encode: %j', (key, uri) => {
    const policy = policyOf({ version: '1', resources: { [key]: {} } })
    expect(outcome(policy, 'resource', `s+${uri}`)).toBe('allow')
  })

  test('is not read where an entry of a longer key is another way to write what is hidden', () => {
    const resources = { 's+file://localhost/docs/*': {}, 's+file:///docs/key/*': { hide: true } }
    const policy = policyOf({ version: '1', resources })
    expect(outcome(policy, 'resource', 's+file://localhost/docs/key/a')).toBe('ambiguous')
    expect(outcome(policy, 'resource', 's+file://localhost/docs/a')).toBe('allow')
  })

  test('is not read without the query or fragment that hides it from a condition', () => {
    const outcomeOf = (rules: object, uri: string) =>
      outcome(policyOf({ version: '1', resources: { '*': rules } }), 'resource', `s+${uri}`)
    const keys = { deny_if: [{ conditions: [{ path: 'args.uri', op: 'regex', value: '[.]key$' }] }] }
    for (const uri of ['x:/id.key?', 'x:/id.key?a=b', 'x:/id.key#a', 'x:/id%2ekey?a', 'x:/id.key%3fa'])
      expect([uri, outcomeOf(keys, uri)]).toEqual([uri, 'ambiguous'])
    expect(outcomeOf(keys, 'x:/id.txt?a=b#c')).toBe('allow')
    const pages = { require: [{ path: 'args.uri', op: 'regex', value: '[.]md$' }] }
    for (const uri of ['x:/secret?.md', 'x:/secret#.md', 'x:/secret?a#.md', 'x:/secret%3f.md'])
      expect([uri, outcomeOf(pages, uri)]).toEqual([uri, 'ambiguous'])
    expect(outcomeOf(pages, 'x:/a.md')).toBe('allow')
    const one = { require: [{ path: 'args.uri', op: 'eq', value: 'x:/a?b#c' }] }
    expect(outcomeOf(one, 'x:/a?b#c')).toBe('allow')
    const watched = { deny_if: [{ ...keys.deny_if[0], shadow: true }] }
    expect(outcomeOf(watched, 'x:/id.key?a')).toBe('allow')
  })

  test('with a control character is read under no rules on resources, and where there are none', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 31 }), fc.string(), (before, code, after) => {
        const uri = `${before}${String.fromCharCode(code)}${after}`
        const ruled = policyOf({ version: '1', resources: { '*': {} } })
        expect(outcome(ruled, 'resource', `s+${uri}`)).toBe('ambiguous')
        expect(outcome(policyOf({ version: '1' }), 'resource', `s+${uri}`)).toBe('allow')
      }),
    )
  })

  const segment = fc.constantFrom(
    'a',
    'b',
    'secret',
    '..',
    '.',
    '%2e%2e',
    '%73ecret',
    '',
    'A',
    '..%2F..',
    '%2573ecret',
  )
  const uri = fc.tuple(
    fc.constantFrom('file:///', 'FILE:///', 'x://Host/', 'x:'),
    fc.array(segment, { maxLength: 6 }),
  )
  const uris = uri.map(([start, segments]) => `${start}${segments.join('/')}`)

  test('never reads what any of its forms may not, under whatever entries', () => {
    const key = fc.constantFrom(
      's+file:///*',
      's+file:///secret/*',
      's+*secret*',
      '*+x:*',
      's+file:///a/*',
      '*',
    )
    const entry = fc.constantFrom({}, { hide: true }, { deny_if: [{ conditions: [] }] })
    const section = fc.dictionary(key, entry, { maxKeys: 4 })
    fc.assert(
      fc.property(section, fc.constantFrom('allow', 'deny'), uris, (resources, action, given) => {
        const policy = policyOf({ version: '1', default: action, resources })
        if (outcome(policy, 'resource', `s+${given}`) !== 'allow') return
        for (const form of normalForms(given).forms)
          expect([form, isReadable(policy, 'resource', `s+${form}`)]).toEqual([form, true])
      }),
      {
        numRuns: 3_000,
        // What a parser of URLs resolves, and reads of nothing else, has a form of its own.
        examples: [[{ 's+*secret*': {} }, 'deny', 'file:///%73ecret/secret/%2e%2e']],
      },
    )
  })

  test('never reads what a URL parser takes for what may not be read', () => {
    const part = fc.constantFrom(
      '/',
      '//',
      '..',
      '.',
      'a',
      'secret',
      '%2e',
      '%2F',
      '\\',
      '\t',
      ' ',
      '?',
      '#',
      '%',
    )
    const start = fc.constantFrom('file:', 'file:///', 'file://localhost/', 'FILE:/', 'file:\\', ' file:///')
    const made = fc.tuple(start, fc.array(part, { maxLength: 8 })).map(([at, rest]) => at + rest.join(''))
    const policy = policyOf({
      version: '1',
      default: 'allow',
      resources: { 's+file:///secret*': { hide: true }, 's+file:///a/*': {} },
    })
    fc.assert(
      fc.property(made, (given) => {
        if (!URL.canParse(given) || outcome(policy, 'resource', `s+${given}`) !== 'allow') return
        const { href } = new URL(given)
        for (const form of [href, decodeURIComponentOr(href)])
          expect([given, form, isReadable(policy, 'resource', `s+${form}`)]).toEqual([given, form, true])
      }),
      { numRuns: 5_000 },
    )
  })

  test('has forms that have no others', () => {
    fc.assert(
      fc.property(uris, (given) => {
        const { forms, isCut } = normalForms(given)
        // As a person, or a server, would write it: no form is left out.
        expect(isCut).toBe(false)
        expect(forms).not.toContain(given)
        expect(new Set(forms).size).toBe(forms.length)
      }),
    )
  })

  /** What decodings, slashes, dot segments and composed letters multiply. */
  const odd = fc.constantFrom(
    ...[
      '%',
      '25',
      '%25',
      '2F',
      '%252F',
      '5C',
      '%255C',
      '\\',
      '/',
      '//',
      '/../',
      '/./',
      '%2E',
      '.',
      'a',
      'A:',
    ],
    ...['\u00e9', 'e\u0301', '%65%CC%81', '?', '#', '%3F', '@h', 'HTTPS://', 'file:', 'x'.repeat(90)],
  )
  const oddUri = fc
    .tuple(
      fc.constantFrom('file:///', 'files://', 'https://h/', 'X:'),
      fc.array(odd, { minLength: 1, maxLength: 40 }),
    )
    .map(([start, parts]) => (start + parts.join('')).slice(0, LONGEST_READ))

  test('however it is written, is compared with as much text as sixteen of the longest, or refused', () => {
    const policy = policyOf({ version: '1', default: 'allow', resources: { '*': {} } })
    fc.assert(
      fc.property(oddUri, (given) => {
        const { forms, isCut } = normalForms(given)
        // Those that are written as the URI is, and those of URL parsers.
        expect(forms.reduce((sum, form) => sum + form.length, 0)).toBeLessThanOrEqual(2 * MOST_TEXT)
        if (isCut) expect(outcome(policy, 'resource', `s+${given}`)).toContain('ambiguous')
      }),
      { numRuns: 2_000 },
    )
  })

  test('in hundreds of ways is refused where names matter, also by a condition alone', () => {
    const made =
      'files://..//%255CA:5%CC%8E\\%25255C//5C%3FxF%5C%2Ea\\\u00e9%3%65%//x%81\\F//HTTPS%65https:C%h'
    expect(normalForms(made).forms.length).toBeGreaterThan(100)
    const long = made + 'a'.repeat(1_500)
    expect(normalForms(long).isCut).toBe(true)
    const section = {
      '*': { deny_if: [{ conditions: [{ path: 'args.uri', op: 'contains', value: 'zzz' }] }] },
    }
    const policy = policyOf({ version: '1', default: 'deny', resources: section })
    expect(outcome(policy, 'resource', `s+${long}`)).toContain('ambiguous')
    expect(outcome(policy, 'resource', `s+${made}`)).toContain('allow')
    // A key that names it in full is compared with nothing else; a condition is.
    const named = policyOf({ version: '1', default: 'deny', resources: { [`s+${made}`]: section['*'] } })
    expect(outcome(named, 'resource', `s+${made}`)).toContain('allow')
  })

  test('of many characters is refused where names matter, and in bounded time', () => {
    const keys = Array.from({ length: 500 }, (_, i) => [`s+*${'a'.repeat(20)}${i}*b*`, {}])
    const policy = policyOf({ version: '1', default: 'allow', resources: Object.fromEntries(keys) })
    const elapsedMs = processorClock()
    decide(policy, read('resource', `s+x:/${'a'.repeat(2_000)}`), NOON)
    decide(policy, read('resource', `s+x:/${'%61'.repeat(660)}`), NOON)
    expect(elapsedMs()).toBeLessThan(5_000)
    expect(decide(policy, read('resource', `s+x:/${'a'.repeat(2_100)}`), NOON)).toMatchObject({
      rule: '(too long)',
    })
  })
})

describe('limits', () => {
  const charges = (decision: Decision) =>
    decision.action === 'deny' ? [] : decision.charges.map(({ rule }) => rule)

  test('on everything count calls and reading alike, and are of one counter', () => {
    const limits = [{ counter: 'a', window: 'day', max: 5 }]
    const policy = policyOf({
      version: '1',
      default: 'allow',
      all: { limits },
      all_tools: { limits },
      tools: { t: { limits } },
      resources: { 's+*': { limits } },
    })
    const called = decide(policy, { tool: 't', args: {} }, NOON)
    const other = decide(policy, { tool: 'u', args: {} }, NOON)
    const resource = decide(policy, read('resource', 's+x:1'), NOON)
    const prompt = decide(policy, read('prompt', 's__x'), NOON)
    expect(charges(called)).toEqual(['/tools/t/limits/0', '/all_tools/limits/0', '/all/limits/0'])
    expect(charges(other)).toEqual(['/all_tools/limits/0', '/all/limits/0'])
    expect(charges(resource)).toEqual(['/resources/s+*/limits/0', '/all/limits/0'])
    expect(charges(prompt)).toEqual(['/all/limits/0'])
    const keys = [called, resource, prompt].flatMap((it) =>
      it.action === 'deny' ? [] : it.charges.map(({ key }) => key),
    )
    expect(new Set(keys).size).toBe(4)
  })

  test('a counter of an entry is none of a tool that is called like it', () => {
    const limits = [{ counter: 'a', window: 'day', max: 5 }]
    const policy = policyOf({
      version: '1',
      tools: { 's+x:1': { limits } },
      resources: { 's+x:1': { limits } },
    })
    const keyOf = (decision: Decision) =>
      decision.action === 'deny' ? [] : decision.charges.map(({ key }) => key)
    expect(keyOf(decide(policy, { tool: 's+x:1', args: {} }, NOON))).not.toEqual(
      keyOf(decide(policy, read('resource', 's+x:1'), NOON)),
    )
  })
})

describe('a document', () => {
  test('of only one section is of the dialect of its entries', () => {
    const dialectOf = (document: unknown) => {
      const loaded = loadPolicy(document)
      return loaded.ok ? loaded.dialect : loaded.problems
    }
    expect(dialectOf({ version: '1', resources: { 's+*': { deny_if: [] } } })).toBe('hosted')
    expect(dialectOf({ version: '1', prompts: { s__x: { rules: [] } } })).toBe('rule')
    expect(dialectOf({ prompts: { s__x: { action: 'hide' } } })).toBe('short')
    expect(dialectOf({ all: { rate_limit: { max: 1, window: 60 } } })).toBe('short')
    expect(dialectOf({ version: '1', resources: { 's+*': {} } })).toBe('hosted')
    expect(
      problemsOf({ version: '1', tools: { t: { rules: [] } }, resources: { 's+*': { action: 'hide' } } }),
    ).toEqual([
      '/resources/s+*/action: found "action", of the short dialect; allowed: one dialect in a document: /tools/t/rules is of the rule dialect',
    ])
  })

  test('may not have more entries than can be compared', () => {
    const keys = Array.from({ length: 501 }, (_, i) => [`s+x:${i}`, {}])
    expect(problemsOf({ version: '1', resources: Object.fromEntries(keys) })).toEqual([
      '/resources: found an object; allowed: at most 500 entries',
    ])
  })

  test('means the same once it is converted', () => {
    const documents: unknown[] = [
      {
        version: '1',
        resources: { 's+*': { rules: [{ rate_limit: '1/day' }, { action: 'deny', shadow: true }] } },
        all: { rules: [{ rate_limit: '2/day' }] },
      },
      {
        prompts: { 's__*': { action: 'deny' }, s__x: {} },
        resources: { '*': { action: 'hide' } },
        all: { rate_limit: { max: 1, window: 5 } },
      },
    ]
    for (const document of documents) {
      const loaded = loadPolicy(document)
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
      const converted = policyOf(loaded.hosted)
      for (const [kind, name] of [
        ['resource', 's+x:1'],
        ['prompt', 's__x'],
        ['prompt', 's__y'],
        ['prompt', 't__y'],
      ] as const) {
        const meaning = (policy: Policy) => {
          const { rule: _, shadow, ...rest } = decide(policy, read(kind, name), NOON)
          const charges = 'charges' in rest ? rest.charges.map(({ rule: __, ...charge }) => charge) : []
          return { ...rest, charges, shadow: shadow.map(({ action }) => action) }
        }
        expect(meaning(converted)).toEqual(meaning(loaded.policy))
      }
    }
  })
})

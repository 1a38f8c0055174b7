import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/policy/decide.ts'
import { loadHosted } from '../../src/policy/hosted.ts'
import { describeProblem, pointer } from '../../src/policy/problem.ts'

const limit = { counter: 'c', window: 'minute', max: 30, scope: 'grant' }
const onTool = (rules: unknown) => ({ version: '1', default: 'allow', tools: { t: rules } })

function problems(document: unknown): string[] {
  const loaded = loadHosted(document)
  return loaded.ok ? [] : loaded.problems.map(describeProblem)
}

describe('a hosted policy loads', () => {
  test.each<[string, unknown]>([
    ['the least there is', { version: '1' }],
    ['only a default', { version: '1', default: 'deny' }],
    ['hidden tools', { version: '1', default: 'allow', hide: ['a', '*'] }],
    ['a tool that is merely named', onTool({})],
    ['a limit', onTool({ limits: [limit] })],
    ['a limit of the default scope', onTool({ limits: [{ counter: 'c', window: 'hour', max: 0 }] })],
    [
      'limits on every call',
      { version: '1', all_tools: { limits: [{ ...limit, window: 'day', scope: 'session' }] } },
    ],
    ['an unconditional denial', onTool({ deny_if: [{ conditions: [], on_deny: 'no' }] })],
    [
      'a tool named like a part of every object',
      JSON.parse('{"version":"1","tools":{"__proto__":{},"constructor":{}}}'),
    ],
  ])('%s', (_, document) => {
    expect(problems(document)).toEqual([])
  })

  test('the document on the origin’s page for track_logout, as it stands there', ({ skip }) => {
    const page = new URL('../../../shared/origin/000_0c4c505e6b1667fa.txt', import.meta.url)
    let text = ''
    try {
      text = readFileSync(page, 'utf8')
    } catch {
      skip('the origin documents are not here')
    }
    const json = text.slice(text.indexOf('{\n"version"'), text.indexOf('} track_logout stays usable') + 1)
    const loaded = loadHosted(JSON.parse(json))
    if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
    expect(decide(loaded.policy, 'track_logout')).toMatchObject({
      action: 'allow',
      limits: [{ rule: '/tools/track_logout/limits/0', max: 30, window: 'minute', scope: 'grant' }],
    })
    expect(decide(loaded.policy, 'anything_else')).toMatchObject({ action: 'deny', code: 'default_deny' })
  })
})

describe('a policy with a problem does not load, and every problem is named', () => {
  test.each<[string, unknown, string[]]>([
    ['no object', 'deny', ['(document): found "deny"; allowed: object']],
    ['no version', { default: 'deny' }, ['/version: found nothing; allowed: "1"']],
    ['a version that is a number', { version: 1 }, ['/version: found 1; allowed: "1"']],
    [
      'an unknown default',
      { version: '1', default: 'permit' },
      ['/default: found "permit"; allowed: "allow", "deny"'],
    ],
    [
      'a misspelt name at the top',
      { version: '1', tool: {} },
      ['/tool: found the unknown name "tool"; allowed: version, default, hide, all_tools, tools'],
    ],
    [
      'a rule of another dialect',
      onTool({ rules: [] }),
      ['/tools/t/rules: found the unknown name "rules"; allowed: deny_if, limits'],
    ],
    [
      'a misspelt name in a limit',
      onTool({ limits: [{ ...limit, windw: 'hour' }] }),
      [
        '/tools/t/limits/0/windw: found the unknown name "windw"; allowed: counter, window, max, scope, on_deny',
      ],
    ],
    [
      'a misspelt name in a denial',
      onTool({ deny_if: [{ conditions: [], message: 'no' }] }),
      ['/tools/t/deny_if/0/message: found the unknown name "message"; allowed: conditions, on_deny'],
    ],
    [
      'a misspelt name under all_tools',
      { version: '1', all_tools: { limit: [] } },
      ['/all_tools/limit: found the unknown name "limit"; allowed: limits'],
    ],
    [
      'an unknown window',
      onTool({ limits: [{ ...limit, window: 'fortnight' }] }),
      ['/tools/t/limits/0/window: found "fortnight"; allowed: "minute", "hour", "day"'],
    ],
    [
      'an unknown scope',
      onTool({ limits: [{ ...limit, scope: 'world' }] }),
      ['/tools/t/limits/0/scope: found "world"; allowed: "grant", "session"'],
    ],
    [
      'a maximum that is text',
      onTool({ limits: [{ ...limit, max: '30' }] }),
      ['/tools/t/limits/0/max: found "30"; allowed: number'],
    ],
    [
      'a condition, which this version would not enforce',
      onTool({ deny_if: [{ conditions: [{ path: 'args.a', op: 'eq', value: 1 }] }] }),
      [
        '/tools/t/deny_if/0/conditions/0: found an object; allowed: no condition: this version knows unconditional denials only',
      ],
    ],
    [
      'requirements, which this version would not enforce',
      onTool({ require: [] }),
      ['/tools/t/require: found the unknown name "require"; allowed: deny_if, limits'],
    ],
    [
      'a tool of the name "*"',
      { version: '1', tools: { '*': {} } },
      ['/tools/*: found the name "*"; allowed: a tool name; limits on every tool stand under /all_tools'],
    ],
  ])('%s', (_, document, expected) => {
    expect(problems(document)).toEqual(expected)
  })

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])('a maximum of %d', (max) => {
    expect(problems(onTool({ limits: [{ ...limit, max }] }))[0]).toMatch(
      /^\/tools\/t\/limits\/0\/max: found /,
    )
  })

  test('several problems are all told at once', () => {
    const document = { version: '2', default: 5, tools: { a: { limits: [{}] } } }
    expect(problems(document).length).toBeGreaterThanOrEqual(5)
  })
})

test('loading never throws, whatever it is given', () => {
  fc.assert(
    fc.property(fc.anything(), (document) => {
      expect(typeof loadHosted(document).ok).toBe('boolean')
    }),
  )
  const rules = fc.record(
    { limits: fc.array(fc.anything()), deny_if: fc.array(fc.anything()) },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.dictionary(fc.string(), rules), (tools) => {
      expect(typeof loadHosted({ version: '1', tools }).ok).toBe('boolean')
    }),
  )
})

test('pointers escape as RFC 6901 asks', () => {
  expect(pointer('tools', 'a/b~c', 0)).toBe('/tools/a~1b~0c/0')
})

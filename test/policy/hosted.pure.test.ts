import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/policy/decide.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { pointer } from '../../src/policy/problem.ts'
import { call, NOON, policyOf, problemsOf } from './support.ts'

const limit = { counter: 'c', window: 'minute', max: 30, scope: 'grant' }
const onTool = (rules: unknown) => ({ version: '1', default: 'allow', tools: { t: rules } })
const condition = (path: string, op: string, value?: unknown) =>
  onTool({ deny_if: [{ conditions: [value === undefined ? { path, op } : { path, op, value }] }] })

const toolNames = 'require, deny_if, require_approval, limits, counts, conceal'
const limitNames =
  'counter, window, sliding, scope, increment, increment_from, max, strict, tool, on_deny, shadow'
const operators = 'one of eq, neq, in, not_in, lt, lte, gt, gte, regex, contains, exists'
const conditionAt = '/tools/t/deny_if/0/conditions/0'

describe('a hosted policy loads', () => {
  test.each<[string, unknown]>([
    ['the least there is', { version: '1' }],
    ['only a default', { version: '1', default: 'deny' }],
    ['a schema for editors, and a description', { $schema: './p.json', version: '1', description: 'Ours' }],
    ['hidden tools', { version: '1', default: 'allow', hide: ['a', '*'] }],
    ['a tool that is merely named', onTool({})],
    ['a limit', onTool({ limits: [limit] })],
    ['a limit of the default scope', onTool({ limits: [{ counter: 'c', window: 'hour', max: 0 }] })],
    ['a sliding limit of 90 seconds', onTool({ limits: [{ ...limit, window: 90, sliding: true }] })],
    ['a sum of money', onTool({ limits: [{ ...limit, max: '99.90', increment_from: 'args.amount' }] })],
    ['the largest number that is exact', onTool({ limits: [{ ...limit, max: 9_007_199_254_740_991 }] })],
    ['a heavy call', onTool({ limits: [{ ...limit, max: 2.5, increment: '0.5' }] })],
    [
      'a limit on the counter of another tool',
      {
        version: '1',
        tools: {
          t: { counts: [{ counter: 'c', window: 'minute' }] },
          u: { limits: [{ ...limit, tool: 't' }] },
        },
      },
    ],
    [
      'limits on every call',
      { version: '1', all_tools: { limits: [{ ...limit, window: 'day', scope: 'session' }] } },
    ],
    ['an unconditional denial', onTool({ deny_if: [{ conditions: [], on_deny: 'no' }] })],
    [
      'a requirement that is one condition',
      onTool({ require: [{ path: 'args.a', op: 'exists', value: true }] }),
    ],
    [
      'conditions around conditions',
      onTool({ require: [{ any_of: [{ not: { path: 'args.a', op: 'eq', value: null } }] }] }),
    ],
    ['a tool named like a part of every object', JSON.parse('{"version":"1","tools":{"constructor":{}}}')],
  ])('%s', (_, document) => {
    expect(problemsOf(document)).toEqual([])
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
    const policy = policyOf(json)
    expect(decide(policy, call({}, 'track_logout'), NOON)).toMatchObject({
      action: 'allow',
      charges: [
        { rule: '/tools/track_logout/limits/0', max: '30', window: { lengthMs: 60_000 }, scope: 'grant' },
      ],
    })
    expect(decide(policy, call({}, 'anything_else'), NOON)).toMatchObject({ code: 'default_deny' })
  })
})

describe('a policy with a problem does not load, and every problem is named', () => {
  test.each<[string, unknown, string[]]>([
    ['no object', 5, ['(document): found 5; allowed: object']],
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
      [
        '/tool: found the unknown name "tool"; allowed: $schema, version, description, mode, hide, default, all, all_tools, tools, resources, prompts; did you mean "tools"?',
      ],
    ],
    [
      'a name that stands nowhere',
      onTool({ limits: [], colour: 'red' }),
      [`/tools/t/colour: found the unknown name "colour"; allowed: ${toolNames}`],
    ],
    [
      'a misspelt name in a limit',
      onTool({ limits: [{ ...limit, windw: 'hour' }] }),
      [
        `/tools/t/limits/0/windw: found the unknown name "windw"; allowed: ${limitNames}; did you mean "window"?`,
      ],
    ],
    [
      'a misspelt name in a denial',
      onTool({ deny_if: [{ conditions: [], message: 'no' }] }),
      ['/tools/t/deny_if/0/message: found the unknown name "message"; allowed: conditions, on_deny, shadow'],
    ],
    [
      'a misspelt name under all_tools',
      { version: '1', all_tools: { limit: [] } },
      [`/all_tools/limit: found the unknown name "limit"; allowed: ${toolNames}; did you mean "limits"?`],
    ],
    [
      'an unknown window',
      onTool({ limits: [{ ...limit, window: 'minutes' }] }),
      [
        '/tools/t/limits/0/window: found "minutes"; allowed: "minute", "hour", "day", or a whole number of seconds up to 31622400; did you mean "minute"?',
      ],
    ],
    [
      'an unknown scope',
      onTool({ limits: [{ ...limit, scope: 'world' }] }),
      ['/tools/t/limits/0/scope: found "world"; allowed: "grant", "session", "account", "tenant"'],
    ],
    [
      'a maximum that is no number',
      onTool({ limits: [{ ...limit, max: 'thirty' }] }),
      ['/tools/t/limits/0/max: found "thirty"; allowed: a decimal number, 0 or more, exact'],
    ],
    [
      'a maximum that is a list',
      onTool({ limits: [{ ...limit, max: [30] }] }),
      ['/tools/t/limits/0/max: found an array; allowed: a decimal number, as a number or in quotes'],
    ],
    [
      'two increments',
      onTool({ limits: [{ ...limit, increment: 2, increment_from: 'args.a' }] }),
      ['/tools/t/limits/0/increment_from: found "args.a"; allowed: increment or increment_from, not both'],
    ],
    [
      'an increment of nothing',
      onTool({ counts: [{ counter: 'c', window: 5, increment: '0.0' }] }),
      [
        '/tools/t/counts/0/increment: found "0.0"; allowed: more than 0: a counter that never moves limits nothing',
      ],
    ],
    [
      'an increment from many values',
      onTool({ limits: [{ ...limit, increment_from: 'args.items[*].price' }] }),
      [
        '/tools/t/limits/0/increment_from: found "args.items[*].price"; allowed: args.<name>, one value of the arguments',
      ],
    ],
    [
      'an increment from no path',
      onTool({ limits: [{ ...limit, increment_from: 'session.acount' }] }),
      [
        '/tools/t/limits/0/increment_from: found "session.acount"; allowed: args.<name>, one value of the arguments; did you mean "session.account"?',
      ],
    ],
    [
      'an increment beside another tool’s counter',
      onTool({ limits: [{ ...limit, tool: 'u', increment: 1 }] }),
      [
        '/tools/t/limits/0/tool: found "u"; allowed: no increment beside tool, whose counter is only looked at',
        '/tools/t/limits/0/tool: found "u"; allowed: a tool that counts "c" in the same window and scope',
      ].slice(0, 1),
    ],
    [
      'a counter that another tool does not have',
      onTool({ limits: [{ ...limit, tool: 'u' }] }),
      ['/tools/t/limits/0/tool: found "u"; allowed: a tool that counts "c" in the same window and scope'],
    ],
    [
      'one counter that would move in two ways',
      onTool({ limits: [limit, { ...limit, max: 9, increment_from: 'args.a' }] }),
      [
        '/tools/t/limits/1: found the counter "c" adding args.a; allowed: 1, as at /tools/t/limits/0, or another counter',
      ],
    ],
    [
      'a misspelt operator',
      condition('args.a', 'exist', true),
      [`${conditionAt}/op: found "exist"; allowed: ${operators}; did you mean "exists"?`],
    ],
    [
      'no operator',
      condition('args.a', undefined as never),
      [`${conditionAt}/op: found nothing; allowed: ${operators}`],
    ],
    ['no value', condition('args.a', 'eq'), [`${conditionAt}/value: found nothing; allowed: a JSON value`]],
    [
      'a value of the wrong type',
      condition('args.a', 'lt', 'many'),
      [`${conditionAt}/value: found "many"; allowed: a decimal number, exact`],
    ],
    [
      'a list that is none',
      condition('args.a', 'in', 'x'),
      [`${conditionAt}/value: found "x"; allowed: array`],
    ],
    [
      'an empty list, which nothing is in',
      condition('args.a', 'in', []),
      [`${conditionAt}/value: found an array; allowed: array to have >=1 items`],
    ],
    [
      'existence that is neither',
      condition('args.a', 'exists', 1),
      [`${conditionAt}/value: found 1; allowed: boolean`],
    ],
    [
      'a misspelt root',
      condition('arg.a', 'eq', 1),
      [
        `${conditionAt}/path: found "arg.a"; allowed: args.<name>, session.account, grant.label, tool.annotations.title, tool.annotations.readOnlyHint, tool.annotations.destructiveHint, tool.annotations.idempotentHint, tool.annotations.openWorldHint, time.hour, time.weekday, completion.ref, completion.argument.name, completion.argument.value, completion.context.<name>; did you mean "args"?`,
      ],
    ],
    [
      'a counter in a condition, which only the rule dialect has',
      condition('state.t.c', 'lt', 1),
      [expect.stringContaining(`${conditionAt}/path: found "state.t.c"; allowed: args.<name>`) as never],
    ],
    [
      'an hour that no clock shows',
      condition('time.hour', 'gte', 24),
      [`${conditionAt}/value: found 24; allowed: a whole number from 0 to 23`],
    ],
    [
      'a weekday that no calendar has',
      condition('time.weekday@UTC', 'in', ['monday', 'tusday', 3]),
      [
        `${conditionAt}/value/1: found "tusday"; allowed: sunday, monday, tuesday, wednesday, thursday, friday, saturday; did you mean "tuesday"?`,
        `${conditionAt}/value/2: found 3; allowed: sunday, monday, tuesday, wednesday, thursday, friday, saturday`,
      ],
    ],
    [
      'an account that is a number',
      condition('session.account', 'eq', 7),
      [`${conditionAt}/value: found 7; allowed: string`],
    ],
    [
      'an annotation compared with text',
      condition('tool.annotations.readOnlyHint', 'eq', 'true'),
      [`${conditionAt}/value: found "true"; allowed: true, false`],
    ],
    [
      'an operator that makes no sense there',
      condition('time.weekday', 'regex', 'day$'),
      [`${conditionAt}/op: found "regex"; allowed: one of eq, neq, in, not_in, for time.weekday`],
    ],
    [
      'a pattern that does not compile',
      condition('args.a', 'regex', '(?=x)'),
      [
        `${conditionAt}/value: found "(?=x)"; allowed: a regular expression in RE2’s syntax: invalid or unsupported Perl syntax: \`(?=\``,
      ],
    ],
    [
      'a pattern without end',
      condition('args.a', 'regex', 'x'.repeat(1_001)),
      [
        `${conditionAt}/value: found a string of 1001 characters; allowed: a regular expression in RE2’s syntax: more than 1000 characters`,
      ],
    ],
    [
      'a zone that is nowhere',
      condition('time.hour@America/Sao_Paolo', 'eq', 7),
      [
        `${conditionAt}/path: found "time.hour@America/Sao_Paolo"; allowed: an IANA time zone after the @, such as time.hour@Europe/Madrid; did you mean "time.hour@America/Sao_Paulo"?`,
      ],
    ],
    [
      'a requirement that is no condition',
      onTool({
        require: [7, { conditions: [] }, { any_of: [], more: 1 }, { not: { path: 'args.a', op: 'eq' } }, {}],
      }),
      [
        '/tools/t/require/0: found 7; allowed: object',
        '/tools/t/require/1/conditions: found an array; allowed: array to have >=1 items',
        '/tools/t/require/2/any_of: found an array; allowed: array to have >=1 items',
        '/tools/t/require/2/more: found the unknown name "more"; allowed: any_of',
        '/tools/t/require/3/not/value: found nothing; allowed: a JSON value',
        `/tools/t/require/4/op: found nothing; allowed: ${operators}`,
      ],
    ],
    [
      'a group whose inner conditions are wrong, told as a group',
      onTool({ require: [{ conditions: [{ path: 'args.a', op: 'exists', value: 1 }], on_deny: '' }] }),
      [
        '/tools/t/require/0/conditions/0/value: found 1; allowed: boolean',
        '/tools/t/require/0/on_deny: found ""; allowed: string to have >=1 characters',
      ],
    ],
    [
      'a tool of the name "*"',
      { version: '1', tools: { '*': {} } },
      ['/tools/*: found an object; allowed: a tool name; rules on every tool stand under /all_tools'],
    ],
    [
      'a tool without a name',
      { version: '1', tools: { '': {} } },
      ['/tools/: found the name ""; allowed: a name of 1 to 128 characters'],
    ],
    [
      'a name that JavaScript would swallow',
      JSON.parse('{"version":"1","tools":{"__proto__":{"deny_if":[]}}}'),
      ['/tools/__proto__: found the name "__proto__"; allowed: a JSON value'],
    ],
    [
      'a message without end',
      onTool({ deny_if: [{ conditions: [], on_deny: 'x'.repeat(2_001) }] }),
      [
        '/tools/t/deny_if/0/on_deny: found a string of 2001 characters; allowed: string to have <=2000 characters',
      ],
    ],
    [
      'what is no JSON',
      { version: '1', default: undefined },
      ['/default: found nothing; allowed: a JSON value'],
    ],
  ])('%s', (_, document, expected) => {
    expect(problemsOf(JSON.stringify(document) === '5' ? 5 : clean(document))).toEqual(expected)
  })

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])('a maximum of %d', (max) => {
    expect(problemsOf(onTool({ limits: [{ ...limit, max }] }))[0]).toMatch(
      /^\/tools\/t\/limits\/0\/max: found /,
    )
  })

  test('a document that is nested without end', () => {
    let document: unknown = 1
    for (let i = 0; i < 100_000; i++) document = [document]
    expect(problemsOf(document)).toEqual([
      expect.stringMatching(/: found more than 64 levels; allowed: a JSON value$/),
    ])
  })

  test('a hole in a list', () => {
    // biome-ignore lint/suspicious/noSparseArray: that is the point
    expect(problemsOf({ version: '1', hide: ['a', , 'b'] })).toEqual([
      '/hide/1: found nothing; allowed: a JSON value',
    ])
  })

  test('several problems are all told at once', () => {
    const document = { version: '2', default: 5, tools: { a: { limits: [{}] } } }
    expect(problemsOf(document).length).toBeGreaterThanOrEqual(5)
  })

  test('what is wrong between two rules is told together with what is wrong in one', () => {
    const contradiction = { limits: [limit, { ...limit, increment: 2 }] }
    const document = {
      version: '2',
      tools: { a: contradiction, b: { limits: [{ ...limit, tool: 'c' }] }, c: 5 },
    }
    expect(problemsOf(document)).toEqual([
      '/version: found "2"; allowed: "1"',
      '/tools/c: found 5; allowed: object',
      '/tools/a/limits/1: found the counter "c" adding 2; allowed: 1, as at /tools/a/limits/0, or another counter',
    ])
  })
})

/** An undefined operator is an absent one. */
function clean(document: unknown): unknown {
  return document !== null &&
    typeof document === 'object' &&
    'default' in document &&
    document.default === undefined
    ? document
    : JSON.parse(JSON.stringify(document))
}

test('loading never throws, whatever it is given', () => {
  fc.assert(
    fc.property(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
      (document) => {
        expect(typeof loadPolicy(document).ok).toBe('boolean')
      },
    ),
  )
  const anyRules = fc.record(
    {
      limits: fc.array(fc.anything()),
      deny_if: fc.array(fc.anything()),
      require: fc.array(fc.anything()),
      rules: fc.array(fc.anything()),
      action: fc.anything(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.dictionary(fc.string(), anyRules), (tools) => {
      expect(typeof loadPolicy({ version: '1', tools }).ok).toBe('boolean')
    }),
  )
})

test('pointers escape as RFC 6901 asks', () => {
  expect(pointer('tools', 'a/b~c', 0)).toBe('/tools/a~1b~0c/0')
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sameJson } from '../../../src/base/json.ts'
import { decide, isListed } from '../../../src/policy/decide.ts'
import { loadPolicy } from '../../../src/policy/load.ts'
import { describeProblem } from '../../../src/policy/problem.ts'
import { changesBetween } from '../../../src/policy-meaning/changes.ts'
import {
  args,
  type HostedParts,
  hostedDocument,
  hostedParts,
  ruleDocument,
  shortDocument,
  tools,
} from '../../policy/arbitrary.ts'
import { call, NOON } from '../../policy/support.ts'
import { gatehouse } from '../../support/node/cli.ts'

const documents = fc.oneof(
  ruleDocument as fc.Arbitrary<unknown>,
  shortDocument as fc.Arbitrary<unknown>,
  hostedParts.map(hostedDocument) as fc.Arbitrary<unknown>,
)

function load(document: unknown) {
  const loaded = loadPolicy(document)
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return loaded
}

const diffOf = (a: object, b: object) =>
  changesBetween(load({ version: '1', ...a }), load({ version: '1', ...b })).map(({ tool, what, a, b }) => [
    tool,
    what,
    a,
    b,
  ])

describe('no difference', () => {
  test('between a policy and itself, nor between it and what convert prints of it', async () => {
    await fc.assert(
      fc.asyncProperty(documents, async (document) => {
        const a = JSON.stringify(document)
        const { out: b } = await gatehouse(['policy', 'convert', 'a', '--to', 'hosted'], { a })
        expect(await gatehouse(['policy', 'diff', 'a', 'b'], { a, b })).toEqual({
          code: 0,
          out: 'no change\n',
          err: '',
        })
        expect(changesBetween(load(document), load(document))).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  const t = (rules: object) => ({ default: 'allow', tools: { t: rules } })
  const when = (...conditions: unknown[]) => t({ require: [{ conditions }] })
  const is = (path: string, op = 'eq', value: unknown = 1) => ({ path, op, value })
  const most = (more: object) => t({ limits: [{ counter: 'c', window: 'minute', max: 3, ...more }] })
  test.each([
    ['a condition alone, or in a group', t({ require: [is('args.a')] }), when(is('args.a'))],
    ['conditions in another order', when(is('args.a'), is('args.b')), when(is('args.b'), is('args.a'))],
    ['paths spelt otherwise', when(is('args.a.b')), when(is('args["a"]["b"]'))],
    ['UTC said or not', when(is('time.hour')), when(is('time.hour@UTC'))],
    ['numbers as text', when(is('args.a', 'lt', 2.5)), when(is('args.a', 'lt', '2.50'))],
    [
      'objects in another order',
      when(is('args.a', 'eq', { x: 1, y: 2 })),
      when(is('args.a', 'eq', { y: 2, x: 1 })),
    ],
    ['lists in another order', when(is('args.a', 'in', [1, 2])), when(is('args.a', 'in', [2, 1]))],
    ['a value said twice', when(is('args.a', 'in', [1, 1])), when(is('args.a', 'in', [1]))],
    ['an alternative of one', when(is('args.a')), when({ any_of: [is('args.a')] })],
    [
      'defaults said or not',
      most({}),
      most({ scope: 'grant', sliding: false, increment: 1, strict: false, shadow: false }),
    ],
    ['a window by name, or in seconds', most({}), most({ window: 60 })],
    ['a tool that is named, or not', t({}), { default: 'allow' }],
    ['what default deny leaves to deny', { tools: {} }, { default: 'deny' }],
    [
      'rules of a tool that is hidden',
      { hide: ['t'], ...t({}) },
      { hide: ['t'], ...t({ deny_if: [{ conditions: [] }] }) },
    ],
    [
      'a policy and a rule in shadow',
      { ...most({}), mode: 'shadow' },
      { ...most({ shadow: true }), mode: 'shadow' },
    ],
    ['descriptions', { description: 'a' }, { description: 'b' }],
  ])('%s', (_, a, b) => {
    expect(diffOf(a, b)).toEqual([])
  })
})

describe('a difference', () => {
  /** To load a document costs more than to decide, so each pair is asked about every tool, with several arguments. */
  const manyArgs = fc.array(args, { minLength: 2, maxLength: 2 })

  test('is there wherever a decision differs', () => {
    fc.assert(
      fc.property(documents, documents, manyArgs, (first, second, given) => {
        const [a, b] = [load(first), load(second)]
        for (const tool of tools) isSeen(a, b, tool, given)
      }),
      { numRuns: 500 },
    )
  })

  test('is there wherever a rule less makes a decision another', () => {
    fc.assert(
      fc.property(hostedParts, manyArgs, (parts, given) => {
        const a = load(hostedDocument(parts))
        for (const tool of tools) {
          for (const dropped of parts.tools[tool]?.keys() ?? []) {
            const rules = parts.tools[tool]?.filter((_, i) => i !== dropped)
            const less = { ...parts, tools: { ...parts.tools, [tool]: rules } } as HostedParts
            isSeen(a, load(hostedDocument(less)), tool, given)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  type Policy = ReturnType<typeof load>
  function isSeen(a: Policy, b: Policy, tool: string, given: readonly Record<string, unknown>[]) {
    const differs = given.some((it) => !sameJson(outcomeOf(a, tool, it), outcomeOf(b, tool, it)))
    if (differs) expect(changesBetween(a, b, [tool])).not.toEqual([])
  }

  /** What a caller could notice, in whatever order the rules stand. */
  function outcomeOf({ policy }: Policy, tool: string, given: Record<string, unknown>) {
    const decision = decide(policy, call(given, tool), NOON)
    const charges = 'charges' in decision ? decision.charges : []
    return {
      action: decision.action,
      isListed: isListed(policy, tool),
      limits: [
        ...new Set(charges.map(({ rule: _, key: __, unit: ___, ...charge }) => JSON.stringify(charge))),
      ].sort(),
    }
  }

  const rule = 'denies if args.a eq 1'
  const denies = { deny_if: [{ conditions: [{ path: 'args.a', op: 'eq', value: 1 }] }] }
  const calls = { counter: 'c', window: 'minute', max: 3 }
  const of = 'per minute and grant, in "c" of "t"'
  test.each<[string, object, object, unknown[]]>([
    [
      'the default',
      { default: 'allow' },
      { default: 'deny' },
      [
        ['(any other tool)', 'listed', 'yes', 'no'],
        ['(any other tool)', 'call', 'allowed', 'denied by default'],
      ],
    ],
    [
      'what is hidden',
      { default: 'allow' },
      { default: 'allow', hide: ['t'] },
      [
        ['t', 'listed', 'yes', 'no'],
        ['t', 'call', 'allowed', 'hidden'],
      ],
    ],
    [
      'all is hidden',
      { tools: { t: {} } },
      { tools: { t: {} }, hide: ['*'] },
      [
        ['t', 'listed', 'yes', 'no'],
        ['t', 'call', 'allowed', 'hidden'],
        ['(any other tool)', 'call', 'denied by default', 'hidden'],
      ],
    ],
    ['a rule', { tools: { t: {} } }, { tools: { t: denies } }, [['t', 'rule', null, rule]]],
    ['a rule for all', { tools: { t: denies } }, { tools: { t: {} }, all_tools: denies }, []],
    [
      'a rule in shadow',
      { tools: { t: denies } },
      { tools: { t: { deny_if: [{ ...denies.deny_if[0], shadow: true }] } } },
      [
        ['t', 'rule', rule, null],
        ['t', 'rule', null, `${rule} (shadow)`],
      ],
    ],
    [
      'what an agent is told',
      { tools: { t: denies } },
      { tools: { t: { deny_if: [{ ...denies.deny_if[0], on_deny: 'No.' }] } } },
      [
        ['t', 'rule', rule, null],
        ['t', 'rule', null, `${rule}, saying "No."`],
      ],
    ],
    [
      'a tool that is denied',
      { tools: { t: {} } },
      { tools: { t: { deny_if: [{ conditions: [] }] } } },
      [
        ['t', 'call', 'allowed', 'denied'],
        ['t', 'rule', null, 'denies always'],
      ],
    ],
    [
      'a denial in shadow',
      { tools: { t: {} } },
      { tools: { t: { deny_if: [{ conditions: [], shadow: true }] } } },
      [['t', 'rule', null, 'denies always (shadow)']],
    ],
    [
      'a tool that needs approval',
      { tools: { t: {} } },
      { tools: { t: { require_approval: [{ conditions: [] }] } } },
      [
        ['t', 'call', 'allowed', 'needs approval'],
        ['t', 'rule', null, 'asks a person always'],
      ],
    ],
    [
      'a limit’s most',
      { tools: { t: { limits: [calls] } } },
      { tools: { t: { limits: [{ ...calls, max: 2, strict: true }] } } },
      [['t', 'limit', `at most 3 ${of}`, `less than 2 ${of}`]],
    ],
    [
      'another counter',
      { tools: { t: { limits: [calls] } } },
      { tools: { t: { limits: [{ ...calls, counter: 'd' }] } } },
      [
        ['t', 'limit', `at most 3 ${of}`, null],
        ['t', 'limit', null, `at most 3 ${of.replace('"c"', '"d"')}`],
      ],
    ],
    [
      'a limit shared by all',
      { tools: { t: { limits: [calls] } } },
      { tools: { t: {} }, all_tools: { limits: [calls] } },
      [
        ['t', 'limit', `at most 3 ${of}`, null],
        ['t', 'limit', null, 'at most 3 per minute and grant, in "c" of all tools together'],
      ],
    ],
    [
      'sums',
      { tools: { t: { limits: [{ ...calls, increment: 2 }] } } },
      { tools: { t: { limits: [{ ...calls, increment_from: 'args["a"]' }] } } },
      [
        ['t', 'limit', `at most 3 ${of}, adding 2`, null],
        ['t', 'limit', null, `at most 3 ${of}, adding args.a`],
      ],
    ],
    [
      'another tool’s counter',
      { tools: { t: { counts: [{ counter: 'c', window: 'minute' }] }, u: {} } },
      {
        tools: {
          t: { counts: [{ counter: 'c', window: 'minute' }] },
          u: { limits: [{ ...calls, tool: 't' }] },
        },
      },
      [['u', 'limit', null, `at most 3 ${of}, adding nothing`]],
    ],
    [
      'a counter',
      { tools: { t: {} } },
      { tools: { t: { counts: [{ counter: 'c', window: 90, sliding: true }] } } },
      [['t', 'limit', null, 'counts per any 90 seconds and grant, in "c" of "t"']],
    ],
    [
      'the mode',
      { hide: ['t'] },
      { hide: ['t'], mode: 'shadow' },
      [
        ['t', 'listed', 'no', 'yes'],
        ['t', 'call', 'hidden', 'allowed (shadow: hidden)'],
        ['(any other tool)', 'listed', 'no', 'yes'],
        ['(any other tool)', 'call', 'denied by default', 'allowed (shadow: denied by default)'],
      ],
    ],
  ])('%s', (_, a, b, changes) => {
    expect(diffOf(a, b)).toEqual(changes)
  })

  test('a tool may bear the name of the others', () => {
    expect(diffOf({ hide: ['(any other tool)'] }, { default: 'allow', hide: ['(any other tool)'] })).toEqual([
      ['((any other tool))', 'listed', 'no', 'yes'],
      ['((any other tool))', 'call', 'denied by default', 'allowed'],
    ])
  })
})

describe('the command', () => {
  const a = '{"version":"1","tools":{"t":{},"u":{}}}'
  const b = '{"version":"1","tools":{"t":{}},"all_tools":{"limits":[{"counter":"c","window":"day","max":5}]}}'

  test('prints a table, and 1 is for a change', async () => {
    const { code, out, err } = await gatehouse(['policy', 'diff', 'a', 'b'], { a, b })
    expect({ code, err }).toEqual({ code: 1, err: '' })
    expect(out).toBe(
      [
        'tool  what    a        b',
        't     limit   —        at most 5 per day and grant, in "c" of all tools together',
        'u     listed  yes      no',
        'u     call    allowed  denied by default',
        '',
      ].join('\n'),
    )
  })

  test('compares the tools that it is asked about, once each', async () => {
    expect((await gatehouse(['policy', 'diff', 'a', 'b', '--tools', 'x,y'], { a, b })).code).toBe(0)
    const { out } = await gatehouse(['policy', 'diff', 'a', 'b', '--tools', 't,t', '--json'], { a, b })
    const says = 'at most 5 per day and grant, in "c" of all tools together'
    expect(JSON.parse(out)).toEqual({
      same: false,
      changes: [{ tool: 't', what: 'limit', a: null, b: says }],
    })
    const same = await gatehouse(['policy', 'diff', 'a', 'a', '--json'], { a })
    expect(JSON.parse(same.out)).toEqual({ same: true, changes: [] })
  })

  test('names what is wrong with both, and that is no change', async () => {
    const { code, out, err } = await gatehouse(['policy', 'diff', 'a', 'gone'], { a: '[]' })
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toBe(
      'a:1:1 (document): found an array; allowed: object\ngone: cannot be read: no such file or directory; the gateway’s policy of that name is @gone\n',
    )
    expect((await gatehouse(['policy', 'diff', 'b', 'a'], { a: '[]', b })).code).toBe(2)
    const json = await gatehouse(['policy', 'diff', 'a', 'gone', '--json'], { a: '[]' })
    expect(JSON.parse(json.out)).toMatchObject({ errors: [{ file: 'a', pointer: '' }, { file: 'gone' }] })
  })
})

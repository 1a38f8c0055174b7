import { describe, expect, test } from 'vitest'
import { decide } from '../../src/policy/decide.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { call, NOON, policyOf, problemsOf } from './support.ts'

const onTool = (...rules: unknown[]) => ({ version: '1', tools: { t: { rules } } })
const daily = { counter: 'spend', window: 'day', increment_from: 'args.amount' }
const onSpend = (op: string, value: unknown) => ({ path: 'state.t.spend', op, value })
const decideOn = (document: unknown, args = {}, tool = 't') =>
  decide(policyOf(document), call(args, tool), NOON)

function hosted(document: unknown) {
  const loaded = loadPolicy(document)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.hosted
}

describe('the rule dialect', () => {
  test('is silent about what it does not name: allowed', () => {
    expect(decideOn(onTool({ rate_limit: '1/day' }), {}, 'u')).toMatchObject({ rule: '(default allow)' })
    const strict = { ...onTool({ rate_limit: '1/day' }), default: 'deny' }
    expect(decideOn(strict, {}, 'u')).toMatchObject({ code: 'default_deny' })
  })

  test('denies unless all conditions of every rule hold', () => {
    const document = onTool(
      { name: 'max', conditions: [{ path: 'args.amount', op: 'lte', value: 500 }], on_deny: 'Too much.' },
      {
        name: 'currency',
        action: 'evaluate',
        conditions: [{ path: 'args.currency', op: 'in', value: ['usd'] }],
      },
    )
    expect(decideOn(document, { amount: 5, currency: 'usd' })).toMatchObject({
      action: 'allow',
      rule: '/tools/t',
    })
    expect(decideOn(document, { amount: 501, currency: 'usd' })).toMatchObject({
      code: 'denied',
      rule: '/tools/t/rules/0',
      message: 'Too much.',
      trace: [{ condition: '/tools/t/rules/0/conditions/0', saw: 'number', outcome: 'fails' }],
    })
    expect(decideOn(document, { amount: 5 })).toMatchObject({ rule: '/tools/t/rules/1' })
  })

  test('denies outright, and asks for approval', () => {
    expect(decideOn(onTool({ action: 'deny', on_deny: 'Never.' }))).toMatchObject({
      rule: '/tools/t/rules/0',
      message: 'Never.',
    })
    const big = { path: 'args.amount', op: 'gt', value: 100 }
    const asking = onTool({ action: 'require_approval', conditions: [big] })
    expect(decideOn(asking, { amount: 101 })).toMatchObject({
      action: 'require_approval',
      code: 'approval_required',
      rule: '/tools/t/rules/0',
    })
    expect(decideOn(asking, { amount: 100 }).action).toBe('allow')
    expect(decideOn(onTool({ action: 'require_approval' })).action).toBe('require_approval')
  })

  test('limits a rate', () => {
    expect(decideOn(onTool({ rate_limit: '5/hour', on_deny: 'Slow.' }))).toMatchObject({
      charges: [
        {
          rule: '/tools/t/rules/0',
          counter: '_rate_hour',
          max: '5',
          amount: '1',
          scope: 'grant',
          window: { lengthMs: 3_600_000, sliding: false },
          message: 'Slow.',
        },
      ],
    })
  })

  test('limits a counter by a condition on it: what it would be after the call', () => {
    const document = onTool({
      conditions: [{ path: 'args.amount', op: 'gt', value: 0 }, onSpend('lt', '10.5')],
      state: daily,
      on_deny: 'Enough.',
    })
    const decision = decideOn(document, { amount: '2.50' })
    expect(decision).toMatchObject({
      action: 'allow',
      trace: [{ condition: '/tools/t/rules/0/conditions/0' }],
      charges: [{ rule: '/tools/t/rules/0', max: '10.5', strict: true, amount: '2.5', unit: 'sum' }],
    })
    expect(decideOn(document, {})).toMatchObject({ code: 'denied', message: 'Enough.' })
  })

  test('moves a counter once, however many rules compare it, and names may hold dots', () => {
    const document = {
      version: '1',
      tools: {
        'a.b': {
          rules: [
            {
              state: { counter: 'n', window: 'hour', increment: 2 },
              conditions: [{ path: 'state.a.b.n', op: 'lte', value: 9 }],
            },
            { conditions: [{ path: 'state.a.b.n', op: 'lt', value: 5 }] },
          ],
        },
      },
    }
    const decision = decideOn(document, {}, 'a.b')
    const charges = decision.action === 'allow' ? decision.charges : []
    expect(charges.map(({ rule, max, strict, amount }) => [rule, max, strict, amount])).toEqual([
      ['/tools/a.b/rules/0', '9', false, '2'],
      ['/tools/a.b/rules/1', '5', true, '2'],
    ])
    expect(new Set(charges.map(({ key }) => key)).size).toBe(1)
  })

  test('looks at the counter of another tool without moving it', () => {
    const document = {
      version: '1',
      tools: {
        pay: { rules: [{ state: { counter: 'spend', window: 'day', increment_from: 'args.amount' } }] },
        refund: { rules: [{ conditions: [{ path: 'state.pay.spend', op: 'lte', value: 100 }] }] },
        '*': { rules: [{ state: { counter: 'all', window: 60, sliding: true, scope: 'session' } }] },
        odd: { rules: [{ conditions: [{ path: 'state._global.all', op: 'lte', value: 7 }] }] },
      },
    }
    const charges = (tool: string) => {
      const decision = decideOn(document, { amount: 3 }, tool)
      return decision.action === 'allow'
        ? decision.charges.map(({ max, amount, rule }) => [rule, max, amount])
        : null
    }
    expect(charges('pay')).toEqual([
      ['/tools/pay/rules/0', null, '3'],
      ['/tools/*/rules/0', null, '1'],
    ])
    expect(charges('refund')?.[0]).toEqual(['/tools/refund/rules/0', '100', '0'])
    expect(charges('odd')).toEqual([
      ['/tools/odd/rules/0', '7', '0'],
      ['/tools/*/rules/0', null, '1'],
    ])
  })

  test('a limit in shadow does not move a counter that others compare', () => {
    const document = onTool(
      { state: daily, conditions: [onSpend('lte', 5)], shadow: true },
      { conditions: [onSpend('lte', 50)] },
      { shadow: true, conditions: [{ path: 'state._global.n', op: 'lte', value: 5 }] },
    )
    const tools = {
      ...document.tools,
      '*': {
        rules: [
          {
            shadow: true,
            state: { counter: 'n', window: 'day' },
            conditions: [{ path: 'state._global.n', op: 'lte', value: 1 }],
          },
        ],
      },
    }
    expect(hosted({ version: '1', tools }).all_tools).toEqual({
      limits: [{ counter: 'n', window: 'day', max: 1, shadow: true }],
      counts: [{ counter: 'n', window: 'day' }],
    })
  })

  test('rules under "*" come after the tool’s own and do not rescue an unlisted one', () => {
    const document = {
      version: '1',
      default: 'deny',
      tools: {
        '*': {
          rules: [
            { name: 'all', rate_limit: '9/minute' },
            { conditions: [{ path: 'args.ok', op: 'eq', value: true }] },
          ],
        },
        t: { rules: [{ rate_limit: '1/minute' }] },
      },
    }
    const decision = decideOn(document, { ok: true })
    expect(decision.action === 'allow' && decision.charges.map(({ rule }) => rule)).toEqual([
      '/tools/t/rules/0',
      '/tools/*/rules/0',
    ])
    expect(decideOn(document, { ok: false })).toMatchObject({ rule: '/tools/*/rules/1' })
    expect(decideOn(document, { ok: true }, 'u')).toMatchObject({ code: 'default_deny' })
  })

  test.each<[string, unknown, string[]]>([
    [
      'a rule that does nothing',
      onTool({ name: 'empty' }),
      ['/tools/t/rules/0: found an object; allowed: conditions, rate_limit or state, or action "deny"'],
    ],
    [
      'a rate and a counter',
      onTool({ rate_limit: '1/day', state: daily }),
      ['/tools/t/rules/0/rate_limit: found "1/day"; allowed: rate_limit or state, not both'],
    ],
    [
      'a rate that is none',
      onTool({ rate_limit: '1/week' }),
      [
        '/tools/t/rules/0/rate_limit: found "1/week"; allowed: calls per window, such as 30/minute: <whole number>/<minute, hour or day>',
      ],
    ],
    [
      'a denial that would count',
      onTool({ action: 'deny', rate_limit: '1/day' }),
      [
        '/tools/t/rules/0/action: found "deny"; allowed: "evaluate" beside conditions, rate_limit or state; "deny" stands alone',
      ],
    ],
    [
      'a denial with conditions',
      onTool({ action: 'deny', conditions: [{ path: 'args.a', op: 'eq', value: 1 }] }),
      [
        '/tools/t/rules/0/action: found "deny"; allowed: "evaluate" beside conditions, rate_limit or state; "deny" stands alone',
      ],
    ],
    [
      'an approval that would count',
      onTool({ action: 'require_approval', state: daily }),
      ['/tools/t/rules/0/action: found "require_approval"; allowed: "evaluate" beside a counter'],
    ],
    [
      'an approval for a counter',
      onTool({ action: 'require_approval', conditions: [onSpend('lt', 1)] }),
      ['/tools/t/rules/0/action: found "require_approval"; allowed: "evaluate" beside a counter'],
    ],
    [
      'a misspelt counter',
      onTool({ state: daily, conditions: [{ path: 'state.t.spent', op: 'lte', value: 1 }] }),
      [
        '/tools/t/rules/0/conditions/0/path: found "state.t.spent"; allowed: state.t.spend; did you mean "state.t.spend"?',
        '/tools/t/rules/0/state: found the counter "spend", which no condition compares; allowed: a counter that some condition compares, as state.t.spend',
      ],
    ],
    [
      'two counters that nobody declares',
      onTool({
        conditions: [
          { path: 'state.t.one', op: 'lte', value: 1 },
          { path: 'state.t.two', op: 'lte', value: 1 },
        ],
      }),
      [
        '/tools/t/rules/0/conditions/0/path: found "state.t.one"; allowed: a counter that some rule’s state declares',
        '/tools/t/rules/0/conditions/1/path: found "state.t.two"; allowed: a counter that some rule’s state declares',
      ],
    ],
    [
      'a counter twice',
      onTool(
        { state: daily, conditions: [onSpend('lte', 1)] },
        { state: daily, conditions: [onSpend('lte', 2)] },
      ),
      [
        '/tools/t/rules/1/state/counter: found the counter "spend", which /tools/t/rules/0/state has, too; allowed: one state for each counter',
      ],
    ],
    [
      'a counter compared the wrong way round',
      onTool({ state: daily, conditions: [onSpend('gte', 1)] }),
      [
        '/tools/t/rules/0/conditions/0/path: found "state.t.spend"; allowed: lt or lte beside a counter: a limit is a most, never a least',
      ],
    ],
    [
      'a counter that must stay below zero',
      onTool({ state: daily, conditions: [onSpend('lte', -1)] }),
      [
        '/tools/t/rules/0/conditions/0/value: found -1; allowed: a decimal number, 0 or more',
        '/tools/t/rules/0/state: found the counter "spend", which no condition compares; allowed: a counter that some condition compares, as state.t.spend',
      ],
    ],
    [
      'calls that are counted and compared with a fraction',
      onTool({ state: { counter: 'spend', window: 'day' }, conditions: [onSpend('lte', '1.50')] }),
      ['/tools/t/rules/0/conditions/0/value: found "1.50"; allowed: a whole number, since calls are counted'],
    ],
    [
      'a counter inside any_of',
      onTool({ state: daily, conditions: [{ any_of: [onSpend('lte', 1)] }] }),
      [
        expect.stringContaining(
          '/tools/t/rules/0/conditions/0/any_of/0/path: found "state.t.spend"; allowed: args.',
        ) as never,
      ],
    ],
    [
      'an increment of nothing, and two increments',
      onTool({ state: { ...daily, increment: 0 }, conditions: [onSpend('lte', 1)] }),
      [
        '/tools/t/rules/0/state/increment_from: found "args.amount"; allowed: increment or increment_from, not both',
        '/tools/t/rules/0/state/increment: found 0; allowed: more than 0: a counter that never moves limits nothing',
      ],
    ],
    [
      'a path that is none, beside operators for counters and others',
      onTool({
        conditions: [
          { path: 'sesion.account', op: 'eq', value: 'a' },
          { path: 'sesion.account', op: 'lt', value: 1 },
        ],
      }),
      [
        expect.stringMatching(
          /conditions\/0\/path: found "sesion.account"; allowed: args.*did you mean "session.account"\?$/,
        ) as never,
        expect.stringMatching(
          /conditions\/1\/path: found "sesion.account"; allowed: state.*did you mean "session.account"\?$/,
        ) as never,
      ],
    ],
    [
      'tools that are wrong beside tools that are right: only what is surely wrong is told',
      {
        version: '1',
        tools: {
          broken: { rules: [{ nmae: 'x' }] },
          t: {
            rules: [
              { conditions: [{ path: 'state.broken.n', op: 'lte', value: 1 }] },
              { conditions: [{ path: 'state.t.n', op: 'lte', value: 1 }] },
              { state: { counter: 'm', window: 'day' } },
            ],
          },
        },
      },
      [
        '/tools/broken/rules/0/nmae: found the unknown name "nmae"; allowed: name, action, conditions, on_deny, rate_limit, state, shadow; did you mean "name"?',
        '/tools/broken/rules/0: found an object; allowed: conditions, rate_limit or state, or action "deny"',
        '/tools/t/rules/1/conditions/0/path: found "state.t.n"; allowed: state.t.m; did you mean "state.t.m"?',
      ],
    ],
  ])('refuses %s', (_, document, problems) => {
    expect(problemsOf(document)).toEqual(problems)
  })
})

describe('the short dialect', () => {
  const document = {
    tools: {
      a: { action: 'allow' },
      t: { action: 'deny', reason: 'Never.' },
      ask: { action: 'require_approval', reason: 'Ask Ana.' },
      rate: { rate_limit: { max: 10, window: 60 }, reason: 'Slow.' },
    },
  }

  test('allows, denies with a reason and asks', () => {
    expect(decideOn(document, {}, 'a')).toMatchObject({ action: 'allow', rule: '/tools/a' })
    expect(decideOn(document)).toMatchObject({ code: 'denied', rule: '/tools/t', message: 'Never.' })
    expect(decideOn(document, {}, 'ask')).toMatchObject({ code: 'approval_required', message: 'Ask Ana.' })
    expect(decideOn(document, {}, 'other')).toMatchObject({ code: 'default_deny' })
    expect(decideOn({ ...document, default: 'allow' }, {}, 'other').action).toBe('allow')
  })

  test('counts a rate by session, in seconds, unless told otherwise', () => {
    expect(decideOn(document, {}, 'rate')).toMatchObject({
      charges: [
        {
          rule: '/tools/rate',
          max: '10',
          scope: 'session',
          window: { lengthMs: 60_000, sliding: false },
          message: 'Slow.',
        },
      ],
    })
    const rate_limit = { max: 1, window: 5, scope: 'grant', sliding: true }
    expect(decideOn({ tools: { t: { rate_limit } } })).toMatchObject({
      charges: [{ scope: 'grant', window: { lengthMs: 5_000, sliding: true } }],
    })
  })

  test('has an entry for every call', () => {
    const all = {
      default: 'allow',
      tools: { '*': { rate_limit: { max: 1, window: 1 } }, t: { action: 'allow' } },
    }
    expect(decideOn(all)).toMatchObject({ charges: [{ rule: '/tools/*' }] })
    expect(decideOn(all, {}, 'u')).toMatchObject({ charges: [{ rule: '/tools/*' }] })
  })

  test('refuses a denial with a rate, and what it does not know', () => {
    expect(problemsOf({ tools: { t: { action: 'deny', rate_limit: { max: 1, window: 1 } } } })).toEqual([
      '/tools/t/action: found "deny"; allowed: "allow" or "require_approval" beside rate_limit',
    ])
    expect(
      problemsOf({ tools: { t: { action: 'permit' }, u: { rate_limit: { max: -1, window: 'day' } } } }),
    ).toEqual([
      '/tools/t/action: found "permit"; allowed: "allow", "deny", "require_approval"',
      '/tools/u/rate_limit/max: found -1; allowed: number to be >=0',
      '/tools/u/rate_limit/window: found "day"; allowed: number',
    ])
  })
})

test('what is converted says everything that the author said, but the schema of another dialect', () => {
  const said = { $schema: 'x.json', version: '1', description: 'Ours', hide: ['a'], mode: 'shadow' }
  const { $schema: _, ...kept } = said
  expect(hosted({ ...said, tools: { t: { rules: [] } } })).toEqual({
    ...kept,
    default: 'allow',
    tools: { t: {} },
  })
  expect(hosted({ ...said, tools: { t: { action: 'allow' } } })).toEqual({
    ...kept,
    default: 'deny',
    tools: { t: {} },
  })
})

describe('the dialect of a document', () => {
  const dialect = (document: unknown) => {
    const loaded = loadPolicy(document)
    return loaded.ok ? loaded.dialect : loaded.problems.map(({ pointer }) => pointer)
  }

  test('is told by the names it uses, and is hosted where it uses none', () => {
    expect(dialect({ version: '1' })).toBe('hosted')
    expect(dialect({ version: '1', tools: { t: {} } })).toBe('hosted')
    expect(dialect({ version: '1', tools: { t: { colour: 1 } } })).toEqual(['/tools/t/colour'])
    expect(dialect({ version: '1', tools: 5 })).toEqual(['/tools'])
    expect(dialect({ version: '1', tools: { t: 5 } })).toEqual(['/tools/t'])
    expect(dialect({ version: '1', all_tools: {} })).toBe('hosted')
    expect(dialect(onTool())).toBe('rule')
    expect(dialect({ tools: { t: { reason: 'x' } } })).toBe('short')
  })

  test('is told by misspelt names where there are no others', () => {
    expect(problemsOf({ version: '1', tools: { t: { rulse: [] } } })).toEqual([
      '/tools/t/rules: found nothing; allowed: array',
      '/tools/t/rulse: found the unknown name "rulse"; allowed: rules, conceal; did you mean "rules"?',
    ])
  })

  test('is one: a document that mixes them is refused, naming both places', () => {
    const mixed = {
      version: '1',
      tools: { a: { limits: [] }, b: { rules: [] }, c: { limits: [], action: 'deny' } },
    }
    expect(problemsOf(mixed)).toEqual([
      '/tools/b/rules: found "rules", of the rule dialect; allowed: one dialect in a document: /tools/a/limits is of the hosted dialect',
      '/tools/c/action: found "action", of the short dialect; allowed: one dialect in a document: /tools/a/limits is of the hosted dialect',
    ])
    expect(dialect({ version: '1', all_tools: {}, tools: { t: { rules: [] } } })).toEqual(['/tools/t/rules'])
  })
})

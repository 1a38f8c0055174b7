import { describe, expect, test } from 'vitest'
import { decide, isListed, usesAnnotations, usesContext } from '../../src/policy/decide.ts'
import { call, NOON, policyOf } from './support.ts'

const big = { path: 'args.amount', op: 'gt', value: 100 }
const limit = { counter: 'c', window: 'minute', max: 1 }
const decideOn = (document: Record<string, unknown>, args = {}, tool = 't') =>
  decide(policyOf({ version: '1', default: 'allow', ...document }), call(args, tool), NOON)

describe('a rule in shadow', () => {
  test('says what it would have done, and does nothing', () => {
    const rules = {
      deny_if: [{ conditions: [big], on_deny: 'Too much.', shadow: true }],
      require: [{ path: 'args.reason', op: 'exists', value: true, shadow: true }],
      require_approval: [{ conditions: [], shadow: true }],
    }
    expect(decideOn({ tools: { t: rules } }, { amount: 101 })).toMatchObject({
      action: 'allow',
      rule: '/tools/t',
      shadow: [
        { action: 'deny', rule: '/tools/t/deny_if/0', message: 'Too much.' },
        { action: 'deny', rule: '/tools/t/require/0', message: 'The policy denies this call of "t".' },
        {
          action: 'require_approval',
          rule: '/tools/t/require_approval/0',
          message: 'A person must approve this call of "t".',
        },
      ],
    })
    expect(decideOn({ tools: { t: rules } }, { amount: 1, reason: 'x' }).shadow).toHaveLength(1)
  })

  test('is told beside a decision that others make', () => {
    const deny_if = [
      { conditions: [], shadow: true },
      { conditions: [], on_deny: 'No.' },
    ]
    expect(decideOn({ tools: { t: { deny_if } } })).toMatchObject({
      action: 'deny',
      rule: '/tools/t/deny_if/1',
      shadow: [{ rule: '/tools/t/deny_if/0' }],
    })
    const require_approval = [{ conditions: [] }, { conditions: [] }, { conditions: [], shadow: true }]
    expect(decideOn({ tools: { t: { require_approval } } })).toMatchObject({
      rule: '/tools/t/require_approval/0',
      shadow: [{ rule: '/tools/t/require_approval/2' }],
    })
  })

  test('is a limit that only watches; one that cannot count says so', () => {
    const watching = { ...limit, max: 5, increment_from: 'args.amount', shadow: true }
    const tools = { t: { limits: [watching, { ...limit, counter: 'd', increment_from: 'args.amount' }] } }
    expect(decideOn({ tools }, { amount: 2 })).toMatchObject({
      action: 'allow',
      charges: [{ shadow: true, amount: '2' }, { shadow: false }],
    })
    expect(decideOn({ tools }, { amount: 'two' })).toMatchObject({
      action: 'deny',
      rule: '/tools/t/limits/1',
      shadow: [{ action: 'deny', rule: '/tools/t/limits/0' }],
    })
    expect(decideOn({ tools: { t: { limits: [{ ...watching, on_deny: 'Enough.' }] } } }, {})).toMatchObject({
      action: 'allow',
      charges: [],
      shadow: [{ message: 'Enough.' }],
    })
  })
})

describe('a policy in shadow', () => {
  const shadow = (document: Record<string, unknown>, args = {}) =>
    decideOn({ mode: 'shadow', ...document }, args)

  test.each<[string, Record<string, unknown>, unknown]>([
    ['hides nothing', { hide: ['t'] }, { action: 'deny', rule: '(hidden)' }],
    ['denies nothing by default', { default: 'deny' }, { action: 'deny', rule: '(default deny)' }],
    [
      'denies nothing',
      { tools: { t: { deny_if: [{ conditions: [] }] } } },
      { action: 'deny', rule: '/tools/t/deny_if/0' },
    ],
    [
      'asks nobody',
      { tools: { t: { require_approval: [{ conditions: [] }] } } },
      { action: 'require_approval', rule: '/tools/t/require_approval/0' },
    ],
  ])('%s, and says what it would have done', (_, document, would) => {
    expect(shadow(document)).toMatchObject({ action: 'allow', rule: '(shadow)', shadow: [would] })
  })

  test('only watches its limits', () => {
    expect(shadow({ tools: { t: { limits: [limit] } } })).toMatchObject({
      action: 'allow',
      rule: '/tools/t',
      charges: [{ shadow: true }],
      shadow: [],
    })
  })

  test('lists every tool; without a policy there is still none', () => {
    const hiding = policyOf({ version: '1', default: 'deny', mode: 'shadow', hide: ['*'] })
    expect(isListed(hiding, 't')).toBe(true)
    expect(decide(null, call(), NOON)).toMatchObject({ code: 'no_policy' })
  })

  test('mode enforce is what a policy does anyway', () => {
    expect(decideOn({ mode: 'enforce', hide: ['t'] }).action).toBe('deny')
  })
})

describe('approval', () => {
  test('is asked only of a call that nothing denies, and says what the call will be charged', () => {
    const tools = {
      t: {
        require_approval: [{ conditions: [big], on_deny: 'Ask Ana.' }],
        deny_if: [{ conditions: [{ ...big, value: 1_000 }] }],
      },
    }
    const all_tools = { limits: [limit] }
    expect(decideOn({ tools, all_tools }, { amount: 101 })).toMatchObject({
      action: 'require_approval',
      code: 'approval_required',
      message: 'Ask Ana.',
      charges: [{ rule: '/all_tools/limits/0' }],
    })
    expect(decideOn({ tools, all_tools }, { amount: 1_001 })).toMatchObject({ action: 'deny' })
    expect(decideOn({ tools, all_tools }, { amount: 1 })).toMatchObject({ action: 'allow' })
  })
})

test('a policy says whether it asks who calls', () => {
  const asks = (path: string) =>
    policyOf({
      version: '1',
      default: 'allow',
      all_tools: { require: [{ any_of: [{ not: { path: 'args.a', op: 'exists', value: true } }] }] },
      tools: { t: { require: [{ path, op: 'eq', value: 'x' }] }, u: {} },
    })
  expect(usesContext(asks('session.account'), 't')).toBe(true)
  expect(usesContext(asks('grant.label'), 't')).toBe(true)
  expect(usesContext(asks('args.session'), 't')).toBe(false)
  expect(usesContext(asks('session.account'), 'u')).toBe(false)
  expect(usesContext(asks('session.account'), 'unknown')).toBe(false)
  expect(usesContext(null, 't')).toBe(false)
  const everywhere = policyOf({
    version: '1',
    all_tools: { deny_if: [{ conditions: [{ path: 'grant.label', op: 'eq', value: 'x' }] }] },
  })
  expect(usesContext(everywhere, 'unknown')).toBe(true)
})

test('a policy says whether it asks what a tool says of itself', () => {
  const asks = (path: string) =>
    policyOf({
      version: '1',
      default: 'allow',
      tools: { t: { deny_if: [{ conditions: [{ not: { path, op: 'eq', value: true } }] }] }, u: {} },
    })
  expect(usesAnnotations(asks('tool.annotations.readOnlyHint'), 't')).toBe(true)
  expect(usesAnnotations(asks('tool.annotations.readOnlyHint'), 's__t', 't')).toBe(true)
  expect(usesAnnotations(asks('tool.annotations.readOnlyHint'), 'u')).toBe(false)
  expect(usesAnnotations(asks('args.tool'), 't')).toBe(false)
  expect(usesAnnotations(null, 't')).toBe(false)
})

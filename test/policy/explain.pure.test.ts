import { describe, expect, test } from 'vitest'
import { reserve, type Standing } from '../../src/policy/counting.ts'
import { decide } from '../../src/policy/decide.ts'
import { explain } from '../../src/policy/explain.ts'
import { rateLimitHeaders } from '../../src/policy/headers.ts'
import { call, MemoryCounters, NOON, policyOf } from './support.ts'

const NOBODY = { session: null, account: null }
const policy = policyOf(`
version: "1"
default: allow
hide: [gone]
tools:
  pay:
    require:
      - { path: args.currency, op: in, value: [usd] }
    deny_if:
      - conditions: [{ path: args.amount, op: gt, value: 100 }]
        on_deny: Too much.
    require_approval:
      - conditions: [{ path: args.to, op: neq, value: known }]
        shadow: true
    limits:
      - { counter: calls, window: minute, max: 1 }
      - { counter: spend, window: 90, sliding: true, max: 50, increment_from: args.amount, shadow: true }
    counts:
      - { counter: quiet, window: day }
  ask: { require_approval: [{ conditions: [] }], limits: [{ counter: calls, window: minute, max: 0 }] }
`)
const say = (tool: string, args: Record<string, unknown>, store = new MemoryCounters()) =>
  explain(policy, call(args, tool), { context: NOON, counters: store, subject: NOBODY })

describe('an explanation', () => {
  test('says what allowed a call, what was looked at and how limits stand', () => {
    expect(say('pay', { amount: 60, currency: 'usd', to: [1] })).toBe(
      [
        'pay: allowed by /tools/pay',
        '  /tools/pay/deny_if/0/conditions/0: args.amount gt 100, saw number: fails',
        '  /tools/pay/require/0: args.currency in ["usd"], saw string: holds',
        '  /tools/pay/require_approval/0/conditions/0: args.to neq "known", saw array: holds',
        '  /tools/pay/limits/0: 1 of 1 left in minute of this grant, adds 1 call: has room, resets in 60 s',
        '  /tools/pay/limits/1 (shadow): 50 of 50 left in any 90 seconds of this grant, adds 60: no room, resets in 92 s',
        '  shadow: would require approval by /tools/pay/require_approval/0: A person must approve this call of "pay".',
      ].join('\n'),
    )
  })

  test('says which limit is used up', () => {
    const store = new MemoryCounters()
    const args = { amount: 1, currency: 'usd', to: 'known' }
    const decision = decide(policy, call(args, 'pay'), NOON)
    reserve(store, decision.action === 'allow' ? decision.charges : [], NOBODY, NOON.nowMs)
    expect(say('pay', args, store)).toMatch(/^pay: rate limited by \/tools\/pay\/limits\/0\n/)
  })

  test('says what denied a call, or that a person must agree', () => {
    expect(say('pay', { amount: 'k4n4ry' })).toBe(
      [
        'pay: denied (denied) by /tools/pay/deny_if/0: Too much.',
        '  /tools/pay/deny_if/0/conditions/0: args.amount gt 100, saw string: cannot be evaluated',
      ].join('\n'),
    )
    expect(say('gone', {})).toBe('gone: denied (hidden) by (hidden): The tool "gone" is not available.')
    expect(say('ask', {})).toMatch(/^ask: needs approval by \/tools\/ask\/require_approval\/0: A person/)
    const watching = policyOf({ version: '1', mode: 'shadow' })
    expect(
      explain(watching, call(), { context: NOON, counters: new MemoryCounters(), subject: NOBODY }),
    ).toBe(
      't: allowed by (shadow)\n  shadow: would deny by (default deny): The policy does not allow the tool "t".',
    )
  })
})

describe('the RateLimit fields', () => {
  const standing: Standing = {
    rule: '/tools/t/limits/0',
    counter: 'c',
    window: 'minute',
    windowMs: 60_000,
    scope: 'grant',
    unit: 'calls',
    strict: false,
    max: '30',
    remaining: '12',
    amount: '1',
    resetsAtMs: 90_001,
    nowMs: 60_000,
  }

  test('name each limit on calls, its quota and window, what is left and when it resets', () => {
    const other = {
      ...standing,
      rule: '/ünï"\\\uD800',
      max: '1e0',
      remaining: '0',
      windowMs: 1_500,
      resetsAtMs: 0,
    }
    expect(rateLimitHeaders([standing, other])).toEqual({
      'ratelimit-policy': '"/tools/t/limits/0";q=30;w=60, "/%C3%BCn%C3%AF\\"\\\\%EF%BF%BD";q=1;w=2',
      ratelimit: '"/tools/t/limits/0";r=12;t=31, "/%C3%BCn%C3%AF\\"\\\\%EF%BF%BD";r=0;t=0',
    })
  })

  test('say whole numbers that fit, and nothing of sums', () => {
    expect(rateLimitHeaders([{ ...standing, max: '2.5', remaining: '1'.padEnd(20, '0') }])).toEqual({
      'ratelimit-policy': '"/tools/t/limits/0";q=2;w=60',
      ratelimit: '"/tools/t/limits/0";r=999999999999999;t=31',
    })
    expect(rateLimitHeaders([{ ...standing, max: 'none' }])['ratelimit-policy']).toContain('q=0')
    expect(rateLimitHeaders([{ ...standing, unit: 'sum' }])).toEqual({})
    expect(rateLimitHeaders([])).toEqual({})
  })
})

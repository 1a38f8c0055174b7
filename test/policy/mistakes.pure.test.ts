/** Mistakes seen in existing engines (shared/reference/policy.md), one test each that such an engine fails. */
import { describe, expect, test } from 'vitest'
import { refund, reserve } from '../../src/policy/counting.ts'
import { decide, isListed } from '../../src/policy/decide.ts'
import { toolsListed } from '../../src/policy/known-tools.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Decision } from '../../src/policy/model.ts'
import { processorClock } from '../support/processor-time.ts'
import { call, MemoryCounters, NOON, policyOf, problemsOf } from './support.ts'

const NOBODY = { session: null, account: null }
const spending = policyOf({
  version: '1',
  default: 'deny',
  tools: {
    t: { limits: [{ counter: 'spend', window: 'day', max: '10.00', increment_from: 'args.amount' }] },
  },
})
const oneAMinute = policyOf({
  version: '1',
  tools: { t: { limits: [{ counter: 'c', window: 'minute', max: 1 }] } },
})

function chargesOf(decision: Decision) {
  if (decision.action !== 'allow') throw new Error(`${decision.action}: ${decision.message}`)
  return decision.charges
}

describe('mistake 1: increments that are not exact amounts', () => {
  test.each([-1, '-0.01', Number.NaN, Number.POSITIVE_INFINITY, 'NaN', '1,5', '', null, [1], true])(
    'an increment of %j is refused, and lowers no counter',
    (amount) => {
      expect(decide(spending, call({ amount }), NOON)).toMatchObject({
        action: 'deny',
        rule: '/tools/t/limits/0',
        message: 'The policy counts args.amount, which must be a decimal number of 0 or more.',
      })
    },
  )

  test('an increment of nothing is not', () => {
    expect(decide(spending, call({ amount: 0 }), NOON)).toMatchObject({
      action: 'allow',
      charges: [{ amount: '0' }],
    })
  })

  test('an increment that is not there is refused', () => {
    expect(decide(spending, call({}), NOON).action).toBe('deny')
  })

  test('a fraction is not cut off: a hundred times ten cents are ten, and one cent more is too much', () => {
    const store = new MemoryCounters()
    const pay = (amount: unknown) =>
      reserve(store, chargesOf(decide(spending, call({ amount }), NOON)), NOBODY, NOON.nowMs).ok
    for (let i = 0; i < 100; i++) expect(pay(i % 2 === 0 ? 0.1 : '0.10')).toBe(true)
    expect(pay(0.01)).toBe(false)
    expect([...store.rows.values()].map(({ used }) => used)).toEqual(['10'])
  })
})

describe('mistake 2: a refund after the window has turned', () => {
  test('goes to the window that was charged, not to the next', () => {
    const store = new MemoryCounters()
    const charges = chargesOf(decide(oneAMinute, call(), NOON))
    const before = reserve(store, charges, NOBODY, NOON.nowMs + 59_999)
    const after = reserve(store, charges, NOBODY, NOON.nowMs + 60_000)
    expect([before.ok, after.ok]).toEqual([true, true])
    if (before.ok) refund(store, before.taken)
    expect(reserve(store, charges, NOBODY, NOON.nowMs + 60_001).ok).toBe(false)
    expect(reserve(store, charges, NOBODY, NOON.nowMs + 59_000).ok).toBe(true)
  })
})

describe('mistake 3: who refunds', () => {
  // Which outcomes refund is the gateway's to know: test/servers/legiti.test.ts, "what a decision costs".
  test('a reservation that is never settled stays charged', () => {
    const store = new MemoryCounters()
    const charges = chargesOf(decide(oneAMinute, call(), NOON))
    reserve(store, charges, NOBODY, NOON.nowMs)
    expect(reserve(store, charges, NOBODY, NOON.nowMs + 59_999).ok).toBe(false)
  })
})

describe('mistake 4: what does not parse goes through unchecked', () => {
  // Bodies, batches and arguments that are no object never get as far: test/mcp/bad-input.test.ts.
  test.each([
    ['a list where a number belongs', { amount: [5] }],
    ['an object where a number belongs', { amount: { value: 5 } }],
    ['a text that is no number', { amount: '5 EUR' }],
  ])('%s denies, whether the rule requires or forbids', (_, args) => {
    const condition = { path: 'args.amount', op: 'gt', value: 100 }
    const forbids = policyOf({ version: '1', tools: { t: { deny_if: [{ conditions: [condition] }] } } })
    const requires = policyOf({ version: '1', tools: { t: { require: [{ not: condition }] } } })
    expect(decide(forbids, call(args), NOON).action).toBe('deny')
    expect(decide(requires, call(args), NOON).action).toBe('deny')
  })
})

describe('mistake 5: a list that is let through', () => {
  test('without a policy, or with one that does not load, nothing is listed', () => {
    expect(loadPolicy({ version: '1', default: 'allow', hide: 'everything' }).ok).toBe(false)
    expect(isListed(null, 't')).toBe(false)
  })
})

describe('mistake 6: rules that are accepted and can never match', () => {
  const conditionOf = (condition: unknown) => ({
    version: '1',
    tools: { t: { deny_if: [{ conditions: [condition] }] } },
  })

  test.each<[string, unknown, string]>([
    ['an unknown operator', conditionOf({ path: 'args.a', op: 'equals', value: 1 }), '/op: found "equals"'],
    ['a misspelt field', conditionOf({ path: 'args.a', op: 'eq', valeu: 1 }), 'did you mean "value"?'],
    ['a root that does not exist', conditionOf({ path: 'arguments.a', op: 'eq', value: 1 }), '/path: found'],
    ['an hour that never comes', conditionOf({ path: 'time.hour', op: 'eq', value: '9' }), 'from 0 to 23'],
    [
      'a counter that nobody moves',
      {
        version: '1',
        tools: { t: { rules: [{ conditions: [{ path: 'state.t.n', op: 'lt', value: 1 }] }] } },
      },
      'a counter that',
    ],
    ['a name of another dialect', { version: '1', tools: { t: { deny_if: [], rules: [] } } }, 'one dialect'],
  ])('%s is refused, naming what was found and what is allowed', (_, document, words) => {
    expect(problemsOf(document).join('\n')).toContain(words)
  })

  test('an argument that the tool does not have is a warning', () => {
    const schema = { type: 'object', properties: { amount: {} } }
    const loaded = loadPolicy(
      conditionOf({ path: 'args.amuont', op: 'gt', value: 1 }),
      toolsListed(new Map([['t', schema]])),
    )
    expect(loaded).toMatchObject({
      ok: true,
      warnings: [{ pointer: '/tools/t/deny_if/0/conditions/0', nearest: 'amount' }],
    })
  })
})

describe('mistake 7: loose comparison', () => {
  const admins = policyOf({
    version: '1',
    default: 'allow',
    tools: { t: { require: [{ path: 'args.id', op: 'eq', value: 1 }] } },
  })

  test.each(['1', true, [1], null, 1.0000001])('%j is not the number 1', (id) => {
    expect(decide(admins, call({ id }), NOON).action).toBe('deny')
  })

  test('1 is', () => {
    expect(decide(admins, call({ id: 1 }), NOON).action).toBe('allow')
  })
})

describe('mistake 8: a pattern that backtracks', () => {
  const policy = policyOf({
    version: '1',
    default: 'allow',
    tools: { t: { deny_if: [{ conditions: [{ path: 'args.a', op: 'regex', value: '^(a+)+$' }] }] } },
  })

  test('takes linear time on the text that a backtracking engine never finishes', () => {
    const elapsedMs = processorClock()
    expect(decide(policy, call({ a: `${'a'.repeat(9_000)}!` }), NOON).action).toBe('allow')
    expect(elapsedMs()).toBeLessThan(5_000)
  })

  test('is not asked about text without end: the call is denied', () => {
    expect(decide(policy, call({ a: 'b'.repeat(10_000) }), NOON).action).toBe('allow')
    expect(decide(policy, call({ a: 'b'.repeat(10_001) }), NOON)).toMatchObject({
      action: 'deny',
      trace: [{ saw: 'string', outcome: 'unknown' }],
    })
  })
})

describe('what loads and looks must stay bounded, whatever it is given', () => {
  test.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__', 'constructor@x'])(
    'the path %s is a problem, not an exception',
    (path) => {
      const document = { version: '1', tools: { a: { require: [{ path, op: 'eq', value: 1 }] } } }
      expect(loadPolicy(document).ok).toBe(false)
    },
  )

  test('many texts are as much to search as a long one', () => {
    const condition = { path: 'args.items[*]', op: 'regex', value: '^a+$' }
    const loaded = loadPolicy({ version: '1', tools: { t: { require: [condition] } } })
    const decision = (items: string[]) =>
      loaded.ok &&
      decide(loaded.policy, { tool: 't', args: { items } }, { nowMs: 0, account: null, label: '' }).action
    expect(decision(Array(100).fill('a'.repeat(100)))).toBe('allow')
    expect(decision(Array(101).fill('a'.repeat(100)))).toBe('deny')
    expect(decision([...Array(10)].map(() => 'a'.repeat(1_001)))).toBe('deny')

    const nested = { path: 'args.a[*].b[*]', op: 'regex', value: '^a+$' }
    const inner = loadPolicy({ version: '1', tools: { t: { require: [nested] } } })
    const ofNested = (b: unknown[]) =>
      inner.ok &&
      decide(inner.policy, { tool: 't', args: { a: [{ b }, { b }] } }, { nowMs: 0, account: null, label: '' })
        .action
    expect(ofNested(['a'.repeat(5_000)])).toBe('allow')
    expect(ofNested(['a'.repeat(5_001)])).toBe('deny')
    expect(ofNested([5])).toBe('deny')
  })
})

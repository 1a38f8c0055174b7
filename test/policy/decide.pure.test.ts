import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide as decideCall, isListed } from '../../src/policy/decide.ts'
import type { Policy } from '../../src/policy/model.ts'
import { NOON, policyOf } from './support.ts'

const policy = (document: Record<string, unknown>) => policyOf({ version: '1', ...document })
const decide = (loaded: Policy | null, tool: string, args: Record<string, unknown> = {}) =>
  decideCall(loaded, { tool, args }, NOON)

const limit = (counter: string, max = 1) => ({ counter, window: 'minute', max, scope: 'grant' })

describe('the decision', () => {
  test('no policy denies everything', () => {
    expect(decide(null, 't')).toMatchObject({ action: 'deny', code: 'no_policy', rule: '(no policy)' })
  })

  test('default allow lets an unnamed tool pass', () => {
    expect(decide(policy({ default: 'allow' }), 't')).toEqual({
      action: 'allow',
      rule: '(default allow)',
      charges: [],
      trace: [],
      shadow: [],
    })
  })

  test('default deny refuses an unnamed tool, and a silent document means deny', () => {
    for (const document of [{ default: 'deny' }, {}]) {
      expect(decide(policy(document), 't')).toMatchObject({
        action: 'deny',
        code: 'default_deny',
        rule: '(default deny)',
      })
    }
  })

  test('under default deny, naming a tool allows it', () => {
    expect(decide(policy({ default: 'deny', tools: { t: {} } }), 't')).toMatchObject({
      action: 'allow',
      rule: '/tools/t',
    })
  })

  test('hidden outranks everything', () => {
    for (const hide of [['t'], ['*']]) {
      const hidden = policy({ default: 'allow', hide, tools: { t: {} } })
      expect(decide(hidden, 't')).toMatchObject({ action: 'deny', code: 'hidden', rule: '(hidden)' })
    }
  })

  test('a denial outranks limits, and gives its own words or ours', () => {
    const rules = { deny_if: [{ conditions: [], on_deny: 'Ask Ana.' }], limits: [limit('c')] }
    expect(decide(policy({ tools: { t: rules } }), 't')).toMatchObject({
      rule: '/tools/t/deny_if/0',
      message: 'Ask Ana.',
    })
    const silent = policy({ tools: { t: { deny_if: [{ conditions: [] }] } } })
    expect(decide(silent, 't')).toMatchObject({
      code: 'denied',
      message: 'The policy denies this call of "t".',
    })
  })

  test('a tool’s own limits come before those on every call, which do not rescue an unlisted tool', () => {
    const both = policy({
      default: 'deny',
      tools: { t: { limits: [limit('own')] } },
      all_tools: { limits: [limit('all')] },
    })
    const decision = decide(both, 't')
    expect(decision.action === 'allow' && decision.charges.map(({ rule }) => rule)).toEqual([
      '/tools/t/limits/0',
      '/all_tools/limits/0',
    ])
    expect(decide(both, 'u')).toMatchObject({ action: 'deny', code: 'default_deny' })
  })

  test('a name that every object has is a tool like any other', () => {
    expect(decide(policy({ default: 'deny' }), 'constructor').action).toBe('deny')
    expect(decide(policy({ default: 'deny', tools: { toString: {} } }), 'toString').action).toBe('allow')
  })
})

describe('which counter a limit charges', () => {
  const keyOf = (document: Record<string, unknown>, tool = 't', index = 0) => {
    const decision = decide(policy(document), tool)
    return decision.action === 'allow' ? decision.charges[index]?.key : undefined
  }

  test('stays the same when only its maximum changes', () => {
    const at = (max: number) => keyOf({ tools: { t: { limits: [limit('c', max)] } } })
    expect(at(1)).toBe(at(99))
  })

  test('differs by tool, counter, window and scope', () => {
    const keys = [
      keyOf({ tools: { t: { limits: [limit('c')] } } }),
      keyOf({ tools: { u: { limits: [limit('c')] } } }, 'u'),
      keyOf({ tools: { t: { limits: [limit('d')] } } }),
      keyOf({ tools: { t: { limits: [{ ...limit('c'), window: 'hour' }] } } }),
      keyOf({ tools: { t: { limits: [{ ...limit('c'), scope: 'session' }] } } }),
      keyOf({ tools: { t: {} }, all_tools: { limits: [limit('c')] } }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('no two tools can be named so that they share one', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.string({ minLength: 1 }),
        fc.string({ minLength: 1 }),
        (a, b, counter) => {
          fc.pre(
            a !== b &&
              ![a, b].some((name) => name === '*' || name === '__proto__') &&
              a.length + b.length < 200,
          )
          const tools = { [a]: { limits: [limit(counter)] }, [b]: { limits: [limit(counter)] } }
          expect(keyOf({ tools }, a)).not.toBe(keyOf({ tools }, b))
        },
      ),
    )
  })
})

describe('the list', () => {
  const tools = ['a', 'b', 'c']
  const names = fc.subarray(tools)
  const anyPolicy = fc.record({
    default: fc.constantFrom('allow', 'deny'),
    hide: fc.subarray([...tools, '*']),
    tools: names.map((named) => Object.fromEntries(named.map((name) => [name, {}]))),
  })

  test('hidden implies denied, and what is not listed cannot be called', () => {
    fc.assert(
      fc.property(anyPolicy, fc.constantFrom(...tools), (document, tool) => {
        const loaded = policy(document)
        if (!isListed(loaded, tool)) expect(decide(loaded, tool).action).toBe('deny')
        if (decide(loaded, tool).action === 'allow') expect(isListed(loaded, tool)).toBe(true)
      }),
    )
  })

  test('a tool that is denied with a message stays on it, so that the message can be had', () => {
    const denied = policy({ default: 'allow', tools: { t: { deny_if: [{ conditions: [] }] } } })
    expect(isListed(denied, 't')).toBe(true)
  })

  test('without a policy it is empty', () => {
    expect(isListed(null, 't')).toBe(false)
  })

  test('adding a rule never allows more', () => {
    fc.assert(
      fc.property(
        anyPolicy,
        fc.constantFrom(...tools),
        fc.constantFrom(...tools),
        (document, denied, called) => {
          const before = decide(policy(document), called).action
          const stricter = { ...document, hide: [...document.hide, denied] }
          if (before === 'deny') expect(decide(policy(stricter), called).action).toBe('deny')
        },
      ),
    )
  })
})

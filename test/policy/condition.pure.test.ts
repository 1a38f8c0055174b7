import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limitsOf } from '../../src/policy/compile-limits.ts'
import { allOf, type ConditionDocument, compileCondition, type Operator } from '../../src/policy/condition.ts'
import type { Sight, Truth } from '../../src/policy/model.ts'
import { LONGEST_INPUT } from '../../src/policy/pattern.ts'
import { call, NOON } from './support.ts'

function truth(document: ConditionDocument, args: Record<string, unknown>): Truth {
  return compileCondition(document, '')(call(args), NOON, [])
}
const of = (op: Operator, wanted: unknown, given: Record<string, unknown>) =>
  truth({ path: 'args.a', op, value: wanted }, given)

describe('every operator says whether it holds, fails or cannot be evaluated', () => {
  test.each<[Operator, unknown, unknown, Truth]>([
    ['eq', 1, 1, 'holds'],
    ['eq', 1, 1.5, 'fails'],
    ['eq', '1', 1, 'fails'],
    ['eq', 1, '1', 'fails'],
    ['eq', true, 'true', 'fails'],
    ['eq', null, null, 'holds'],
    ['eq', null, 0, 'fails'],
    ['eq', [1, { a: 2 }], [1, { a: 2 }], 'holds'],
    ['eq', { a: 1, b: 2 }, { b: 2, a: 1 }, 'holds'],
    ['eq', { a: 1 }, { a: 1, b: 2 }, 'fails'],
    ['eq', { a: 1 }, { a: 2 }, 'fails'],
    ['eq', { a: 1, b: 2 }, { a: 1, c: 2 }, 'fails'],
    ['eq', [1], [1, 2], 'fails'],
    ['eq', [1], { 0: 1 }, 'fails'],
    ['eq', { a: 1 }, [1], 'fails'],
    ['eq', { a: 1 }, null, 'fails'],
    ['neq', 'x', 'y', 'holds'],
    ['neq', 'x', 'x', 'fails'],
    ['in', ['x', 'y'], 'y', 'holds'],
    ['in', ['x', 'y'], 'z', 'fails'],
    ['in', [1], '1', 'fails'],
    ['not_in', ['x', 'y'], 'z', 'holds'],
    ['not_in', ['x', 'y'], 'x', 'fails'],
    ['lt', 5, 4.999, 'holds'],
    ['lt', 5, 5, 'fails'],
    ['lte', 5, 5, 'holds'],
    ['lte', '5.10', '5.1', 'holds'],
    ['lte', 0.3, '0.30000000000000001', 'fails'],
    ['lte', '9007199254740992', '9007199254740993', 'fails'],
    ['lte', '0.10000000000000000001', 0.1, 'holds'],
    ['gt', 5, '5.0001', 'holds'],
    ['gt', 5, 5, 'fails'],
    ['gte', 5, '5.0', 'holds'],
    ['gte', -1, -2, 'fails'],
    ['lt', 5, 'four', 'unknown'],
    ['lt', 5, ' 4', 'unknown'],
    ['lt', 5, null, 'unknown'],
    ['lt', 5, [4], 'unknown'],
    ['lt', 5, true, 'unknown'],
    ['gt', 5, Number.POSITIVE_INFINITY, 'unknown'],
    ['regex', '^feat/', 'feat/x', 'holds'],
    ['regex', '^feat/', 'fix/x', 'fails'],
    ['regex', 'b', 'abc', 'holds'],
    ['regex', '(?i)B', 'abc', 'holds'],
    ['regex', '1', 1, 'unknown'],
    ['regex', 'x', null, 'unknown'],
    ['regex', 'x', 'x'.repeat(LONGEST_INPUT), 'holds'],
    ['regex', 'x', 'x'.repeat(LONGEST_INPUT + 1), 'unknown'],
    ['contains', 'b', 'abc', 'holds'],
    ['contains', 'd', 'abc', 'fails'],
    ['contains', 1, [1, 2], 'holds'],
    ['contains', '1', [1, 2], 'fails'],
    ['contains', { a: 1 }, [{ a: 1 }], 'holds'],
    ['contains', 1, '123', 'unknown'],
    ['contains', 'a', { a: 1 }, 'unknown'],
    ['contains', 'a', null, 'unknown'],
    ['exists', true, 0, 'holds'],
    ['exists', true, '', 'holds'],
    ['exists', true, null, 'fails'],
    ['exists', false, null, 'holds'],
    ['exists', false, 1, 'fails'],
  ])('%s %j, given %j: %s', (op, wanted, given, expected) => {
    expect(of(op, wanted, { a: given })).toBe(expected)
  })

  test.each<[Operator, unknown, Truth]>([
    ['eq', 1, 'fails'],
    ['eq', null, 'fails'],
    ['in', [1], 'fails'],
    ['lt', 1, 'fails'],
    ['lte', '0.10000000000000000001', 'fails'],
    ['gt', 1, 'fails'],
    ['regex', '', 'fails'],
    ['contains', 'x', 'fails'],
    ['neq', 1, 'unknown'],
    ['not_in', [1], 'unknown'],
    ['exists', true, 'fails'],
    ['exists', false, 'holds'],
  ])('%s %j, given nothing: %s', (op, wanted, expected) => {
    expect(of(op, wanted, {})).toBe(expected)
  })

  test.each<[Operator, unknown]>([
    ['eq', 1],
    ['neq', 1],
    ['in', [1]],
    ['not_in', [1]],
    ['lt', 1],
    ['lte', 1],
    ['gt', 1],
    ['gte', 1],
    ['regex', 'x'],
    ['contains', 'x'],
    ['exists', true],
    ['exists', false],
  ])('%s cannot be evaluated where the path does not fit', (op, value) => {
    expect(truth({ path: 'args.a.b', op, value }, { a: 'text' })).toBe('unknown')
  })
})

describe('every element', () => {
  const prices = (...given: unknown[]) =>
    truth({ path: 'args.items[*].price', op: 'lte', value: 10 }, { items: given.map((price) => ({ price })) })

  test('must hold', () => {
    expect(prices(1, '9.99')).toBe('holds')
    expect(prices(1, 11)).toBe('fails')
    expect(prices(1, 'much')).toBe('unknown')
    expect(prices('much', 11)).toBe('fails')
  })

  test('of none holds, and one without the value fails', () => {
    expect(prices()).toBe('holds')
    expect(truth({ path: 'args.items[*].price', op: 'lte', value: 10 }, { items: [{}] })).toBe('fails')
  })

  test.each<readonly [string, unknown, number, unknown]>([
    ['eq', 'x', 100_000, 'x'],
    ['in', Array.from({ length: 100 }, (_, i) => `v${i}`), 1_000, 'v99'],
    ['not_in', Array.from({ length: 100 }, (_, i) => `v${i}`), 1_000, 'w'],
    ['contains', 'x', 50_000, ['y', 'x']],
  ])(
    'of so many that times the values they are too many to compare, %s is unknown',
    (op, value, most, element) => {
      const document = { path: 'args.a[*]', op, value } as ConditionDocument
      const given = Array.from({ length: most }, () => element)
      expect(truth(document, { a: given })).toBe('holds')
      expect(truth(document, { a: [...given, element] })).toBe('unknown')
      // Nested lists are counted together, and one value alone is compared with all.
      const nested = { path: 'args.a[*][*]', op, value } as ConditionDocument
      expect(truth(nested, { a: [given.slice(1), [element, element]] })).toBe('unknown')
      expect(truth({ ...document, path: 'args.a' } as ConditionDocument, { a: element })).toBe('holds')
      // To turn it round makes it no more certain.
      const many = Array.from({ length: 2 * most }, () => element)
      expect(truth({ not: document }, { a: many })).toBe('unknown')
    },
  )

  test('of lists of lists, too', () => {
    const deep = (given: unknown) => truth({ path: 'args.a[*][*]', op: 'gt', value: 0 }, { a: given })
    expect(deep([[1, 2], []])).toBe('holds')
    expect(deep([[1, 0]])).toBe('fails')
    expect(deep([[1], 2])).toBe('unknown')
  })
})

describe('conditions around conditions', () => {
  const holds: ConditionDocument = { path: 'args.x', op: 'exists', value: false }
  const fails: ConditionDocument = { path: 'args.x', op: 'exists', value: true }
  const unknown: ConditionDocument = { path: 'args.x', op: 'neq', value: 1 }

  test('any_of holds with one that holds, and is unknown before it fails', () => {
    expect(truth({ any_of: [fails, unknown, holds] }, {})).toBe('holds')
    expect(truth({ any_of: [fails, unknown] }, {})).toBe('unknown')
    expect(truth({ any_of: [fails, fails] }, {})).toBe('fails')
  })

  test('not turns around what is known', () => {
    expect(truth({ not: holds }, {})).toBe('fails')
    expect(truth({ not: fails }, {})).toBe('holds')
    expect(truth({ not: unknown }, {})).toBe('unknown')
  })

  test('all of them fail with one that fails, whatever cannot be evaluated beside it', () => {
    const all = (...documents: ConditionDocument[]) =>
      allOf(documents.map((it) => compileCondition(it, '')))(call(), NOON, [])
    expect(all()).toBe('holds')
    expect(all(holds, holds)).toBe('holds')
    expect(all(unknown)).toBe('unknown')
    expect(all(holds, unknown)).toBe('unknown')
    expect(all(unknown, fails)).toBe('fails')
  })

  test('obey De Morgan, so that nothing depends on how it is written', () => {
    const one = fc.constantFrom(holds, fails, unknown)
    fc.assert(
      fc.property(fc.array(one, { minLength: 1 }), (parts) => {
        const neither = truth({ not: { any_of: parts } }, {})
        const each = allOf(parts.map((it) => compileCondition({ not: it }, '')))(call(), NOON, [])
        expect(each).toBe(neither)
      }),
    )
  })
})

describe('the trace', () => {
  const seen = (path: string, args: Record<string, unknown>): Sight[] => {
    const trace: Sight[] = []
    compileCondition({ not: { any_of: [{ path, op: 'eq', value: 1 }] } }, '/rule')(call(args), NOON, trace)
    return trace
  }

  test('says where each condition stands and what type it saw', () => {
    expect(seen('args.a', { a: 'secret' })).toEqual([
      {
        condition: '/rule/not/any_of/0',
        path: 'args.a',
        op: 'eq',
        value: 1,
        saw: 'string',
        outcome: 'fails',
      },
    ])
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['args.a', {}, 'nothing'],
    ['args.a', { a: null }, 'null'],
    ['args.a', { a: [1] }, 'array'],
    ['args.a', { a: {} }, 'object'],
    ['args.a', { a: 1 }, 'number'],
    ['args.a', { a: false }, 'boolean'],
    ['args.a.b', { a: 1 }, 'a value that the path cannot go through'],
    ['args.a[*]', { a: [1, 'x', 2] }, 'each of 3: number, string'],
  ])('%s of %j: %s', (path, args, saw) => {
    expect(seen(path, args)[0]?.saw).toBe(saw)
  })

  test('never holds a value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const trace = JSON.stringify(seen('args.a', { a: { canary: 'k4n4ry', value } }))
        expect(trace).not.toContain('k4n4ry')
      }),
    )
  })
})

test('a limit that was not validated is a mistake of ours, too', () => {
  const limits = [{ counter: 'c', window: 5, max: 1, increment_from: 'nowhere' }]
  expect(() => limitsOf({ limits }, { place: '/t', name: 't', origin: (place) => place })).toThrow(
    'not validated: nowhere',
  )
})

test('a condition that was not validated is a mistake of ours, and never decides', () => {
  expect(() => compileCondition({ path: 'nowhere', op: 'eq', value: 1 }, '/x')).toThrow('not validated: /x')
  expect(() => compileCondition({ path: 'args.a', op: 'regex', value: '(' }, '/x')).toThrow('not validated')
})

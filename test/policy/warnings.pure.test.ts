import { describe, expect, test } from 'vitest'
import { toolsListed } from '../../src/policy/known-tools.ts'
import { loadPolicy, loadPolicyText } from '../../src/policy/load.ts'
import { describeProblem } from '../../src/policy/problem.ts'

const schema = {
  type: 'object',
  properties: {
    amount: { type: 'number' },
    to: { type: 'object', properties: { name: { type: 'string' } } },
    items: { type: 'array', items: { type: 'object', properties: { price: {} } } },
    free: { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
    either: { oneOf: [], properties: {} },
    tuple: { type: 'array', prefixItems: [] },
    closed: { properties: {}, additionalProperties: false },
  },
}

function warnings(rules: unknown, known = new Map<string, unknown>([['t', schema]])) {
  const loaded = loadPolicy({ version: '1', tools: { t: rules } }, toolsListed(known))
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return loaded.warnings.map(describeProblem)
}
const requires = (path: string) => ({ require: [{ path, op: 'exists', value: true }] })

describe('a condition on an argument that its tool does not have is warned of', () => {
  test.each<[string, string]>([
    [
      'args.amuont',
      'args.amuont, but the tool has no argument "amuont" there; allowed: amount, to, items, free, either, tuple, closed; did you mean "amount"?',
    ],
    [
      'args.to.nmae',
      'args.to.nmae, but the tool has no argument "nmae" there; allowed: name; did you mean "name"?',
    ],
    [
      'args.items[*].prize',
      'args.items[*].prize, but the tool has no argument "prize" there; allowed: price; did you mean "price"?',
    ],
    ['args.items[0].x', 'args.items[0].x, but the tool has no argument "x" there; allowed: price'],
    ['args.closed.x', 'args.closed.x, but the tool has no argument "x" there; allowed: '],
  ])('%s', (path, words) => {
    expect(warnings(requires(path))).toEqual([`/tools/t/require/0: found ${words}`])
  })

  test.each([
    'args.amount',
    'args.to.name',
    'args.items[2].price',
    'args.free.anything',
    'args.either.anything',
    'args.tuple[0].anything',
    'args.amount.deeper',
    'session.account',
  ])('%s is not', (path) => {
    expect(
      warnings(
        path === 'session.account' ? { require: [{ path, op: 'exists', value: true }] } : requires(path),
      ),
    ).toEqual([])
  })

  test('wherever it stands', () => {
    const unknown = { path: 'args.x', op: 'eq', value: 1 }
    const rules = {
      deny_if: [{ conditions: [{ any_of: [{ not: unknown }] }] }],
      require: [{ conditions: [unknown] }],
      require_approval: [{ conditions: [unknown] }],
      limits: [{ counter: 'c', window: 5, max: 1, increment_from: 'args.y' }],
      counts: [{ counter: 'd', window: 5, increment_from: 'args.z' }],
    }
    expect(warnings(rules).map((line) => line.slice(0, line.indexOf(':')))).toEqual([
      '/tools/t/deny_if/0/conditions/0/any_of/0/not',
      '/tools/t/require/0/conditions/0',
      '/tools/t/require_approval/0/conditions/0',
      '/tools/t/limits/0',
      '/tools/t/counts/0',
    ])
  })

  test('where nothing is known of the tool there is no warning; where others are known, of the tool itself', () => {
    expect(warnings(requires('args.x'), new Map())).toEqual([])
    expect(warnings(requires('args.x'), new Map([['t', 'anything']]))).toEqual([])
    expect(warnings(requires('args.x'), new Map([['tt', schema]]))).toEqual([
      '/tools/t: found the tool "t", which no server has; allowed: a tool that is known',
    ])
  })

  test('in the place of the author’s own dialect, with line and column', () => {
    const text =
      'version: "1"\ntools:\n  t:\n    rules:\n      - conditions: [{ path: args.x, op: eq, value: 1 }]'
    const loaded = loadPolicyText(text, toolsListed(new Map([['t', schema]])))
    expect(loaded.ok && loaded.warnings.map(describeProblem)).toEqual([
      expect.stringMatching(/^line 5, column 22: \/tools\/t\/rules\/0\/conditions\/0: found args\.x, but/),
    ])
  })
})

describe('[*] where it means less than it seems', () => {
  const dear = { path: 'args.items[*].price', op: 'gt', value: 100 }

  test('is warned of in what denies or asks: one cheap element would keep it from acting', () => {
    expect(
      warnings({ deny_if: [{ conditions: [dear] }], require_approval: [{ conditions: [dear] }] }),
    ).toEqual([
      '/tools/t/deny_if/0/conditions/0: found args.items[*].price, which means every element: one that does not fit keeps the rule from acting; allowed: a require, or not around the condition that each element must meet',
      '/tools/t/require_approval/0/conditions/0: found args.items[*].price, which means every element: one that does not fit keeps the rule from acting; allowed: a require, or not around the condition that each element must meet',
    ])
    const everywhere = loadPolicy({ version: '1', all_tools: { deny_if: [{ conditions: [dear] }] } })
    expect(everywhere.ok && everywhere.warnings).toHaveLength(1)
  })

  test('is not where every element must fit', () => {
    expect(
      warnings({
        require: [{ ...dear, op: 'lte' }],
        deny_if: [{ conditions: [{ not: { ...dear, op: 'lte' } }] }],
      }),
    ).toEqual([])
  })
})

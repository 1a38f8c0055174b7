/** What a policy says that whoever approves a call is not shown, in every dialect. */
import { describe, expect, test } from 'vitest'
import { memoryCounters } from '../../src/cli/kit/memory.ts'
import { concealedIn } from '../../src/policy/decide.ts'
import { explain } from '../../src/policy/explain.ts'
import { loadPolicy, loadPolicyText } from '../../src/policy/load.ts'
import { formatPath } from '../../src/policy/path.ts'
import { describeProblem } from '../../src/policy/problem.ts'
import { hostedSchema, ruleSchema, shortSchema } from '../../src/policy/schema.ts'
import { changesBetween } from '../../src/policy-meaning/changes.ts'

const loaded = (document: unknown) => {
  const it = loadPolicy(document)
  if (!it.ok) throw new Error(it.problems.map(describeProblem).join('\n'))
  return it
}
const concealed = (document: unknown, tool: string, alias?: string) =>
  concealedIn(loaded(document).policy, tool, alias).map(formatPath)

const ASK = [{ conditions: [] }]
const hosted = {
  version: '1',
  default: 'allow',
  all_tools: { conceal: ['_meta'] },
  tools: {
    bank__pay: { require_approval: ASK, conceal: ['args.card.number', 'args.items[*].secret'] },
    pay: { conceal: ['args.pin'] },
    look: {},
  },
}
const rule = {
  version: '1',
  tools: {
    '*': { rules: [], conceal: ['_meta'] },
    bank__pay: {
      rules: [{ action: 'require_approval' }],
      conceal: ['args.card.number', 'args.items[*].secret'],
    },
    pay: { rules: [], conceal: ['args.pin'] },
    look: { rules: [] },
  },
}
const short = {
  default: 'allow',
  tools: {
    '*': { conceal: ['_meta'] },
    bank__pay: { action: 'require_approval', conceal: ['args.card.number', 'args.items[*].secret'] },
    pay: { conceal: ['args.pin'], action: 'allow' },
    look: {},
  },
}

describe.each([
  ['hosted', hosted],
  ['rule', rule],
  ['short', short],
])('in the %s dialect', (dialect, document) => {
  test('it holds for the tool, and for every tool', () => {
    expect(loaded(document).dialect).toBe(dialect)
    expect(concealed(document, 'look')).toEqual(['_meta'])
    expect(concealed(document, 'other')).toEqual(['_meta'])
    expect(concealed(document, 'bank__pay')).toEqual(['args.card.number', 'args.items[*].secret', '_meta'])
  })

  test('it holds under either name of a tool', () => {
    expect(new Set(concealed(document, 'bank__pay', 'pay'))).toEqual(
      new Set(['args.card.number', 'args.items[*].secret', 'args.pin', '_meta']),
    )
    expect(new Set(concealed(document, 'shop__pay', 'pay'))).toEqual(new Set(['args.pin', '_meta']))
  })

  test('a path that is none is a problem, at its place', () => {
    const tools = document.tools as Record<string, object>
    const wrong = {
      ...document,
      tools: { ...tools, look: { ...tools.look, conceal: ['args', 'card', 'session.account', 'args[0]'] } },
    }
    const it = loadPolicy(wrong)
    expect(it.ok ? [] : it.problems.map(({ pointer, found }) => [pointer, found])).toEqual([
      ['/tools/look/conceal/1', '"card"'],
      ['/tools/look/conceal/2', '"session.account"'],
      ['/tools/look/conceal/3', '"args[0]"'],
    ])
  })

  test('an empty list, and what is no list, are problems', () => {
    const tools = document.tools as Record<string, object>
    for (const conceal of [[], 'args.a', null, [1]])
      expect(loadPolicy({ ...document, tools: { ...tools, look: { ...tools.look, conceal } } }).ok).toBe(
        false,
      )
  })

  test('an argument that the tool does not have is warned of, at its author’s place', () => {
    const schema = { properties: { card: { properties: { number: {} } }, items: { items: {} } } }
    const known = { schemas: new Map([['bank__pay', [schema]]]), shown: new Map(), servers: null }
    const tools = document.tools as Record<string, object>
    const misspelt = {
      ...document,
      tools: { ...tools, bank__pay: { ...tools.bank__pay, conceal: ['args.card.nubmer', '_meta.x'] } },
    }
    const it = loadPolicy(misspelt, known)
    const warnings = it.ok ? it.warnings.filter(({ pointer }) => pointer.includes('conceal')) : []
    expect(warnings).toEqual([
      expect.objectContaining({ pointer: '/tools/bank__pay/conceal/0', nearest: 'number' }),
    ])
  })

  test('the JSON Schema has it', () => {
    const schemas = { hosted: hostedSchema(), rule: ruleSchema(), short: shortSchema() }
    expect(JSON.stringify(schemas[dialect as keyof typeof schemas])).toContain('"conceal"')
  })

  test('explain says it of a call that a person must approve, and of no other', () => {
    const context = { nowMs: 0, account: null, label: '' }
    const said = (tool: string) =>
      explain(
        loaded(document).policy,
        { tool, args: {} },
        {
          context,
          counters: memoryCounters(),
          subject: {
            session: null,
            account: null,
          },
        },
      )
    expect(said('bank__pay')).toContain(
      'not shown to whoever approves: args.card.number, args.items[*].secret, _meta',
    )
    expect(said('look')).not.toContain('not shown')
  })

  test('diff says what is concealed no more', () => {
    const tools = document.tools as Record<string, object>
    const { conceal: _, ...open } = tools.bank__pay as { conceal: unknown }
    const changes = changesBetween(
      loaded(document),
      loaded({ ...document, tools: { ...tools, bank__pay: open } }),
      undefined,
    )
    expect(changes.map(({ tool, a, b }) => [tool, a, b])).toEqual([
      ['bank__pay', 'conceals args.card.number from whoever approves', null],
      ['bank__pay', 'conceals args.items[*].secret from whoever approves', null],
    ])
  })
})

test('what is read is approved by nobody, so nothing of it is concealed', () => {
  for (const resources of [
    { 'a+b': { conceal: ['args.uri'] } },
    { 'a+b': { rules: [], conceal: ['args.uri'] } },
  ])
    expect(loadPolicy({ version: '1', default: 'allow', resources }).ok).toBe(false)
})

test('the word alone tells no dialect: it is hosted, and names the tool', () => {
  const it = loadPolicyText('version: "1"\ntools: { pay: { conceal: [args] } }')
  expect(it.ok ? [it.dialect, it.policy.tools.has('pay')] : it.problems).toEqual(['hosted', true])
})

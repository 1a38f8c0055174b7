/** Completions are judged as what they are for, and as what is typed: no name of an argument hides anything. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { completionCall, type Typed } from '../../src/policy/completion.ts'
import { decide, usesContext } from '../../src/policy/decide.ts'
import type { ReadKind } from '../../src/policy/model.ts'
import { readName } from '../../src/policy/reading.ts'
import { NOON, policyOf } from './support.ts'

function outcome(document: object, kind: ReadKind, own: string, typed: Typed): string {
  const policy = policyOf({ version: '1', default: 'deny', ...document })
  const decision = decide(policy, completionCall(kind, readName(kind, 's', own), typed), NOON)
  return decision.action === 'deny' ? `${decision.code} ${decision.rule}` : decision.action
}

const denies = (path: string, value: unknown, op = 'eq') => ({
  deny_if: [{ conditions: [{ path, op, value }] }],
})
const typed = (name: string, value: string, settled: Record<string, string> = {}): Typed => ({
  argument: { name, value },
  context: { arguments: settled },
})

/** Whatever an argument is called, also as something that conditions know by another name. */
const names = fc.oneof(
  fc.constantFrom('uri', 'name', 'ref', 'argument', 'value', 'context', 'completion', '__proto__', 'a.b', ''),
  fc.string(),
)

describe.each<[ReadKind, string]>([
  ['resource', 'file:///docs/{x}'],
  ['prompt', 'draft'],
])('of a %s', (kind, own) => {
  const section = kind === 'resource' ? 'resources' : 'prompts'
  const said = (rules: object) => ({ [section]: { '*': rules } })

  test('each part is seen under its own path, whatever the arguments are called', () => {
    fc.assert(
      fc.property(names, names, (name, other) => {
        fc.pre(name !== other)
        const given = typed(name, 'typed', { [other]: 'settled' })
        for (const [path, value] of [
          ['completion.ref', own],
          ['completion.argument.name', name],
          ['completion.argument.value', 'typed'],
          [`completion.context[${JSON.stringify(other)}]`, 'settled'],
        ] as const) {
          if (path.length > 512) continue
          expect([path, outcome(said(denies(path, value)), kind, own, given)]).toEqual([
            path,
            expect.stringMatching(/^denied .*deny_if\/0$/),
          ])
          expect(outcome(said(denies(path, `${value}!`)), kind, own, given)).toBe('allow')
        }
      }),
    )
  })

  test('and the arguments under the names that they have when it is read', () => {
    const given = typed('x', 'typed', { y: 'settled', x: 'another value, which is not sent' })
    expect(outcome(said(denies('args.x', 'typed')), kind, own, given)).toMatch(/^denied/)
    expect(outcome(said(denies('args.y', 'settled')), kind, own, given)).toMatch(/^denied/)
    expect(outcome(said(denies('completion.context.x', true, 'exists')), kind, own, given)).toBe('allow')
  })

  test('nothing of it is there when it is read', () => {
    const policy = policyOf({
      version: '1',
      default: 'deny',
      ...said(denies('completion.argument.name', true, 'exists')),
    })
    const call = { kind, tool: readName(kind, 's', own), args: kind === 'resource' ? { uri: own } : {} }
    expect(decide(policy, call, NOON).action).toBe('allow')
  })
})

describe('of a template', () => {
  const hiding = {
    'files+*': { hide: true },
    's+file:///docs/*': {},
    's+file:///docs/private/*': { hide: true },
  }
  test.each([
    ['file:///docs/{x}', typed('x', 'pub'), 'allow'],
    ['file:///docs/{+x}', typed('x', 'private/a'), 'hidden (hidden)'],
    ['file:///docs/{x}', typed('x', 'private/a'), 'ambiguous (ambiguous)'],
    ['file:///docs/{+x}', typed('x', 'a/../private/b'), 'ambiguous (ambiguous)'],
    ['file:///docs/{+x}', typed('x', '../secret'), 'ambiguous (ambiguous)'],
    ['file:///docs/{x}{/y}', typed('y', '', { x: 'private' }), 'hidden (hidden)'],
    ['file:///docs/{x:7}/{y}', typed('y', 'a', { x: 'privateer' }), 'hidden (hidden)'],
    ['file:///docs/all{?x,y}', typed('x', 'private/a', { y: 'b' }), 'allow'],
    ['file:///docs/{+x}', typed('x', 'y'.repeat(2_100)), 'denied (too long)'],
    ['file:///{+x}', typed('x', 'docs/a'), 'default_deny (default deny)'],
  ])('%s (%#)', (own, given, expected) => {
    expect(outcome({ resources: hiding }, 'resource', own, given)).toBe(expected)
  })

  test('a condition on the URI is asked of what it stands for, too', () => {
    const rules = { resources: { '*': denies('args.uri', 'secret', 'contains') } }
    expect(outcome(rules, 'resource', 'n://{+p}', typed('p', 'public'))).toBe('allow')
    expect(outcome(rules, 'resource', 'n://{+p}', typed('p', 'secret/'))).toMatch(/^denied/)
    expect(outcome(rules, 'resource', 'n://x{?p,q}', typed('q', 'a', { p: 'secret' }))).toMatch(/^denied/)
    expect(outcome(rules, 'resource', 'secret://{p}', typed('p', 'a'))).toMatch(/^denied/)
  })

  test('a variable called uri is looked at as well as the template, by denials and by requirements', () => {
    const denying = { resources: { '*': {}, 's+n://{uri}': denies('args.uri', 'secret') } }
    expect(outcome(denying, 'resource', 'n://{uri}', typed('uri', 'secret'))).toMatch(/^denied/)
    expect(outcome(denying, 'resource', 'n://{uri}', typed('x', '', { uri: 'secret' }))).toMatch(/^denied/)
    expect(outcome(denying, 'resource', 'n://{uri}', typed('uri', 'other'))).toBe('allow')
    const template = { resources: { '*': denies('args.uri', 'n://{uri}') } }
    expect(outcome(template, 'resource', 'n://{uri}', typed('uri', 'other'))).toMatch(/^denied/)
    const require = [{ path: 'args.uri', op: 'regex', value: '^n://' }]
    expect(outcome({ resources: { '*': { require } } }, 'resource', 'n://{uri}', typed('uri', 'a'))).toMatch(
      /^denied/,
    )
  })

  test('a key without * names the template itself, and what is typed is asked by conditions alone', () => {
    const resources = { 's+file:///docs/{+x}': {}, 's+file:///docs/private/*': { hide: true } }
    expect(outcome({ resources }, 'resource', 'file:///docs/{+x}', typed('x', 'private/a'))).toBe('allow')
  })

  test('what would have been denied in shadow is told once', () => {
    const shadow = { deny_if: [{ conditions: [], shadow: true }] }
    const policy = policyOf({ version: '1', default: 'deny', resources: { '*': shadow } })
    const call = completionCall('resource', 's+n://{uri}', typed('uri', 'a'))
    expect(decide(policy, call, NOON).shadow).toHaveLength(1)
  })

  test('who asks is known where a rule on what it stands for looks at that', () => {
    const asks = { require: [{ path: 'session.account', op: 'eq', value: 'ana' }] }
    const policy = policyOf({ version: '1', resources: { 's+n://*': {}, 's+n://a/*': asks } })
    const { tool, completion } = completionCall('resource', 's+n://{+p}', typed('p', 'a/b'))
    expect(usesContext(policy, tool, { kind: 'resource' })).toBe(false)
    expect(usesContext(policy, tool, { kind: 'resource', completion })).toBe(true)
  })
})

test('all three dialects take the paths on reading, and none on tools', () => {
  const condition = { path: 'completion.argument.name', op: 'eq', value: 'x' }
  expect(
    policyOf({ version: '1', resources: { '*': { rules: [{ conditions: [condition] }] } } }),
  ).toBeDefined()
  for (const tools of [
    { t: { rules: [{ conditions: [condition] }] } },
    { t: { require: [condition] } },
    { t: { require: [{ any_of: [{ not: condition }] }] } },
  ])
    expect(() => policyOf({ version: '1', tools })).toThrow('completion.argument.name')
  expect(() => policyOf({ version: '1', all_tools: { require: [condition] } })).toThrow('completion')
})

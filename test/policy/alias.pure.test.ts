import { describe, expect, test } from 'vitest'
import { decide, isListed, usesContext } from '../../src/policy/decide.ts'
import { loadPolicy } from '../../src/policy/load.ts'

const context = { nowMs: 0, account: null, label: '' }

function policy(document: unknown) {
  const loaded = loadPolicy(document)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.policy
}

/** The tool `pay` of server `shop`, as calls of it are decided. */
function rule(document: unknown): string {
  const decision = decide(policy(document), { tool: 'shop__pay', alias: 'pay', args: {} }, context)
  return `${decision.action} ${decision.rule}`
}

const denied = { deny_if: [{ conditions: [{ path: 'args.x', op: 'exists', value: false }] }] }

describe('a tool of an upstream server, under two names', () => {
  test('is allowed under either where the default denies', () => {
    expect(rule({ version: '1', default: 'deny', tools: { pay: {} } })).toMatch(/^allow/)
    expect(rule({ version: '1', default: 'deny', tools: { shop__pay: {} } })).toMatch(/^allow/)
    expect(rule({ version: '1', default: 'deny', tools: { other__pay: {} } })).toMatch(/^deny/)
  })

  test('is ruled by the qualified name where both have rules', () => {
    expect(rule({ version: '1', default: 'allow', tools: { pay: denied, shop__pay: {} } })).toMatch(/^allow/)
    expect(rule({ version: '1', default: 'allow', tools: { pay: {}, shop__pay: denied } })).toMatch(/^deny/)
    expect(rule({ version: '1', default: 'allow', tools: { pay: denied } })).toMatch(/^deny/)
  })

  test('is hidden when either name is', () => {
    for (const name of ['pay', 'shop__pay']) {
      const hiding = policy({ version: '1', default: 'allow', hide: [name], tools: { shop__pay: {} } })
      expect(isListed(hiding, 'shop__pay', 'pay')).toBe(false)
      expect(isListed(hiding, 'other__pay', 'pay')).toBe(name !== 'pay')
    }
  })

  test('asks for the context that its rules look at', () => {
    const asking = policy({
      version: '1',
      default: 'allow',
      tools: { pay: { require: [{ conditions: [{ path: 'session.account', op: 'exists', value: true }] }] } },
    })
    expect(usesContext(asking, 'shop__pay', { alias: 'pay' })).toBe(true)
    expect(usesContext(asking, 'shop__other', { alias: 'other' })).toBe(false)
  })
})

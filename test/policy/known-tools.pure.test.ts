/** Names in policies against what is known of servers: what one server hides concerns its own names alone. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nothingKnown, type ServerTools, standingOf, toolsOf } from '../../src/policy/known-tools.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { describeOff, describeUnchecked } from '../../src/policy/name-warnings.ts'
import { describeProblem } from '../../src/policy/problem.ts'

const schema = (...names: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, {}])),
})
const tool = (server: string, name: string, ...args: string[]) => ({
  names: [`${server}__${name}`, name],
  shownAs: null,
  schema: schema(...args),
})
const native: ServerTools = {
  name: 'session',
  isNative: true,
  tools: [{ names: ['auth_login'], shownAs: null, schema: schema('account') }],
}
const crm: ServerTools = {
  name: 'crm',
  isNative: false,
  tools: [tool('crm', 'find', 'query'), tool('crm', 'pay', 'sum')],
}
const erp: ServerTools = { name: 'erp', isNative: false, tools: [tool('erp', 'pay', 'amount')] }
const dead: ServerTools = { name: 'dead', isNative: false, tools: null }
const gone: ServerTools = { name: 'gone', isNative: false, tools: null }
const empty: ServerTools = { name: 'empty', isNative: false, tools: [] }

function warned(document: object, servers: readonly ServerTools[]) {
  const loaded = loadPolicy({ version: '1', default: 'allow', ...document }, toolsOf(servers))
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return { warnings: loaded.warnings.map(describeProblem), unchecked: loaded.unchecked }
}

describe('a name', () => {
  test.each<[string, readonly ServerTools[], string]>([
    ['crm__find', [crm, dead], 'fine'],
    ['find', [crm, dead], 'fine'],
    ['auth_login', [native, dead], 'fine'],
    ['crm__fnd', [crm, dead], 'absent'],
    ['crm__x', [crm, erp], 'absent'],
    ['empty__x', [empty, dead], 'absent'],
    ['x', [crm, erp, empty], 'absent'],
    ['x', [], 'absent'],
    ['dead__x', [crm, dead], 'unchecked'],
    // A native server is none that a name could be behind.
    ['session__x', [native, dead], 'unchecked'],
    ['session__x', [native], 'absent'],
    ['x', [crm, dead], 'unchecked'],
    ['wms__x', [crm, dead], 'nowhere'],
    ['crm__', [crm], 'absent'],
  ])('%s', (name, servers, kind) => {
    expect(standingOf(toolsOf(servers), name).kind).toBe(kind)
  })

  test('of a tool that the deployment does not have is right, and said to come to nothing, once', () => {
    const legiti: ServerTools = {
      name: 'legiti',
      isNative: true,
      off: 'why it is off',
      tools: ['track_logout', 'evaluate_sale'].map((name) => ({ names: [name], shownAs: null, schema: {} })),
    }
    const document = { version: '1', default: 'allow', hide: ['track_logout', 'auth_login', 'unknown'] }
    const loaded = loadPolicy(document, toolsOf([native, legiti, dead]))
    if (!loaded.ok) throw new Error('does not load')
    expect(loaded.off).toEqual([{ server: 'legiti', why: 'why it is off', names: ['track_logout'] }])
    expect(loaded.unchecked).toEqual([{ servers: ['dead'], names: ['unknown'] }])
    expect(loaded.warnings).toEqual([])
    expect(loaded.off.map(describeOff)).toEqual([
      expect.stringMatching(
        /"legiti", which this deployment does not have \(why it is off\): track_logout\. Its entries for them/,
      ),
    ])
  })

  test('of which nothing is known is not spoken of', () => {
    expect(standingOf(nothingKnown, 'whatever')).toEqual({ kind: 'fine' })
  })

  test('without a server may be of any whose tools are not known, and of no other', () => {
    expect(standingOf(toolsOf([crm, dead, gone]), 'whatever')).toEqual({
      kind: 'unchecked',
      servers: ['dead', 'gone'],
      meant: null,
    })
  })
})

describe('a policy', () => {
  test('that names tools of a dead server is checked against all the others', () => {
    const document = {
      hide: ['dead__a', 'crm__fnid', '*'],
      tools: { dead__b: {}, gone__c: {}, erp__pya: {}, bare: {} },
    }
    expect(warned(document, [native, crm, erp, dead, gone])).toEqual({
      warnings: [
        '/hide/1: found the tool "crm__fnid", which no server has; allowed: a tool that is known; did you mean "crm__find"?',
        '/tools/erp__pya: found the tool "erp__pya", which no server has; allowed: a tool that is known; did you mean "erp__pay"?',
      ],
      unchecked: [
        { servers: ['dead'], names: ['dead__b', 'dead__a'] },
        { servers: ['gone'], names: ['gone__c'] },
        { servers: ['dead', 'gone'], names: ['bare'] },
      ],
    })
  })

  test('that names nothing of a dead server is told nothing of it', () => {
    expect(warned({ tools: { crm__find: {} } }, [crm, dead])).toEqual({ warnings: [], unchecked: [] })
  })

  test('may look at an argument that one of several tools of a bare name takes', () => {
    const looks = (name: string, path: string) => ({
      tools: { [name]: { require: [{ path, op: 'exists', value: true }] } },
    })
    expect(warned(looks('pay', 'args.amount'), [crm, erp]).warnings).toEqual([])
    expect(warned(looks('pay', 'args.sum'), [crm, erp]).warnings).toEqual([])
    expect(warned(looks('crm__pay', 'args.amount'), [crm, erp]).warnings).toHaveLength(1)
    expect(warned(looks('pay', 'args.other'), [crm, erp]).warnings).toHaveLength(1)
  })

  test('is told of servers in the keys of what is read that are not there; of those that are, it is known nowhere', () => {
    const document = {
      resources: { 'crm+x:*': {}, 'dead+x:*': {}, 'cmr+x:*': {}, '*+y:*': {}, '*': {} },
      prompts: { crm__a: {}, wms__a: {} },
    }
    expect(warned(document, [crm, dead]).warnings).toEqual([
      '/resources/cmr+x:*: found the resource "cmr+x:*" of the server "cmr", which is not there; allowed: a server that is there (crm, dead); did you mean "crm+x:*"?',
      '/prompts/wms__a: found the prompt "wms__a" of the server "wms", which is not there; allowed: a server that is there (crm, dead)',
    ])
  })

  test('is told of each of its names at most once, as checked or as not', () => {
    const names = fc.constantFrom(
      'crm__find',
      'find',
      'fnd',
      'dead__x',
      'wms__x',
      'x',
      'auth_login',
      'auth_logn',
    )
    const servers = fc.subarray([native, crm, erp, dead, gone, empty])
    fc.assert(
      fc.property(fc.uniqueArray(names), servers, (hide, there) => {
        const { warnings, unchecked } = warned({ hide }, there)
        const open = unchecked.flatMap((it) => it.names)
        for (const name of hide) {
          const isWarned = warnings.some((it) => it.includes(`the tool ${JSON.stringify(name)}`))
          expect(Number(isWarned) + open.filter((it) => it === name).length).toBeLessThanOrEqual(1)
          const { kind } = standingOf(toolsOf(there), name)
          expect(isWarned || open.includes(name)).toBe(kind !== 'fine')
        }
        const dark = there.filter(({ tools }) => tools === null).map(({ name }) => name)
        for (const it of unchecked) expect(dark).toEqual(expect.arrayContaining([...it.servers]))
      }),
    )
  })
})

test('what was not checked is one line, however many names it is', () => {
  const names = Array.from({ length: 12 }, (_, i) => `t${i}`)
  expect(describeUnchecked({ servers: ['dead', 'gone'], names })).toBe(
    'The tools of dead, gone are not known yet, so these names were not checked: t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 2 more.',
  )
})

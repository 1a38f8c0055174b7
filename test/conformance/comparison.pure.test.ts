import { expect, test } from 'vitest'
import { countPassed, lost, shortcomings } from './comparison.ts'
import type { Check, Findings } from './suite.ts'

function findings(scenarios: Readonly<Record<string, readonly Check[]>>): Findings {
  return { scenarios: new Map(Object.entries(scenarios)), output: '' }
}

function check(status: Check['status'], id: string, description = id): Check {
  return { id, status, description }
}

const direct = findings({
  ping: [check('SUCCESS', 'answers'), check('INFO', 'incoming')],
  headers: [
    check('SUCCESS', 'rejects', 'one'),
    check('SUCCESS', 'rejects', 'two'),
    check('WARNING', 'should'),
  ],
})

test('nothing is lost where everything is the same, whatever else is told', () => {
  const more = findings({
    ...Object.fromEntries(direct.scenarios),
    ping: [check('SUCCESS', 'answers'), check('INFO', 'other')],
    added: [check('FAILURE', 'another')],
  })
  expect(lost(direct, more)).toEqual([])
})

test('a scenario that was not run is lost', () => {
  const { ping = [] } = Object.fromEntries(direct.scenarios)
  expect(lost(direct, findings({ ping }))).toEqual(['headers: has not been run'])
})

test.each(['FAILURE', 'WARNING'] as const)('a success that becomes a %s is named once', (status) => {
  const through = findings({
    ...Object.fromEntries(direct.scenarios),
    ping: [{ ...check(status, 'answers'), errorMessage: 'no answer' }],
  })
  expect(lost(direct, through)).toEqual([`ping: ${status} answers: no answer`])
})

test.each(['INFO', 'SKIPPED'] as const)('a success that becomes %s is lost', (status) => {
  const through = findings({ ...Object.fromEntries(direct.scenarios), ping: [check(status, 'answers')] })
  expect(lost(direct, through)).toEqual(['ping: answers succeeds directly only: answers'])
})

test('of checks under one id, the one that is missing is named', () => {
  const through = findings({
    ...Object.fromEntries(direct.scenarios),
    headers: [check('SUCCESS', 'rejects', 'one'), check('WARNING', 'should')],
  })
  expect(lost(direct, through)).toEqual(['headers: rejects succeeds directly only: two'])
})

test('a failure that is new is lost ground, too', () => {
  const through = findings({
    ...Object.fromEntries(direct.scenarios),
    ping: [check('SUCCESS', 'answers'), check('FAILURE', 'wire-schema')],
  })
  expect(lost(direct, through)).toEqual(['ping: FAILURE wire-schema: wire-schema'])
})

test('counts successes, and tells failures and warnings', () => {
  expect(countPassed(direct)).toBe(3)
  expect(shortcomings(direct)).toEqual([
    { scenario: 'headers', id: 'should', message: 'headers: WARNING should: should' },
  ])
})

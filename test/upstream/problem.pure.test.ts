/** What an agent is told of a server that failed, what the audit says, and what is given back. */
import { describe, expect, test } from 'vitest'
import { codeOf, isRefunded, outcomeOf, problemOf, describe as say } from '../../src/upstream/problem.ts'

const undone = { isUndone: true }

test.each([
  // failure, code, outcome as it is, refunded when it is undone
  ['refused', 'upstream_unavailable', 'broken', true],
  ['resting', 'upstream_unavailable', 'broken', true],
  ['misconfigured', 'upstream_unavailable', 'broken', true],
  ['http_error', 'upstream_unavailable', 'broken', false],
  ['timeout', 'upstream_timeout', 'timeout', true],
  ['broken', 'upstream_broken', 'broken', true],
  ['cancelled', 'upstream_broken', 'cancelled', true],
  ['not_mcp', 'upstream_broken', 'broken', true],
  ['wrong_id', 'upstream_broken', 'broken', true],
  ['too_large', 'upstream_too_large', 'broken', true],
  ['redirect', 'upstream_refused', 'broken', false],
  ['unauthorized', 'upstream_refused', 'broken', true],
  ['rate_limited', 'upstream_rate_limited', 'broken', false],
  ['busy', 'upstream_busy', 'broken', true],
] as const)('%s', (failure, code, outcome, refunded) => {
  const problem = problemOf(failure, 'failed')
  expect([codeOf(problem), outcomeOf(problem)]).toEqual([code, outcome])
  expect(isRefunded(problem)).toBe(false)
  expect(isRefunded(problemOf(failure, 'failed', undone))).toBe(refunded)
})

test('the audit tells what was not delivered from what was refused', () => {
  expect(outcomeOf(problemOf('busy', 'x', undone))).toBe('not_delivered')
  expect(outcomeOf(problemOf('http_error', 'x', { status: 404 }))).toBe('refused')
  expect(outcomeOf(problemOf('http_error', 'x', { status: 502 }))).toBe('broken')
  expect(outcomeOf(problemOf('timeout', 'x', undone))).toBe('timeout')
})

describe('the words', () => {
  test('say whether it took effect, and when to come back', () => {
    expect(say('crm', problemOf('broken', 'broke off'))).toBe(
      'The server "crm" broke off. It is not known whether the call took effect.',
    )
    expect(say('crm', problemOf('busy', 'is busy', { ...undone, retryAfterSeconds: 7 }))).toBe(
      'The server "crm" is busy. The call was not carried out. Try again in 7 seconds.',
    )
    expect(say('crm', problemOf('timeout', 'did not answer'), 'The request')).toBe(
      'The server "crm" did not answer. It is not known whether the request took effect.',
    )
  })
})

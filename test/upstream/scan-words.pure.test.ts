/** A failed scan is described to the administrator: what happened, that nothing was listed, and what to do. */
import { describe, expect, test } from 'vitest'
import type { UpstreamProblem } from '../../src/contract/upstream.ts'
import { problemOf } from '../../src/upstream/problem.ts'
import { failedScan } from '../../src/upstream/scan-words.ts'

const failures: readonly UpstreamProblem['failure'][] = [
  'refused',
  'timeout',
  'broken',
  'too_large',
  'redirect',
  'unauthorized',
  'rate_limited',
  'http_error',
  'not_mcp',
  'wrong_id',
  'busy',
  'resting',
  'misconfigured',
  'cancelled',
  'unanswered',
  'slow',
  'undeclared',
]

describe('a scan that failed', () => {
  test.each(failures)('of %s says so in whole sentences, whether or not something was sent', (failure) => {
    for (const isUndone of [true, false]) {
      const text = failedScan('crm', problemOf(failure, 'did something', { isUndone }))
      expect(text).toMatch(
        /^The server "crm" did something, so its tools were not listed\. [A-Z].{3,}, then scan it again: gatehouse server scan crm\.$/,
      )
      expect(text).not.toMatch(/took effect|carried out/)
    }
  })

  test.each<[UpstreamProblem['failure'], number, string]>([
    ['http_error', 404, 'Check that its url is that of an MCP endpoint'],
    ['http_error', 502, 'See in its own log why it fails'],
    ['http_error', 508, 'Give it a url that does not lead to a gateway'],
    ['unauthorized', 401, 'Check the values of its headers'],
    ['unauthorized', 403, 'See why it refuses the gateway'],
  ])('of %s %i is told from others', (failure, status, says) => {
    expect(failedScan('crm', problemOf(failure, 'answered', { status }))).toContain(
      `${says}, then scan it again`,
    )
  })

  test('has the server’s own words, and when it may be asked again', () => {
    const problem = problemOf('rate_limited', 'limits the rate of requests (HTTP 429)', {
      retryAfterSeconds: 7,
    })
    expect(failedScan('crm', { ...problem, detail: 'Slow down.' })).toBe(
      'The server "crm" limits the rate of requests (HTTP 429), so its tools were not listed. It says: Slow down. ' +
        'Wait, then scan it again (not before 7 s): gatehouse server scan crm.',
    )
  })
})

import { expect, test } from 'vitest'
import { webhookVerdict } from '../../src/webhooks/schedule.ts'

const NOW = Date.parse('2030-01-01T00:00:00Z')
const answered = (status: number, retryAfter: string | null = null) =>
  webhookVerdict({ status, retryAfter }, NOW)

test('any 2xx has it', () => {
  for (const status of [200, 201, 202, 204, 299]) expect(answered(status)).toEqual({ kind: 'delivered' })
})

test('410 says that nobody wants it', () => {
  expect(answered(410)).toEqual({ kind: 'dead', reason: 'http_410' })
})

test('everything else is tried again: redirects, refusals, errors, silence', () => {
  for (const status of [301, 302, 307, 400, 401, 403, 404, 500, 503])
    expect(answered(status)).toEqual({ kind: 'back_off', reason: `http_${status}`, retryAfterMs: null })
  for (const failure of ['timeout', 'network'] as const)
    expect(webhookVerdict({ failure }, NOW)).toEqual({
      kind: 'back_off',
      reason: failure,
      retryAfterMs: null,
    })
})

test('Retry-After is honoured', () => {
  expect(answered(429, '120')).toMatchObject({ retryAfterMs: 120_000 })
  expect(answered(503, 'Tue, 01 Jan 2030 00:01:00 GMT')).toMatchObject({ retryAfterMs: 60_000 })
})

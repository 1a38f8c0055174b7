/** What a round of attempts comes to. Back-off and Retry-After: test/legiti/schedule.pure.test.ts. */
import { expect, test } from 'vitest'
import { roundOf, type Verdict } from '../../src/durable/retries.ts'

const delivered: Verdict = { kind: 'delivered' }
const dead: Verdict = { kind: 'dead', reason: 'http_400' }
const backOff: Verdict = { kind: 'back_off', reason: 'http_503', retryAfterMs: 7_000 }
const pause: Verdict = { kind: 'pause', reason: 'http_401' }

test.each<[readonly Verdict[], ReturnType<typeof roundOf>]>([
  [[], { isAlive: false, closed: null }],
  [[delivered, dead], { isAlive: true, closed: null }],
  [[dead], { isAlive: false, closed: null }],
  [[delivered, backOff], { isAlive: true, closed: backOff }],
  [[backOff, pause, backOff], { isAlive: false, closed: pause }],
  [[backOff, { ...backOff, reason: 'timeout' }], { isAlive: false, closed: backOff }],
])('%j comes to %j', (verdicts, round) => {
  expect(roundOf(verdicts)).toEqual(round)
})

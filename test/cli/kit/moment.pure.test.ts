/** Moments and lengths of time on the command line. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { durationSeconds, relativeMs } from '../../../src/cli/kit/moment.ts'

const NOON_MS = Date.parse('2030-01-01T12:00:00Z')

describe('a length of time', () => {
  test.each([
    ['90s', 90],
    ['15m', 900],
    ['1h', 3_600],
    ['1h30m', 5_400],
    ['7d', 604_800],
    ['2w', 1_209_600],
    ['1w2d3h4m5s', 604_800 + 2 * 86_400 + 3 * 3_600 + 245],
    ['0s', 0],
  ])('%s is %i seconds', (text, seconds) => {
    expect(durationSeconds(text)).toBe(seconds)
  })

  test.each(['', 'h', '1', '1 h', '-1h', '1.5h', '1h1h', '30m1h', '1H', '1y', '99999999w', '1h ', '١h'])(
    '%j is none',
    (text) => {
      expect(durationSeconds(text)).toBeNull()
    },
  )

  test('is a whole number of seconds or none, whatever the text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const seconds = durationSeconds(text)
        expect(seconds === null || (Number.isSafeInteger(seconds) && seconds >= 0)).toBe(true)
      }),
    )
  })
})

describe('a moment relative to now', () => {
  test('counts back or on', () => {
    expect(relativeMs('1h', NOON_MS, 'ago')).toBe(NOON_MS - 3_600_000)
    expect(relativeMs('1h', NOON_MS, 'from now')).toBe(NOON_MS + 3_600_000)
    expect(relativeMs('now', NOON_MS, 'ago')).toBe(NOON_MS)
  })

  test('may be said in full, with its zone', () => {
    expect(relativeMs('2030-01-01T13:00:00+01:00', NOON_MS, 'ago')).toBe(NOON_MS)
    expect(relativeMs('2030-01-01T13:00:00', NOON_MS, 'ago')).toBeNull()
    expect(relativeMs('yesterday', NOON_MS, 'ago')).toBeNull()
  })
})

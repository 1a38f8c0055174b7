import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  backOffMs,
  FIRST_BACK_OFF_MS,
  GIVE_UP_AFTER_MS,
  KEEP_DEAD_MS,
  LONGEST_BACK_OFF_MS,
  MAX_RETRY_AFTER_MS,
} from '../../src/durable/retries.ts'
import { DELIVERY_TIMEOUT_MS, PAUSE_PROBE_MS, verdict } from '../../src/legiti/schedule.ts'
import { unixSecondsOf, unixSecondsOfIso } from '../../src/legiti/tools/calendar.ts'

const NOW = Date.UTC(2026, 2, 1, 12, 0, 0)
const answered = (status: number, retryAfter: string | null = null) => verdict({ status, retryAfter }, NOW)
const waitAsked = (retryAfter: string) => {
  const judged = answered(503, retryAfter)
  return judged.kind === 'back_off' ? judged.retryAfterMs : 'not a back-off'
}

describe('the figures', () => {
  it('are those of the reference', () => {
    expect(DELIVERY_TIMEOUT_MS).toBe(15_000)
    expect(FIRST_BACK_OFF_MS).toBe(5_000)
    expect(LONGEST_BACK_OFF_MS).toBe(1_800_000)
    expect(PAUSE_PROBE_MS).toBe(3_600_000)
    expect(GIVE_UP_AFTER_MS).toBe(259_200_000)
    expect(KEEP_DEAD_MS).toBe(2_592_000_000)
    expect(MAX_RETRY_AFTER_MS).toBe(86_400_000)
  })
})

describe('the verdict on an attempt', () => {
  it.each([200, 201, 202, 204, 299])('%i: delivered', (status) => {
    expect(answered(status)).toEqual({ kind: 'delivered' })
  })

  it('400: dead at once, whatever Retry-After says', () => {
    expect(answered(400, '5')).toEqual({ kind: 'dead', reason: 'http_400' })
  })

  it.each([401, 403])('%i: the destination pauses', (status) => {
    expect(answered(status)).toEqual({ kind: 'pause', reason: `http_${status}` })
  })

  it.each([0, 100, 199, 300, 302, 304, 402, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 520, 599])(
    '%i: back off',
    (status) => {
      expect(answered(status)).toEqual({ kind: 'back_off', reason: `http_${status}`, retryAfterMs: null })
    },
  )

  it.each(['timeout', 'network'] as const)('no answer (%s): back off', (failure) => {
    expect(verdict({ failure }, NOW)).toEqual({ kind: 'back_off', reason: failure, retryAfterMs: null })
  })
})

describe('Retry-After', () => {
  it('is understood in seconds', () => {
    expect(waitAsked('0')).toBe(0)
    expect(waitAsked('120')).toBe(120_000)
    expect(waitAsked(' 120 ')).toBe(120_000)
  })

  it('is understood as an HTTP date', () => {
    expect(waitAsked('Sun, 01 Mar 2026 12:02:00 GMT')).toBe(120_000)
    expect(waitAsked('Mon, 02 Mar 2026 00:00:00 GMT')).toBe(12 * 3_600_000)
  })

  it('as a date in the past asks for no wait', () => {
    expect(waitAsked('Sun, 01 Mar 2026 11:59:59 GMT')).toBe(0)
    expect(waitAsked('Thu, 01 Jan 1970 00:00:00 GMT')).toBe(0)
  })

  it('is believed up to a day', () => {
    expect(waitAsked('86400')).toBe(MAX_RETRY_AFTER_MS)
    expect(waitAsked('86401')).toBe(MAX_RETRY_AFTER_MS)
    expect(waitAsked('9'.repeat(400))).toBe(MAX_RETRY_AFTER_MS)
    expect(waitAsked('Fri, 31 Dec 9999 23:59:59 GMT')).toBe(MAX_RETRY_AFTER_MS)
  })

  it.each([
    '',
    '-5',
    '1.5',
    '1e3',
    '٥',
    'soon',
    'Sun, 30 Feb 2026 12:00:00 GMT',
    'Sun, 01 Mrz 2026 12:00:00 GMT',
    'Sun, 01 Mar 2026 24:00:00 GMT',
    'Sun, 01 Mar 2026 12:02:00 BRT',
    'Sun, 01 Mar 2026 12:02:00 GMT, 5',
  ])('is passed over when it reads %j', (header) => {
    expect(waitAsked(header)).toBeNull()
  })

  it('as any HTTP date is the same moment that Date reads', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: MAX_RETRY_AFTER_MS / 1000 }),
        fc.integer({ min: 0, max: 4e9 }),
        (wait, now) => {
          const header = new Date((now + wait) * 1000).toUTCString()
          const judged = verdict({ status: 503, retryAfter: header }, now * 1000)
          expect(judged).toEqual({ kind: 'back_off', reason: 'http_503', retryAfterMs: wait * 1000 })
        },
      ),
    )
  })
})

describe('the back-off', () => {
  it('doubles from five seconds to half an hour', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((failures) => backOffMs(failures, 1, null) / 1000)
    expect(longest).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800])
  })

  it('waits at least half of the interval', () => {
    expect(backOffMs(1, 0, null)).toBe(2_500)
    expect(backOffMs(2, 0, null)).toBe(5_000)
    expect(backOffMs(100, 0, null)).toBe(900_000)
    expect(backOffMs(1, 0.5, null)).toBe(3_750)
  })

  it('takes no failure for the first', () => {
    expect(backOffMs(0, 0, null)).toBe(2_500)
    expect(backOffMs(-3, 0, null)).toBe(2_500)
  })

  it('is never below Retry-After, and never shortened by it', () => {
    expect(backOffMs(1, 0.5, 60_000)).toBe(60_000)
    expect(backOffMs(100, 0, MAX_RETRY_AFTER_MS)).toBe(MAX_RETRY_AFTER_MS)
    expect(backOffMs(100, 0, 1)).toBe(900_000)
    expect(backOffMs(1, 0, 0)).toBe(2_500)
  })

  const failures = fc.oneof(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  )
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it('is a whole number of milliseconds within its bounds, after any number of failures', () => {
    fc.assert(
      fc.property(failures, random, (count, chance) => {
        const wait = backOffMs(count, chance, null)
        expect(Number.isSafeInteger(wait)).toBe(true)
        expect(wait).toBeGreaterThanOrEqual(FIRST_BACK_OFF_MS / 2)
        expect(wait).toBeLessThanOrEqual(LONGEST_BACK_OFF_MS)
      }),
    )
  })

  it('never shrinks with more failures', () => {
    fc.assert(
      fc.property(failures, random, (count, chance) => {
        expect(backOffMs(count + 1, chance, null)).toBeGreaterThanOrEqual(backOffMs(count, chance, null))
      }),
    )
  })

  it('is spread by chance', () => {
    fc.assert(
      fc.property(failures, random, random, (count, one, other) => {
        fc.pre(one + 0.01 < other)
        expect(backOffMs(count, one, null)).toBeLessThan(backOffMs(count, other, null))
      }),
    )
  })
})

describe('the calendar', () => {
  it('agrees with Date on every moment', () => {
    fc.assert(
      fc.property(
        fc.date({
          min: new Date('0000-01-01T00:00:00Z'),
          max: new Date('9999-12-31T23:59:59Z'),
          noInvalidDate: true,
        }),
        (date) => {
          const seconds = Math.floor(date.getTime() / 1000)
          expect(unixSecondsOfIso(date.toISOString())).toBe(seconds)
        },
      ),
    )
  })

  it('reads offsets, and drops fractions', () => {
    expect(unixSecondsOfIso('1970-01-01T00:00:00-03:00')).toBe(3 * 3600)
    expect(unixSecondsOfIso('1970-01-01T05:30:00.999+05:30')).toBe(0)
    expect(unixSecondsOfIso('2024-02-29T23:59:59Z')).toBe(Date.UTC(2024, 1, 29, 23, 59, 59) / 1000)
  })

  it.each([
    '2026-03-01',
    '2026-03-01T12:00:00',
    '2026-03-01 12:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
  ])('knows no moment %s', (text) => {
    expect(unixSecondsOfIso(text)).toBeNull()
  })

  it('knows which days exist', () => {
    const at = (year: number, month: number, day: number) =>
      unixSecondsOf({ year, month, day, hour: 0, minute: 0, second: 0 })
    expect([at(1900, 2, 29), at(2023, 2, 29), at(2026, 4, 31), at(2026, 1, 0), at(2026, 0, 1)]).toEqual(
      Array(5).fill(null),
    )
    expect(at(2000, 2, 29)).toBe(Date.UTC(2000, 1, 29) / 1000)
  })
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeWindow, sliceMs, stretchAt, windowAt, windowOf } from '../../src/policy/window.ts'

describe('windows are the UTC calendar’s', () => {
  test.each([
    ['minute', '2030-06-15T23:59:59.999Z', '2030-06-15T23:59:00Z', '2030-06-16T00:00:00Z'],
    ['hour', '2030-06-15T23:00:00.000Z', '2030-06-15T23:00:00Z', '2030-06-16T00:00:00Z'],
    ['day', '2028-02-29T12:00:00.000Z', '2028-02-29T00:00:00Z', '2028-03-01T00:00:00Z'],
  ] as const)('%s', (name, now, start, end) => {
    expect(windowAt(name, Date.parse(now))).toEqual({ startMs: Date.parse(start), endMs: Date.parse(end) })
  })

  test('every moment is in exactly one window', () => {
    const moments = fc.integer({ min: 0, max: 4_102_444_800_000 })
    fc.assert(
      fc.property(moments, fc.constantFrom('minute', 'hour', 'day'), (now, name) => {
        const { startMs, endMs } = windowAt(name, now)
        expect(startMs <= now && now < endMs).toBe(true)
        expect(windowAt(name, endMs).startMs).toBe(endMs)
      }),
    )
  })
})

test('a window of seconds begins at multiples of its length, counted from 1970', () => {
  expect(stretchAt(windowOf(90, false).lengthMs, 200_000)).toEqual({ startMs: 180_000, endMs: 270_000 })
})

test('slices never make less than the window', () => {
  for (const seconds of [1, 7, 60, 86_400]) {
    const window = windowOf(seconds, true)
    expect(sliceMs(window) * 60).toBeGreaterThanOrEqual(window.lengthMs)
  }
})

test('people read a window’s name, or its seconds', () => {
  expect(describeWindow(windowOf('minute', false))).toBe('minute')
  expect(describeWindow(windowOf(86_400, true))).toBe('any day')
  expect(describeWindow(windowOf(90, false))).toBe('90 seconds')
})

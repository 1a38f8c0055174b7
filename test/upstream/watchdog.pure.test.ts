import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Watchdog } from '../../src/upstream/watchdog.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A watchdog with a call after 2 s, and how often that came. */
function watched(quietMs: number, wholeMs: number) {
  let calls = 0
  const call = () => {
    calls++
  }
  const watchdog = new Watchdog(quietMs, wholeMs, { afterMs: 2_000, call })
  return { watchdog, calls: () => calls }
}

test('says once that a request takes long, and stops it no sooner', () => {
  const { watchdog, calls } = watched(10_000, 30_000)
  vi.advanceTimersByTime(1_999)
  expect(calls()).toBe(0)
  vi.advanceTimersByTime(1)
  expect([calls(), watchdog.problem]).toEqual([1, null])
  vi.advanceTimersByTime(7_999)
  expect([calls(), watchdog.problem]).toEqual([1, null])
  vi.advanceTimersByTime(1)
  expect([calls(), watchdog.problem?.failure, watchdog.signal.aborted]).toEqual([1, 'timeout', true])
})

test('what is heard meanwhile counts for the rest', () => {
  const { watchdog, calls } = watched(3_000, 30_000)
  vi.advanceTimersByTime(1_000)
  watchdog.heard(5_000)
  vi.advanceTimersByTime(1_000)
  expect(calls()).toBe(1)
  vi.advanceTimersByTime(3_999)
  expect(watchdog.problem).toBeNull()
  vi.advanceTimersByTime(1)
  expect(watchdog.problem?.message).toBe('stopped in the middle of its answer for 5 seconds')
})

test('one that is over is not long', () => {
  const { watchdog, calls } = watched(10_000, 30_000)
  watchdog.stop()
  vi.advanceTimersByTime(60_000)
  expect([calls(), watchdog.problem]).toEqual([0, null])
})

test('one that may take less has its time and no call', () => {
  const { watchdog, calls } = watched(1_000, 30_000)
  vi.advanceTimersByTime(5_000)
  expect([calls(), watchdog.problem?.failure]).toEqual([0, 'timeout'])
})

test('an endless one that takes long is called, too', () => {
  const { watchdog, calls } = watched(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  vi.advanceTimersByTime(3_600_000)
  expect([calls(), watchdog.problem]).toEqual([1, null])
})

/** A cancellation reaches the request that is meant, or nobody. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Cancellations } from '../../../src/principal/work/cancellations.ts'

const key = { transport: 't', id: '1' }
const notice = { reason: 'no more' }
const LONG_MS = 60_000
const request = (requestId: string, ageMs: number) => ({ requestId, ageMs, mostMs: LONG_MS })

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('a request that waits hears it, wherever it was brought', async () => {
  const requests = new Cancellations()
  const both = [requests.wait(key, request('r', 0)), requests.wait(key, request('r', 0))]
  requests.cancel(key, notice)
  expect(await Promise.all(both)).toEqual([notice, notice])
})

test('another connection, another id, and the end of its time are nothing to it', async () => {
  const requests = new Cancellations()
  const waiting = requests.wait(key, request('r', 0))
  requests.cancel({ ...key, transport: 'u' }, notice)
  requests.cancel({ ...key, id: '"1"' }, notice)
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect(await waiting).toBeNull()
})

test('of two requests with one id neither is stopped', async () => {
  const requests = new Cancellations()
  const both = [requests.wait(key, request('r', 0)), requests.wait(key, request('s', 0))]
  requests.cancel(key, notice)
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect(await Promise.all(both)).toEqual([null, null])
})

test('what came since a request began is found when it asks, once; what came before is about another', async () => {
  const requests = new Cancellations()
  requests.cancel(key, notice)
  await vi.advanceTimersByTimeAsync(1_500)
  const later = requests.wait(key, request('later', 1_000))
  expect(await requests.wait(key, request('r', 2_000))).toEqual(notice)
  const again = requests.wait(key, request('r', 3_000))
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect([await later, await again]).toEqual([null, null])
})

test('and not after ten seconds', async () => {
  const requests = new Cancellations()
  requests.cancel(key, notice)
  await vi.advanceTimersByTimeAsync(11_000)
  const waiting = requests.wait(key, request('r', 20_000))
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect(await waiting).toBeNull()
})

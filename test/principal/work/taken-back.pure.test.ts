/** Who hears that a request is taken back: the request that is meant, or nobody. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { TakenBackRequests } from '../../../src/principal/work/taken-back.ts'

const key = { transport: 't', id: '1' }
const taken = { reason: 'no more' }
const LONG_MS = 60_000

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('a request that waits hears it, wherever it was brought', async () => {
  const requests = new TakenBackRequests()
  const both = [requests.wait(key, 'r', 0, LONG_MS), requests.wait(key, 'r', 0, LONG_MS)]
  requests.cancel(key, taken)
  expect(await Promise.all(both)).toEqual([taken, taken])
})

test('another connection, another id, and the end of its time are nothing to it', async () => {
  const requests = new TakenBackRequests()
  const waiting = requests.wait(key, 'r', 0, LONG_MS)
  requests.cancel({ ...key, transport: 'u' }, taken)
  requests.cancel({ ...key, id: '"1"' }, taken)
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect(await waiting).toBeNull()
})

test('of two requests with one id neither is stopped', async () => {
  const requests = new TakenBackRequests()
  const both = [requests.wait(key, 'r', 0, LONG_MS), requests.wait(key, 's', 0, LONG_MS)]
  requests.cancel(key, taken)
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect(await Promise.all(both)).toEqual([null, null])
})

test('what came since a request began is found when it asks, once; what came before is about another', async () => {
  const requests = new TakenBackRequests()
  requests.cancel(key, taken)
  await vi.advanceTimersByTimeAsync(1_500)
  const later = requests.wait(key, 'later', 1_000, LONG_MS)
  expect(await requests.wait(key, 'r', 2_000, LONG_MS)).toEqual(taken)
  const again = requests.wait(key, 'r', 3_000, LONG_MS)
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect([await later, await again]).toEqual([null, null])
})

test('and not after ten seconds', async () => {
  const requests = new TakenBackRequests()
  requests.cancel(key, taken)
  await vi.advanceTimersByTimeAsync(11_000)
  const waiting = requests.wait(key, 'r', 20_000, LONG_MS)
  await vi.advanceTimersByTimeAsync(LONG_MS)
  expect(await waiting).toBeNull()
})

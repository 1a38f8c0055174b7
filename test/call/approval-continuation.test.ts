/** What ties a call to the question that it answers, and by what arguments are known to be the same. */
import { expect, test } from 'vitest'
import { argumentDigests } from '../../src/approvals/digests.ts'
import { continuationAsked, continuationOf } from '../../src/call/approval-continuation.ts'
import type { Env } from '../../src/contract/env.ts'

const asks = { name: { method: 'elicitation/create', params: {} } }

test('the answer to a question is known by the state that its server gave', async () => {
  const asked = await continuationAsked({ inputRequests: asks, requestState: 'one' })
  expect(asked).toMatch(/^[0-9a-f]{64}$/)
  expect(await continuationOf({ inputResponses: {}, requestState: 'one' })).toBe(asked)
  // Whether it brings an answer as well is between client and server.
  expect(await continuationOf({ requestState: 'one' })).toBe(asked)
  expect(await continuationAsked({ requestState: 'one' })).toBe(asked)
  for (const other of ['two', 'One', 'one ', ''])
    expect(await continuationOf({ inputResponses: {}, requestState: other })).not.toBe(asked)
})

test('without a state it is known by bringing answers at all', async () => {
  const asked = await continuationAsked({ inputRequests: asks })
  expect(asked).toBe(await continuationOf({ inputResponses: { name: {} } }))
  expect(asked).toBe(await continuationAsked({ inputRequests: asks, requestState: null }))
  // No state is spelt so: whoever sends that word as one gets its digest.
  expect(await continuationOf({ requestState: asked })).not.toBe(asked)
})

test('what nothing can be told apart by is gone on with by nothing', async () => {
  for (const result of [
    {},
    { inputRequests: {} },
    { inputRequests: [] },
    { inputRequests: asks, requestState: 7 },
  ])
    expect(await continuationAsked(result)).toBeNull()
  for (const params of [{}, { inputResponses: null }, { inputResponses: {}, requestState: ['one'] }])
    expect(await continuationOf(params)).toBeNull()
})

const key = (byte: number) => new Uint8Array(32).fill(byte).toBase64()
const digests = (keys: string | undefined, args: unknown, tenant = 'acme') =>
  argumentDigests((keys === undefined ? {} : { ENCRYPTION_KEYS: keys }) as Env, tenant, args)

test('the same arguments have the same digest, whatever their order; others, and another tenant, have another', async () => {
  const keys = `k1:${key(1)}`
  const [one] = await digests(keys, { a: 1, b: 2 })
  expect(one).toMatch(/^k1:[0-9a-f]{64}$/)
  expect(await digests(keys, { b: 2, a: 1 })).toEqual([one])
  expect(await digests(keys, { a: 1, b: 3 })).not.toEqual([one])
  expect(await digests(keys, { a: 1, b: 2 }, 'other')).not.toEqual([one])
})

test('a new key does not lose what was held under the one before', async () => {
  const [before] = await digests(`k1:${key(1)}`, { a: 1 })
  const after = await digests(`k2:${key(2)},k1:${key(1)}`, { a: 1 })
  expect([after.length, after[0]?.slice(0, 3), after[1]]).toEqual([2, 'k2:', before])
})

test('without keys the arguments are still told apart exactly, however long they are', async () => {
  const long = 'x'.repeat(10_000)
  const [one] = await digests(undefined, { long })
  expect(one).toMatch(/^[0-9a-f]{64}$/)
  expect(await digests(undefined, { long })).toEqual([one])
  expect(await digests(undefined, { long: `${long}y` })).not.toEqual([one])
  const keyed = [await digests(`k1:${key(1)}`, { long }), await digests(`k1:${key(1)}`, { long: `${long}y` })]
  expect(keyed[0]).not.toEqual(keyed[1])
})

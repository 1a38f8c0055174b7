/** Grants get another token: with an overlap, across crashes, and never more than two at a time. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { admin, makeGrant, tenantObject, tenantRows } from '../support/admin.ts'
import { connect, fresh, open, post, principal, request } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const opens = async (token: string) => (await post(request('ping'), { token })).status !== 401
const rotate = async (seconds: number, headers: Record<string, string> = {}) =>
  String(
    (await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: seconds }, undefined, headers)).body
      ?.token,
  )

describe('rotation', () => {
  test('lets both tokens in until the overlap is over; sessions go on', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const start = Date.now()
    const first = await makeGrant('acme', 'bot')
    const client = await connect({ token: first })
    const answer = await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 60 })
    const second = String(answer.body?.token)
    expect([answer.status, answer.body]).toMatchObject([
      201,
      { older_token_until: new Date(start + 60_000).toISOString(), pending: 0 },
    ])
    expect([await opens(first), await opens(second)]).toEqual([true, true])
    expect((await client.request('ping')).status).toBe(200)
    vi.setSystemTime(start + 59_999)
    expect(await opens(first)).toBe(true)
    vi.setSystemTime(start + 60_000)
    expect([await opens(first), await opens(second)]).toEqual([false, true])
    const headers = { ...client.headers }
    expect((await post(request('ping'), { token: second, headers })).status).toBe(200)
    expect((await admin('GET', 'acme/grants/bot')).body?.older_token_until).toBeNull()
  })

  test('without an overlap ends the old token at once, and the streams that it opened', async () => {
    const first = await makeGrant('acme', 'bot')
    const client = await connect({ token: first })
    const stream = await open('GET', '/mcp', first, { ...client.headers, accept: 'text/event-stream' })
    const second = await rotate(0)
    expect([await opens(first), await opens(second)]).toEqual([false, true])
    expect(await stream.text()).toBeDefined()
  })

  test('ends the streams of the old token when the overlap is over', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const start = Date.now()
    const first = await makeGrant('acme', 'bot')
    const client = await connect({ token: first })
    const stream = await open('GET', '/mcp', first, { ...client.headers, accept: 'text/event-stream' })
    await rotate(60)
    vi.setSystemTime(start + 60_000)
    await runDurableObjectAlarm(principal('acme/bot'))
    expect(await stream.text()).toBeDefined()
  })

  test('again keeps the last one alone', async () => {
    const [first, second, third] = [await makeGrant('acme', 'bot'), await rotate(600), await rotate(600)]
    expect(await Promise.all([first, second, third].map(opens))).toEqual([false, true, true])
    const fourth = await rotate(0)
    expect(await Promise.all([second, third, fourth].map(opens))).toEqual([false, false, true])
  })

  test('a change of the grant or its policy keeps both; deleting it ends both', async () => {
    const [first, second] = [await makeGrant('acme', 'bot'), await rotate(600)]
    await admin('PUT', 'acme/policies/bot', { version: '1', default: 'deny' })
    await admin('PUT', 'acme/grants/bot', { label: 'Other', policy: 'bot' })
    expect(await Promise.all([first, second].map(opens))).toEqual([true, true])
    await admin('DELETE', 'acme/grants/bot')
    expect(await Promise.all([first, second].map(opens))).toEqual([false, false])
    const third = await makeGrant('acme', 'bot')
    expect(await Promise.all([first, second, third].map(opens))).toEqual([false, false, true])
  })

  test('of a grant that is not there is none; the overlap has its bounds', async () => {
    expect((await admin('POST', 'acme/grants/ghost/rotate', {})).status).toBe(404)
    await makeGrant('acme', 'bot')
    expect((await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: -1 })).status).toBe(422)
    expect((await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 9e9 })).status).toBe(422)
  })

  test('is on record, and nothing of the token is', async () => {
    const first = await makeGrant('acme', 'bot')
    const second = await rotate(60)
    const stored = JSON.stringify([
      await tenantRows('acme', 'SELECT * FROM changes'),
      await tenantRows('acme', 'SELECT *, hex(secret_hash) FROM grants'),
      await tenantRows('acme', 'SELECT *, hex(hash) FROM older_secrets'),
    ])
    expect(stored).toContain('grant.rotate')
    for (const token of [first, second]) expect(stored).not.toContain(token.split('_').at(-1))
  })
})

describe('a crash during a rotation', () => {
  const SAME = { 'idempotency-key': 'rotation-1' }

  /** What the tenant's object asks of the principal dies, before or after it was done. */
  const dying = (when: 'before' | 'after' | 'never') =>
    runInDurableObject(tenantObject('acme'), (instance) => {
      const stub = env.PRINCIPAL.getByName('acme/bot')
      const installGrant = async (grant: Parameters<typeof stub.installGrant>[0]) => {
        if (when === 'after') await stub.installGrant(grant)
        throw new Error('died')
      }
      Object.assign(instance, {
        env: when === 'never' ? env : { ...env, PRINCIPAL: { getByName: () => ({ installGrant }) } },
      })
    })

  test.each(['before', 'after'] as const)('%s the principal is told: it is told by alarm', async (when) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const first = await makeGrant('acme', 'bot')
    await dying(when)
    const second = await rotate(600, SAME)
    expect(await opens(first)).toBe(true)
    await evictDurableObject(tenantObject('acme'))
    await evictDurableObject(principal('acme/bot'))
    await tenantRows('acme', 'UPDATE grants SET due_at = 0')
    await runDurableObjectAlarm(tenantObject('acme'))
    expect([await opens(first), await opens(second)]).toEqual([true, true])
  })

  test('before the answer: the same request comes to the same token', async () => {
    const first = await makeGrant('acme', 'bot')
    // The answer is not written down: as when the Worker dies after the change.
    await runInDurableObject(tenantObject('acme'), (instance) => {
      Object.assign(instance, { answerRepeat: () => Promise.reject(new Error('died')) })
    })
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const lost = await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 600 }, undefined, SAME)
    expect(lost.status).toBe(503)
    await evictDurableObject(tenantObject('acme'))
    const second = await rotate(600, SAME)
    expect(await rotate(600, SAME)).toBe(second)
    expect([await opens(first), await opens(second)]).toEqual([true, true])
    expect(await tenantRows('acme', "SELECT action FROM changes WHERE action = 'grant.rotate'")).toHaveLength(
      1,
    )
  })
})

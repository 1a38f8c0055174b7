/** Grants get another token: with an overlap, across crashes, and never more than two at a time. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TenantObject } from '../../src/tenant/object.ts'
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

  /** Every message to the tenant's object that a rotation is made of, in their order. */
  const steps = ['claimIdempotencyKey', 'rotateGrant', 'keepIdempotentAnswer'] as const
  const crashes = steps.flatMap((step) => [[step, 'before'] as const, [step, 'after'] as const])

  /** The object dies with a message, before it did anything of it or after all of it. */
  const dyingIn = (step: (typeof steps)[number], when: 'before' | 'after') => {
    // On the prototype, for messages reach no other methods.
    const whole = TenantObject.prototype[step] as (...args: unknown[]) => Promise<unknown>
    const died = vi.fn()
    const half = async function (this: TenantObject, ...args: unknown[]) {
      if (when === 'after') await whole.apply(this, args)
      died()
      throw new Error('died')
    }
    vi.spyOn(TenantObject.prototype, step).mockImplementationOnce(half as never)
    return died
  }

  test.each(crashes)('in %s, %s it was done: the same request comes to one rotation', async (step, when) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const first = await makeGrant('acme', 'bot')
    const died = dyingIn(step, when)
    const lost = await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 600 }, undefined, SAME)
    expect(lost.status).toBe(503)
    expect(died).toHaveBeenCalledOnce()
    // Whatever was done, whoever has the old token is let in.
    expect(await opens(first)).toBe(true)
    await evictDurableObject(tenantObject('acme'))
    await evictDurableObject(principal('acme/bot'))
    const second = await rotate(600, SAME)
    expect(await rotate(600, SAME)).toBe(second)
    expect([await opens(first), await opens(second)]).toEqual([true, true])
    const [grant] = await tenantRows('acme', 'SELECT revision, pushed FROM grants')
    expect(grant?.pushed).toBe(grant?.revision)
    expect(await tenantRows('acme', "SELECT action FROM changes WHERE action = 'grant.rotate'")).toHaveLength(
      1,
    )
  })

  test('in the transaction: nothing of it is there, neither the secret nor the record', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const first = await makeGrant('acme', 'bot')
    const before = await tenantRows('acme', 'SELECT hex(secret_hash) AS hash, revision FROM grants')
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => {
      storage.sql.exec(`CREATE TRIGGER dying BEFORE INSERT ON changes WHEN new.action = 'grant.rotate'
        BEGIN SELECT RAISE(ABORT, 'died'); END`)
    })
    const lost = await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 600 }, undefined, SAME)
    expect(lost.status).toBe(503)
    await evictDurableObject(tenantObject('acme'))
    expect(await tenantRows('acme', 'SELECT hex(secret_hash) AS hash, revision FROM grants')).toEqual(before)
    expect(await tenantRows('acme', 'SELECT 1 FROM older_secrets')).toEqual([])
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => storage.sql.exec('DROP TRIGGER dying'))
    const second = await rotate(600, SAME)
    expect([await opens(first), await opens(second)]).toEqual([true, true])
  })

  test('in the principal, in its transaction: the old token alone is good, until it is told again', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const first = await makeGrant('acme', 'bot')
    await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
      storage.sql.exec(`CREATE TRIGGER dying AFTER UPDATE ON grants WHEN new.label = 'bot'
        BEGIN SELECT RAISE(ABORT, 'died'); END`)
    })
    const { status, body } = await admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 600 })
    const second = String(body?.token)
    expect([status, body?.pending]).toEqual([201, 1])
    expect([await opens(first), await opens(second)]).toEqual([true, false])
    const told = await admin('PUT', 'acme/grants/bot', { label: 'Other', policy: 'bot' })
    expect(told.body?.pending).toBe(0)
    expect([await opens(first), await opens(second)]).toEqual([true, true])
  })

  test('at the end of the overlap: the old token is good no longer, whether or not the alarm came', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const start = Date.now()
    const first = await makeGrant('acme', 'bot')
    const second = await rotate(60)
    await evictDurableObject(principal('acme/bot'))
    vi.setSystemTime(start + 60_000)
    expect([await opens(first), await opens(second)]).toEqual([false, true])
    await runDurableObjectAlarm(principal('acme/bot'))
    await evictDurableObject(principal('acme/bot'))
    expect([await opens(first), await opens(second)]).toEqual([false, true])
  })
})

/** What an exchange object stores of a tenant, and that it goes with the tenant. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { admin, makeGrant, tenantObject, tenantRows } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const HOUR = 3_600_000
const object = (name = 'a') => env.EXCHANGE.getByName(name)
const subscribe = async (name = 'a', isWatched = true, uri = 'file:///of-acme', tenant = 'acme') =>
  (
    await object(name).fetch('http://exchange/subscribe', {
      method: 'POST',
      body: JSON.stringify({ tenant, uri, isWatched }),
    })
  ).status
const stored = (name = 'a') =>
  runInDurableObject(object(name), async (_, { storage }) => ({
    keys: [...(await storage.list()).keys()],
    alarm: await storage.getAlarm(),
  }))
const NOTHING = { keys: [], alarm: null }
const known = async () => (await tenantRows('acme', 'SELECT id FROM exchanges')).length

/** What the tenant's object asks of exchange objects fails, or is done and its answer lost. */
const dying = (when: 'before' | 'after' | 'never') =>
  runInDurableObject(tenantObject('acme'), (instance) => {
    const fetch = async (id: DurableObjectId, url: string, init: RequestInit) => {
      if (when === 'after') await env.EXCHANGE.get(id).fetch(url, init)
      throw new Error('died')
    }
    const EXCHANGE = {
      idFromString: (id: string) => env.EXCHANGE.idFromString(id),
      get: (id: DurableObjectId) => ({ fetch: (url: string, init: RequestInit) => fetch(id, url, init) }),
    }
    Object.assign(instance, { env: when === 'never' ? env : { ...env, EXCHANGE } })
  })

describe('what a session watches', () => {
  test('goes with the tenant, of every session', async () => {
    await makeGrant('acme', 'bot')
    for (const name of ['a', 'b', 'c']) expect(await subscribe(name)).toBe(204)
    expect(await stored()).toEqual({ keys: ['resources', 'tenant'], alarm: expect.any(Number) })
    expect(await known()).toBe(3)
    expect((await admin('DELETE', 'acme')).status).toBe(200)
    for (const name of ['a', 'b', 'c']) expect(await stored(name)).toEqual(NOTHING)
  })

  test('is none of another tenant’s', async () => {
    await makeGrant('acme', 'bot')
    await makeGrant('globex', 'bot')
    await subscribe('theirs', true, 'file:///of-globex', 'globex')
    expect((await admin('DELETE', 'acme')).status).toBe(200)
    expect((await stored('theirs')).keys).toEqual(['resources', 'tenant'])
  })

  test.each(['before', 'after'] as const)('goes with the tenant after a crash %s it went', async (when) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await makeGrant('acme', 'bot')
    await subscribe()
    await dying(when)
    expect((await admin('DELETE', 'acme')).status).toBe(202)
    await dying('never')
    await runDurableObjectAlarm(tenantObject('acme'))
    expect([await stored(), (await admin('GET', 'acme')).status]).toEqual([NOTHING, 404])
  })

  test('is nothing new once the tenant is to go', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await makeGrant('acme', 'bot')
    await subscribe()
    await dying('before')
    await admin('DELETE', 'acme')
    expect(await subscribe('late')).toBe(503)
    expect(await stored('late')).toEqual(NOTHING)
  })

  test('is nothing where the tenant cannot be told of it', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await runInDurableObject(object(), (instance) => {
      const dead = { getByName: () => ({ keepExchange: () => Promise.reject(new Error('away')) }) }
      Object.assign(instance, { env: { ...env, TENANT: dead } })
    })
    expect(await subscribe()).toBe(503)
    expect(await stored()).toEqual(NOTHING)
  })

  test('is forgotten an hour after the last stream, by the tenant too, even if that was away', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await makeGrant('acme', 'bot')
    await subscribe()
    await subscribe('a', false)
    const away = (isAway: boolean) =>
      runInDurableObject(object(), (instance) => {
        const dead = { getByName: () => ({ dropExchange: () => Promise.reject(new Error('away')) }) }
        Object.assign(instance, { env: isAway ? { ...env, TENANT: dead } : env })
      })
    await away(true)
    const before = Date.now()
    await runDurableObjectAlarm(object())
    expect((await stored()).alarm).toBeGreaterThanOrEqual(before + HOUR)
    expect(await known()).toBe(1)
    await away(false)
    await runDurableObjectAlarm(object())
    expect([await stored(), await known()]).toEqual([NOTHING, 0])
  })

  test('is kept where there is no tenant yet, such as of the demo, and forgotten by itself', async () => {
    expect(await subscribe()).toBe(204)
    await runDurableObjectAlarm(object())
    expect(await stored()).toEqual(NOTHING)
  })
})

/** Tokens of stores under another key: sealed anew in steps, whatever interrupts them, and revoked with it afterwards. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import type { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { REVOCATION_RETRY_MS } from '../../../src/principal/work/sessions-revoking.ts'
import { admin, makeGrant, remains, tenantObject } from '../../support/admin.ts'
import { fresh, type Json, principal, rows } from '../../support/gateway.ts'
import { callWith, NEW, NEW_AND_OLD, OLD, objectsHave, principalHas, tenantHas } from '../../support/keys.ts'

const PRINCIPAL = 'acme/bot'
const REVOKE = '/integration/customer/revoke-customer-token'
let world = ''
let token = ''

const settings = (name = 'main') => ({
  identity: {
    magento: [{ name, base_url: `${inject('otherSide')}/magento/${world}/well`, customer: true }],
  },
})

beforeEach(async () => {
  world = crypto.randomUUID()
  await fresh()
  await admin('PUT', 'acme', settings())
  token = await makeGrant('acme', 'bot', undefined, { sessions: 'many' })
  await objectsHave(OLD)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const ana = {
  provider: 'magento-customer',
  username: 'ana@shop.example',
  password: 'right-password-of-a-store',
}
const login = async (keys = OLD) =>
  String((await callWith(keys, token, 'auth_login', ana))?.structuredContent?.session)
const logout = (session: string, keys = NEW) => callWith(keys, token, 'auth_logout', { session })
const rotate = async () => (await admin('POST', 'acme/secrets/rotate')).body as Json
const heard = async () =>
  (await (await fetch(`${inject('otherSide')}/magento/${world}/heard`)).json()) as {
    path: string
    authorization: string
  }[]
const tokensOf = async (path: string) =>
  (await heard()).filter((it) => it.path === path).map(({ authorization }) => authorization)
/** How many tokens each key has sealed. */
const sealedBy = async () => {
  const held = await rows<{ sealed: string; n: number }>(
    `SELECT substr(store_token, 1, 5) AS sealed, count(*) AS n FROM
       (SELECT store_token FROM sessions UNION ALL SELECT store_token FROM revocations)
     WHERE store_token IS NOT NULL GROUP BY 1 ORDER BY 1`,
    PRINCIPAL,
  )
  return Object.fromEntries(held.map(({ sealed, n }) => [sealed, n]))
}
const exec = (query: string) =>
  runInDurableObject(principal(PRINCIPAL), (_, { storage }) => void storage.sql.exec(query))
/** As many more sessions with the same token. */
const more = (count: number) =>
  exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO sessions (id, account, provider, started_at, last_seen_at, idle_ms, expires_at, ends_at, store, store_token)
    SELECT 'ses_more' || i, account, provider, started_at, last_seen_at, idle_ms, expires_at, ends_at, store, store_token
    FROM n, (SELECT * FROM sessions LIMIT 1)`)
/** A token that is waiting to be revoked, for ever. */
const waiting = () =>
  exec(`INSERT INTO revocations (store, store_token, retry_at, tries)
    SELECT store, store_token, 9e15, 0 FROM sessions LIMIT 1`)

describe('the key is another', () => {
  test('tokens of sessions, and those that wait to be revoked, are sealed with it, and still revoke what they did', async () => {
    const session = await login()
    await waiting()
    await objectsHave(NEW_AND_OLD)
    expect(await sealedBy()).toEqual({ 'v1.k1': 2 })
    const done = { key: 'k2', left: 0, stuck: 0, pending: 0, unknown: 0 }
    expect(await rotate()).toEqual({ ...done, resealed: 2 })
    expect(await sealedBy()).toEqual({ 'v1.k2': 2 })
    expect(await rotate()).toEqual({ ...done, resealed: 0 })
    await objectsHave(NEW)
    await exec('UPDATE revocations SET retry_at = 0')
    await logout(session)
    await principal(PRINCIPAL).drain()
    const [issued] = await tokensOf('/customers/me')
    expect(await tokensOf(REVOKE)).toEqual([issued, issued])
    expect(await rows('SELECT * FROM revocations', PRINCIPAL)).toEqual([])
  })

  test('one question does so many and no more; one that died has done what it did', async () => {
    await login()
    await more(1_199)
    await principalHas(NEW_AND_OLD)
    expect(await principal(PRINCIPAL).reseal('k2')).toEqual({
      ...{ kind: 'resealed', resealed: 500, left: 700, stuck: 0 },
    })
    await evictDurableObject(principal(PRINCIPAL))
    await objectsHave(NEW_AND_OLD)
    expect(await sealedBy()).toEqual({ 'v1.k1': 700, 'v1.k2': 500 })
    // The administrator's one request asks again by itself.
    expect(await rotate()).toMatchObject({ resealed: 700, left: 0, unknown: 0 })
    expect(await sealedBy()).toEqual({ 'v1.k2': 1_200 })
  })

  test('two at once, and sessions that end meanwhile, lose and double nothing', async () => {
    await login()
    await more(199)
    await principalHas(NEW_AND_OLD)
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await runInDurableObject(principal(PRINCIPAL), async (instance, { storage }) => {
      const both = [instance.reseal('k2'), instance.reseal('k2')]
      // What both have read is on its way to the key when it moves.
      storage.sql.exec(`INSERT INTO revocations (store, store_token, retry_at, tries)
        SELECT store, store_token, 9e15, 0 FROM sessions WHERE id LIKE 'ses_more1%'`)
      storage.sql.exec("UPDATE sessions SET store_token = NULL, ended_at = 1 WHERE id LIKE 'ses_more1%'")
      const went = await Promise.all(both)
      expect(went.map(({ kind }) => kind)).toEqual(['resealed', 'resealed'])
    })
    expect(await principal(PRINCIPAL).reseal('k2')).toMatchObject({ left: 0, stuck: 0 })
    expect(await sealedBy()).toEqual({ 'v1.k2': 200 })
  })

  test('what nothing opens is counted and left alone, and hides nothing that is behind it', async () => {
    await login()
    await more(699)
    await exec(`UPDATE sessions SET store_token = replace(store_token, 'v1.k1', 'v1.k0') WHERE rowid <= 600`)
    await objectsHave(NEW_AND_OLD)
    expect(await rotate()).toMatchObject({ resealed: 100, left: 600, stuck: 600 })
    expect(await sealedBy()).toEqual({ 'v1.k0': 600, 'v1.k2': 100 })
  })

  test('a token whose store is no more is such a one', async () => {
    await login()
    await admin('PUT', 'acme', settings('other'))
    await objectsHave(NEW_AND_OLD)
    expect(await rotate()).toMatchObject({ resealed: 0, left: 1, stuck: 1 })
    expect(await sealedBy()).toEqual({ 'v1.k1': 1 })
  })

  test('a principal that does not have it yet, or does not answer, is counted as unknown', async () => {
    await login()
    await tenantHas(NEW_AND_OLD)
    expect(await rotate()).toMatchObject({ resealed: 0, left: 0, unknown: 1 })
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const dead = { getByName: () => ({ reseal: () => Promise.reject(new Error('told to fail')) }) }
    await tenantHas({ ...NEW_AND_OLD, PRINCIPAL: dead as unknown as typeof env.PRINCIPAL })
    expect(await rotate()).toMatchObject({ resealed: 0, left: 0, unknown: 1 })
    expect(warn.mock.calls.map(String)).toEqual([expect.stringContaining('"event":"tenant.not_resealed"')])
    await objectsHave(NEW_AND_OLD)
    expect(await rotate()).toMatchObject({ resealed: 1, left: 0, unknown: 0 })
  })

  test('whoever is erased meanwhile is not brought back', async () => {
    await login()
    await more(199)
    await principalHas(NEW_AND_OLD)
    const left = await runInDurableObject(principal(PRINCIPAL), async (instance, { storage }) => {
      // Sealing takes so long that there is no table left to write to.
      let erased: Promise<void> = Promise.resolve()
      const encrypt = crypto.subtle.encrypt.bind(crypto.subtle)
      vi.spyOn(crypto.subtle, 'encrypt').mockImplementation(async (...it) => {
        await erased
        return encrypt(...it)
      })
      await instance.revoke()
      const resealing = instance.reseal('k2')
      erased = instance.erase()
      const went = await resealing
      const tables = storage.sql.exec(
        "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      return { went, tables: tables.toArray() }
    })
    expect(left).toEqual({ went: { kind: 'resealed', resealed: 0, left: 0, stuck: 0 }, tables: [] })
  })

  test('each grant of the tenant is asked, and none of another', async () => {
    await login()
    await Promise.all(Array.from({ length: 20 }, (_, i) => makeGrant('acme', `bot-${i}`)))
    await makeGrant('other', 'bot')
    const asked: string[] = []
    const recording = {
      getByName: (name: string) => ({
        reseal: async () => {
          asked.push(name)
          return { kind: 'resealed', resealed: 0, left: 0, stuck: 0 }
        },
      }),
    }
    await tenantHas({ ...NEW_AND_OLD, PRINCIPAL: recording as unknown as typeof env.PRINCIPAL })
    expect(await rotate()).toMatchObject({ unknown: 0 })
    const expected = ['acme/bot', ...Array.from({ length: 20 }, (_, i) => `acme/bot-${i}`)]
    expect(asked.toSorted()).toEqual(expected.toSorted())
  })
})

test('that principals were asked is carried to the audit trail soon', async () => {
  await objectsHave(NEW_AND_OLD)
  await rotate()
  await runDurableObjectAlarm(tenantObject('acme'))
  const alarmInMs = async () => Number((await remains(tenantObject('acme'))).alarm) - Date.now()
  expect(await alarmInMs()).toBeGreaterThan(60_000)
  // Nothing of the tenant's own is left to seal.
  await rotate()
  expect(await alarmInMs()).toBeLessThanOrEqual(10_000)
})

describe('a token whose key has gone', () => {
  const gone = `UPDATE sessions SET store_token = replace(store_token, 'v1.k1', 'v1.k0') WHERE id = `

  test('keeps nobody else’s from being revoked, and is given up after a few tries', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.useFakeTimers({ toFake: ['Date'] })
    const sessions = [await login(), await login(), await login()]
    await exec(`${gone}'${sessions[0]}'`)
    for (const session of sessions) await logout(session, OLD)
    await principal(PRINCIPAL).drain()
    expect(await tokensOf(REVOKE)).toEqual((await tokensOf('/customers/me')).slice(1))
    expect(await rows('SELECT tries FROM revocations', PRINCIPAL)).toEqual([{ tries: 1 }])
    for (let i = 0; i < 4; i++) {
      vi.setSystemTime(Date.now() + REVOCATION_RETRY_MS)
      await runDurableObjectAlarm(principal(PRINCIPAL))
      await principal(PRINCIPAL).drain()
    }
    expect(await rows('SELECT * FROM revocations', PRINCIPAL)).toEqual([])
    const said = warn.mock.calls.map(String).filter((line) => line.includes('token_not_revoked'))
    expect(said).toEqual([expect.stringContaining('"reason":"unknown_key"')])
  })

  test('is revoked after all where the key comes back in time', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const session = await login()
    await principalHas(NEW)
    await logout(session, NEW)
    await principal(PRINCIPAL).drain()
    expect(await tokensOf(REVOKE)).toEqual([])
    await principalHas(NEW_AND_OLD)
    vi.setSystemTime(Date.now() + REVOCATION_RETRY_MS)
    await principal(PRINCIPAL).drain()
    expect(await tokensOf(REVOKE)).toEqual(await tokensOf('/customers/me'))
  })
})

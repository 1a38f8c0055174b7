/** When a grant was last used: whatever was decided of a request counts, whether its row is here or has been carried. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { schemaVersion } from '../../../src/principal/tables/schema.ts'
import { admin, makeGrant } from '../../support/admin.ts'
import { fresh, principal, rows, settled, statelessCall } from '../../support/gateway.ts'
import { WITHOUT_DECIDED } from '../earlier-schema.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const BOT = 'acme/bot'

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => vi.useRealTimers())

const lastUsed = async () => (await admin('GET', 'acme/grants/bot')).body?.last_used_at
const at = (afterMs: number) => new Date(START + afterMs).toISOString()

/** A call, so many milliseconds after the start. */
async function call(token: string, tool: string, afterMs: number): Promise<void> {
  vi.setSystemTime(START + afterMs)
  await statelessCall(tool, {}, { token })
  await settled(BOT)
}

/** Carries all rows, and lets them go here. */
async function carry(afterMs: number): Promise<void> {
  vi.setSystemTime(START + afterMs)
  await runDurableObjectAlarm(principal(BOT))
  await principal(BOT).auditSettled()
  expect(await rows('SELECT count(*) AS n FROM audit', BOT)).toEqual([{ n: 0 }])
}

test('a call that was denied counts, and still does when its row is gone', async () => {
  const token = await makeGrant('acme', 'bot', { version: '1', default: 'deny' })
  expect(await lastUsed()).toBeNull()
  await call(token, 'auth_whoami', 1_000)
  expect(await lastUsed()).toBe(at(1_000))
  await carry(200_000)
  expect(await lastUsed()).toBe(at(1_000))
  expect((await admin('GET', 'acme/grants')).body?.items).toMatchObject([{ last_used_at: at(1_000) }])
  await call(token, 'auth_whoami', 300_000)
  expect(await lastUsed()).toBe(at(300_000))
})

test('a call that was allowed counts, without a session and when its row is gone', async () => {
  const token = await makeGrant('acme', 'bot')
  await call(token, 'auth_whoami', 1_000)
  await carry(200_000)
  expect(await lastUsed()).toBe(at(1_000))
})

test('the end of a session is no use of the grant', async () => {
  const token = await makeGrant('acme', 'bot')
  await admin('PUT', 'acme', { identity: { trusted: true } })
  vi.setSystemTime(START + 1_000)
  await statelessCall('auth_login', { provider: 'trusted', account_id: 'ana' }, { token })
  await settled(BOT)
  vi.setSystemTime(START + 5_000)
  await admin('POST', 'acme/grants/bot/sessions/end', {})
  expect(await rows("SELECT at FROM audit WHERE decision = 'end'", BOT)).toHaveLength(1)
  expect(await lastUsed()).toBe(at(1_000))
  await carry(200_000)
  expect(await lastUsed()).toBe(at(1_000))
})

test('a grant that was deleted and made again has not been used', async () => {
  const token = await makeGrant('acme', 'bot')
  await call(token, 'auth_whoami', 1_000)
  await admin('DELETE', 'acme/grants/bot')
  await makeGrant('acme', 'bot')
  expect(await lastUsed()).toBeNull()
  await carry(200_000)
  expect(await lastUsed()).toBeNull()
})

test('an object from before this was kept goes on with what its rows say', async () => {
  const token = await makeGrant('acme', 'bot')
  await call(token, 'auth_whoami', 1_000)
  await runInDurableObject(principal(BOT), (_, { storage: { sql } }) => {
    sql.exec(WITHOUT_DECIDED)
    expect(schemaVersion(sql)).toBe(21)
  })
  await evictDurableObject(principal(BOT))
  expect(await lastUsed()).toBe(at(1_000))
  await carry(200_000)
  expect(await lastUsed()).toBe(at(1_000))
})

/** A tenant's object and its counters delete old rows in turns with what they are asked, and all of them in the end. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Charge } from '../../../src/policy/model.ts'
import { makeGrant, tenantObject } from '../../support/admin.ts'
import { fresh } from '../../support/gateway.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const DAY = 24 * 3_600_000

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => vi.useRealTimers())

const tenant = () => tenantObject('acme')
const counters = () => env.TENANT_COUNTERS.getByName('acme')

/** Rows of numbers from 1 on. */
const numbers = (many: number) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})`

describe('messages that were delivered long ago', () => {
  const many = (rows: number) =>
    runInDurableObject(tenant(), (_, { storage }) => {
      storage.sql.exec(
        `${numbers(rows)} INSERT INTO webhook_messages (id, webhook, at, type, body, state, give_up_at, settled_at)
         SELECT 'm' || i, 'hook', 0, 'x', '', 'delivered', 0, ${START - 8 * DAY} FROM n`,
      )
      return storage.setAlarm(START)
    })
  const left = () =>
    runInDurableObject(
      tenant(),
      (_, { storage: { sql } }) =>
        sql.exec<{ n: number }>('SELECT count(*) AS n FROM webhook_messages').one().n,
    )
  const alarmAt = () => runInDurableObject(tenant(), (_, { storage }) => storage.getAlarm())

  test('go, and the tenant answers between two rounds', async () => {
    await makeGrant('acme', 'bot')
    await many(9_000)
    const ringing = runDurableObjectAlarm(tenant())
    let seen = 9_000
    while (seen === 9_000) seen = (await tenant().exists()) ? await left() : 0
    expect(seen).toBeGreaterThan(0)
    await ringing
    expect(await left()).toBe(0)
  })

  test('go by several alarms where they are very many, each at once after the other', async () => {
    await makeGrant('acme', 'bot')
    await many(10_050)
    await runDurableObjectAlarm(tenant())
    expect([await left(), await alarmAt()]).toEqual([50, START])
    await runDurableObjectAlarm(tenant())
    expect(await left()).toBe(0)
    expect(await alarmAt()).toBeGreaterThan(START)
  })
})

describe('counters that nothing asks for', () => {
  const charge: Charge = {
    rule: '/r',
    counter: 'c',
    key: 'k',
    window: { lengthMs: 60_000, sliding: false },
    scope: 'tenant',
    max: '10',
    strict: false,
    amount: '1',
    unit: 'calls',
    message: null,
    shadow: false,
  }
  const many = (rows: number) =>
    runInDurableObject(counters(), (_, { storage: { sql } }) => {
      sql.exec(`${numbers(rows)} INSERT INTO counters SELECT 'old_' || i, 0, '1', ${START - 2 * DAY} FROM n`)
    })
  const left = () =>
    runInDurableObject(
      counters(),
      (_, { storage: { sql } }) =>
        sql.exec<{ n: number }>("SELECT count(*) AS n FROM counters WHERE key LIKE 'old_%'").one().n,
    )
  const alarmAt = () => runInDurableObject(counters(), (_, { storage }) => storage.getAlarm())

  test('go in rounds and by several alarms, and what is counted stays', async () => {
    expect((await counters().reserve([charge])).ok).toBe(true)
    await many(10_050)
    const ringing = runDurableObjectAlarm(counters())
    let seen = 10_050
    while (seen === 10_050) seen = await left()
    expect(seen).toBeGreaterThan(0)
    expect((await counters().reserve([charge])).ok).toBe(true)
    await ringing
    expect([await left(), await alarmAt()]).toEqual([50, START])
    await runDurableObjectAlarm(counters())
    expect(await left()).toBe(0)
    expect(await alarmAt()).toBe(START + 3_600_000)
    expect((await counters().reserve([{ ...charge, max: '3' }])).ok).toBe(true)
    expect((await counters().reserve([{ ...charge, max: '3' }])).ok).toBe(false)
  })

  test('of a tenant that is deleted meanwhile leave nothing behind', async () => {
    await counters().reserve([charge])
    await many(9_000)
    const ringing = runDurableObjectAlarm(counters())
    let seen = 9_000
    while (seen === 9_000) seen = await left()
    await counters().erase()
    await ringing
    expect(await alarmAt()).toBeNull()
    const tables = await runInDurableObject(counters(), (_, { storage: { sql } }) =>
      sql.exec("SELECT name FROM sqlite_master WHERE name = 'counters'").toArray(),
    )
    expect(tables).toEqual([])
  })
})

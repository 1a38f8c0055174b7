/** A change that concerns thousands of grants: told in rounds, and said honestly how far it has come. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { admin, tenantObject, tenantRows } from '../../support/admin.ts'
import { fresh, principal } from '../../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const MANY = 2_000
const name = (i: number) => `bot-${String(i).padStart(4, '0')}`

/** Grants under policy `main` whose principals know all there is to know. */
async function grants(count: number): Promise<void> {
  await admin('PUT', 'acme/policies/main', { version: '1', default: 'allow' })
  await tenantRows(
    'acme',
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})
     INSERT INTO grants (name, label, policy, servers, secret_hash, origin, created_at, updated_at, revision, pushed)
     SELECT 'bot-' || substr('000' || i, -4), '', 'main', '[]', randomblob(32), 'tenant', 1, 1, 1, 1 FROM n`,
  )
}

interface Told {
  readonly grant: string
  readonly isSuspended: boolean
}

/** Puts others in the place of principals. Answers what they were told, in that order. */
async function standIns(
  answer: (grant: string) => 'at once' | 'failing' | 'never',
): Promise<readonly Told[]> {
  const told: Told[] = []
  await runInDurableObject(tenantObject('acme'), (instance) => {
    const getByName = (object: string) => ({
      installGrant: async ({ config }: { config: { suspended?: true } }) => {
        const grant = object.slice('acme/'.length)
        const how = answer(grant)
        if (how === 'failing') throw new Error('told to fail')
        if (how === 'never') await new Promise(() => {})
        told.push({ grant, isSuspended: config.suspended === true })
      },
    })
    Object.assign(instance, { env: { ...env, PRINCIPAL: { getByName } } })
  })
  return told
}

/** Whether a principal that was really told knows of the suspension. */
const knows = (grant: string) =>
  runInDurableObject(principal(`acme/${grant}`), (_, { storage: { sql } }) => {
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'grants'").toArray().length === 0) return false
    const { config } = sql.exec<{ config: string }>('SELECT config FROM grants').one()
    return (JSON.parse(config) as { suspended?: true }).suspended === true
  })
const knowing = async (count: number) => {
  let known = 0
  for (let i = 0; i < count; i++) if (await knows(name(i))) known++
  return known
}
const pending = async () => (await admin('GET', 'acme')).body?.pending
const alarmAt = () => runInDurableObject(tenantObject('acme'), (_, state) => state.storage.getAlarm())
const namesOf = (told: readonly Told[]) => told.map(({ grant }) => grant)

describe('two thousand grants', () => {
  test('are suspended, every one, when the suspension is answered', async () => {
    await grants(MANY)
    const told = await standIns(() => 'at once')
    const began = performance.now()
    const { status, body } = await admin('POST', 'acme/suspend')
    console.info(`${MANY} grants told in ${Math.round(performance.now() - began)} ms`)
    expect([status, body?.told, body?.pending]).toEqual([200, MANY, 0])
    expect(new Set(namesOf(told)).size).toBe(MANY)
    expect(await pending()).toBe(0)
  }, 60_000)

  test('or six hundred with their principals: all of them come to know', async () => {
    const count = 600
    await grants(count)
    const began = performance.now()
    const { body } = await admin('POST', 'acme/suspend')
    console.info(`${body?.told} of ${count} principals told in ${Math.round(performance.now() - began)} ms`)
    expect(Number(body?.told)).toBeGreaterThan(0)
    // Whom the answer counts did know; alarms may have told others since.
    expect(await knowing(count)).toBeGreaterThanOrEqual(Number(body?.told))
    // Each alarm is followed by the next.
    while ((await pending()) !== 0) await scheduler.wait(50)
    expect(await knowing(count)).toBe(count)
  }, 120_000)

  test('of which some fail: all others know, the answer says how many do not, and those alone are told again', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.useFakeTimers({ toFake: ['Date'] })
    await grants(MANY)
    let isBack = false
    const told = await standIns((grant) => (grant.endsWith('7') && !isBack ? 'failing' : 'at once'))
    const { body } = await admin('POST', 'acme/suspend')
    expect([body?.told, body?.pending]).toEqual([1_800, 200])
    expect(new Set(namesOf(told)).size).toBe(1_800)
    expect(await pending()).toBe(200)
    expect(await alarmAt()).toBe(Date.now() + 5_000)
    isBack = true
    vi.setSystemTime(Date.now() + 5_000)
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await pending()).toBe(0)
    expect(told).toHaveLength(MANY)
    expect(told.every(({ isSuspended }) => isSuspended)).toBe(true)
  }, 60_000)

  test('are told by alarms that follow at once, where the time for the answer is over', async () => {
    await grants(1_200)
    vi.useFakeTimers({ toFake: ['Date'] })
    const told = await standIns(() => {
      vi.setSystemTime(Date.now() + 50)
      return 'at once'
    })
    const { body } = await admin('POST', 'acme/suspend')
    // The alarm is due at the time that was moved on to, so it has not rung yet.
    expect([body?.told, body?.pending]).toEqual([told.length, 1_200 - told.length])
    expect(told.length).toBeGreaterThan(0)
    expect(told.length).toBeLessThan(600)
    // Nobody has failed, so nobody waits: each alarm is followed by the next.
    while ((await pending()) !== 0) {
      await runDurableObjectAlarm(tenantObject('acme'))
      await scheduler.wait(1)
    }
    expect(new Set(namesOf(told)).size).toBe(1_200)
  }, 60_000)
})

describe('whoever cannot be told', () => {
  test('comes after all others with the next change, so that it keeps nobody waiting', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await grants(600)
    const dead = (grant: string) => grant < name(550)
    let isBack = false
    const told = await standIns((grant) => (dead(grant) && !isBack ? 'failing' : 'at once'))
    expect((await admin('POST', 'acme/suspend')).body).toMatchObject({ told: 50, pending: 550 })
    isBack = true
    const before = told.length
    expect((await admin('POST', 'acme/resume')).body).toMatchObject({ told: 600, pending: 0 })
    const order = namesOf(told.slice(before))
    expect(order.slice(0, 50).some(dead)).toBe(false)
    expect(order.slice(50).every(dead)).toBe(true)
  }, 60_000)

  test('and does not answer keeps nobody else waiting for longer than a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await grants(40)
    const told = await standIns((grant) => (grant < name(16) ? 'never' : 'at once'))
    const asked = admin('POST', 'acme/suspend')
    while (vi.getTimerCount() < 16) await scheduler.wait(1)
    expect(told).toEqual([])
    await runInDurableObject(tenantObject('acme'), () => vi.advanceTimersByTimeAsync(1_000))
    while (told.length < 24) await scheduler.wait(1)
    await runInDurableObject(tenantObject('acme'), () => vi.advanceTimersByTimeAsync(9_000))
    expect((await asked).body).toMatchObject({ told: 24, pending: 16 })
  })

  test('is told again when the object that was telling died on its way', async () => {
    await grants(600)
    await standIns(() => 'at once')
    await tenantRows('acme', 'UPDATE grants SET revision = revision + 1')
    await runInDurableObject(tenantObject('acme'), (_, state) => state.storage.deleteAlarm())
    await evictDurableObject(tenantObject('acme'))
    await tenantObject('acme').tenant()
    while ((await pending()) !== 0) await scheduler.wait(10)
    expect(await tenantRows('acme', 'SELECT 1 FROM grants WHERE tries > 0')).toEqual([])
  }, 60_000)
})

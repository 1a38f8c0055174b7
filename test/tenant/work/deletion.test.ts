/** A tenant with hundreds of grants that goes away: nobody gets in any more, whoever else has to be waited for. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { admin, remains, tenantObject, tenantRows } from '../../support/admin.ts'
import { fresh } from '../../support/gateway.ts'

const DAY = 86_400_000
const name = (i: number) => `bot-${String(i).padStart(4, '0')}`

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** A tenant whose alarms do not ring by themselves, for they are a day away. */
async function tenant(principals: number, exchanges = 0): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(Date.now() + DAY)
  await admin('PUT', 'acme', {})
  const many = (count: number, what: string) =>
    `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1}) ${what} FROM n`
  const grants = `INSERT INTO audit_principals (name) SELECT 'bot-' || substr('000' || i, -4)`
  await tenantRows('acme', many(principals, grants))
  if (exchanges > 0)
    await tenantRows('acme', many(exchanges, "INSERT INTO exchanges SELECT printf('%064x', i + 1)"))
}

type Step = 'installGrant' | 'revoke' | 'leave' | 'erase'
type Way = 'at once' | 'waits for Legiti' | 'never'

/** Puts others in the place of principals and exchanges. Answers what they were asked, in that order. */
async function standIns(way: (step: Step, grant: string) => Way = () => 'at once'): Promise<string[]> {
  const asked: string[] = []
  const principal = (grant: string) => {
    const step = (step: Step) => async () => {
      asked.push(`${step} ${grant}`)
      const how = way(step, grant)
      if (how === 'never') await new Promise(() => {})
      return { undelivered: how === 'waits for Legiti' ? 1 : 0, dead: 0 }
    }
    return {
      installGrant: step('installGrant'),
      revoke: step('revoke'),
      leave: step('leave'),
      erase: step('erase'),
    }
  }
  const exchange = (id: string) => ({
    fetch: async () => {
      asked.push(`exchange ${id}`)
      return new Response(null, { status: 204 })
    },
  })
  await runInDurableObject(tenantObject('acme'), (instance) => {
    const PRINCIPAL = { getByName: (object: string) => principal(object.slice('acme/'.length)) }
    const EXCHANGE = { idFromString: (id: string) => id, get: exchange }
    Object.assign(instance, { env: { ...env, PRINCIPAL, EXCHANGE } })
  })
  return asked
}

const only = (asked: readonly string[], step: Step) =>
  new Set(asked.filter((it) => it.startsWith(`${step} `)).map((it) => it.slice(step.length + 1)))
const alarmAt = async () => (await remains(tenantObject('acme'))).alarm
const ring = () => runDurableObjectAlarm(tenantObject('acme'))

describe('a thousand grants, with Legiti away', () => {
  test('are all revoked at once, before anybody is waited for', async () => {
    await tenant(1_000)
    const asked = await standIns(() => 'waits for Legiti')
    const { status, body } = await admin('DELETE', 'acme')
    expect([status, body]).toMatchObject([202, { deletion: { principals: 1_000 } }])
    for (let rounds = 1; only(asked, 'revoke').size < 1_000; rounds++) {
      expect([only(asked, 'revoke').size, only(asked, 'leave').size]).toEqual([400 * rounds, 0])
      expect(await alarmAt()).toBe(Date.now())
      await ring()
    }
    // Only then are there pauses.
    expect(await alarmAt()).toBe(Date.now() + 5_000)
  })

  test('are all asked to leave, one after the other, and nobody twice before everybody was once', async () => {
    await tenant(1_000)
    const asked = await standIns(() => 'waits for Legiti')
    await admin('DELETE', 'acme')
    while (only(asked, 'leave').size < 1_000) {
      const before = asked.length
      await ring()
      expect(asked.length).toBeGreaterThan(before)
    }
    const leaves = asked.filter((it) => it.startsWith('leave '))
    expect(new Set(leaves.slice(0, 1_000)).size).toBe(1_000)
  })
})

test('a thousand grants and a thousand exchanges go without a pause, and no round asks more than it may', async () => {
  vi.spyOn(console, 'info').mockImplementation(() => {})
  await tenant(1_000, 1_000)
  const asked = await standIns()
  await admin('DELETE', 'acme')
  let [before, most] = [0, 0]
  for (let rounds = 0; rounds < 12; rounds++) {
    most = Math.max(most, asked.length - before)
    before = asked.length
    const alarm = await alarmAt()
    if (alarm === null) break
    expect(alarm).toBe(Date.now())
    await ring()
  }
  expect(most).toBeLessThanOrEqual(900)
  expect(asked).toHaveLength(3 * 1_000 + 1_000)
  expect(await remains(tenantObject('acme'))).toEqual({ tables: [], alarm: null })
})

test('a round ends in time, and those it has not come to are asked at once in the next', async () => {
  await tenant(100)
  const asked = await standIns((step) => {
    if (step === 'revoke') vi.setSystemTime(Date.now() + 1_000)
    return 'waits for Legiti'
  })
  expect((await admin('DELETE', 'acme')).status).toBe(202)
  for (let before = 0; only(asked, 'revoke').size < 100; ) {
    const now = only(asked, 'revoke').size
    // Those who were being asked at the same time are asked to the end.
    expect(now - before).toBeGreaterThanOrEqual(25)
    expect(now - before).toBeLessThan(25 + 16)
    expect([only(asked, 'leave').size, await alarmAt()]).toEqual([0, Date.now()])
    before = now
    await ring()
  }
  expect(asked.filter((it) => it.startsWith('revoke '))).toHaveLength(100)
})

describe('whoever does not answer', () => {
  /** Answers the DELETE once nobody is waited for any longer. */
  async function deleted(waited: () => boolean) {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const asking = admin('DELETE', 'acme')
    while (!waited()) await scheduler.wait(1)
    await runInDurableObject(tenantObject('acme'), () => vi.advanceTimersByTimeAsync(10_000))
    return (await asking).body
  }

  test.each(['revoke', 'leave', 'erase'] as const)('to %s keeps nobody else waiting', async (step) => {
    await tenant(40)
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() })
    let isDead = true
    const asked = await standIns((it, grant) =>
      isDead && it === step && grant === name(0) ? 'never' : 'at once',
    )
    const body = await deleted(() => only(asked, step).size === 40)
    expect(body).toMatchObject({ deletion: { principals: 1 } })
    expect(await alarmAt()).toBe(Date.now() + 5_000)
    isDead = false
    vi.spyOn(console, 'info').mockImplementation(() => {})
    await ring()
    expect(await remains(tenantObject('acme'))).toEqual({ tables: [], alarm: null })
  })

  test('to an earlier push is not brought back by it, and keeps nobody else waiting', async () => {
    await tenant(40)
    await admin('PUT', 'acme/grants/bot-0000', {})
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() })
    const asked = await standIns((it) => (it === 'installGrant' ? 'never' : 'at once'))
    const changing = admin('PUT', 'acme/grants/bot-0000', { label: 'slow' })
    while (only(asked, 'installGrant').size === 0) await scheduler.wait(1)
    const body = await deleted(() => only(asked, 'revoke').size === 39)
    expect(body).toMatchObject({ deletion: { principals: 1 } })
    expect(only(asked, 'erase').size).toBe(39)
    expect(asked).not.toContain(`revoke ${name(0)}`)
    await changing
  })
})

test('the next round comes in time, however much is reported of a tenant that goes', async () => {
  await tenant(1)
  await standIns(() => 'waits for Legiti')
  await admin('DELETE', 'acme')
  const dueMs = Date.now() + 5_000
  for (let second = 0; second < 7; second++) {
    await tenantObject('acme').receiveAnnouncements([])
    expect(await alarmAt()).toBe(Math.max(dueMs, Date.now()))
    vi.setSystemTime(Date.now() + 1_000)
  }
})

/** A principal whose deployment has no Legiti: nothing is queued, and what an earlier deployment has queued is kept. */
import { runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { Commits } from '../../src/durable/commits.ts'
import type { LegitiSettings } from '../../src/legiti/settings.ts'
import { readDestination } from '../../src/principal/tables/destination.ts'
import { end } from '../../src/principal/tables/ending.ts'
import { enqueue } from '../../src/principal/tables/outbox.ts'
import { liveSessions } from '../../src/principal/tables/sessions.ts'
import { deliver } from '../../src/principal/work/delivery.ts'
import { nextDeliveryMs } from '../../src/principal/work/housekeeping.ts'
import { inLog } from '../support/decision-log.ts'
import { connect, fresh, principal, rows, stateless } from '../support/gateway.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const DAY = 86_400_000
const said: string[] = []

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  said.length = 0
  for (const level of ['warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((line) => void said.push(String(line)))
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Has the principal deliver what it has. */
async function deliverTo(target: LegitiSettings['target']): Promise<void> {
  await runInDurableObject(principal(), async (_, { storage }) => {
    const commits = new Commits(storage)
    await deliver({
      sql: storage.sql,
      principal: 'demo/agent',
      settings: { profile: 'collection', reportLogins: true, target },
      incarnation: crypto.randomUUID(),
      commit: (work) => commits.run(work),
      now: () => Date.now(),
      random: () => 0.5,
    })
  })
}

const queue = (...accounts: string[]) =>
  runInDurableObject(principal(), (_, { storage: { sql } }) => {
    for (const account of accounts)
      enqueue(sql, {
        id: `e:${account}`,
        tool: 'track_logout',
        args: { account_id: account },
        occurredAtMs: Date.now(),
      })
  })
const events = () => rows('SELECT state, attempts FROM outbox ORDER BY seq')
const OFF = { kind: 'off' } as const
const live = () => ({ kind: 'live', baseUrl: `${inject('otherSide')}/echo`, apiKey: 'k' }) as const

describe('events of a time in which there was Legiti', () => {
  beforeEach(async () => {
    await stateless('server/discover')
    await queue('ana', 'bea')
  })

  test('have their time again once there is Legiti, however many they are, though each was too old', async () => {
    await queue(...Array.from({ length: 250 }, (_, i) => `a${i}`))
    await deliverTo(OFF)
    vi.setSystemTime(START + 4 * DAY)
    await deliverTo(live())
    expect(await rows('SELECT state, count(*) AS n FROM outbox GROUP BY state')).toEqual([
      { state: 'delivered', n: 252 },
    ])
  })

  test('are neither tried nor given up, and are looked at once a day', async () => {
    for (const day of [0, 1, 4, 40]) {
      vi.setSystemTime(START + day * DAY)
      await deliverTo(OFF)
      await deliverTo(OFF)
      expect(await events()).toEqual([
        { state: 'pending', attempts: 0 },
        { state: 'pending', attempts: 0 },
      ])
      const next = await runInDurableObject(principal(), (_, { storage: { sql } }) =>
        nextDeliveryMs(sql, 'x', Date.now()),
      )
      expect(next).toBe(Date.now() + DAY)
    }
    expect(said).toHaveLength(4)
    expect(JSON.parse(said[0] ?? '')).toMatchObject({
      event: 'legiti.held',
      principal: 'demo/agent',
      events: 2,
    })
    expect(await rows('SELECT type FROM announcements')).toEqual([])
  })

  test('are sent when there is Legiti again, however late, in their order and once', async () => {
    await deliverTo(OFF)
    vi.setSystemTime(START + 40 * DAY)
    await deliverTo(live())
    expect(await events()).toEqual([
      { state: 'delivered', attempts: 1 },
      { state: 'delivered', attempts: 1 },
    ])
  })

  test('have all of their time again, should Legiti fail then', async () => {
    await deliverTo(OFF)
    vi.setSystemTime(START + 40 * DAY)
    const failing = { ...live(), baseUrl: `${inject('otherSide')}/status/500` }
    await deliverTo(failing)
    expect(await events()).toMatchObject([{ state: 'pending' }, { state: 'pending' }])
    vi.setSystemTime(START + 43 * DAY - 1)
    await deliverTo(failing)
    expect(await events()).toMatchObject([{ state: 'pending' }, { state: 'pending' }])
    vi.setSystemTime(START + 43 * DAY)
    await deliverTo(failing)
    expect(await events()).toMatchObject([{ state: 'dead' }, { state: 'dead' }])
  })

  test('do not stand still for a key that is missing: that is an outage, and its time runs', async () => {
    const unconfigured = { kind: 'unconfigured', why: 'the secret LEGITI_API_KEY is not set' } as const
    await deliverTo(unconfigured)
    vi.setSystemTime(START + 3 * DAY)
    await deliverTo(unconfigured)
    expect(await events()).toMatchObject([{ state: 'dead' }, { state: 'dead' }])
  })
})

test('without events nothing is written or said', async () => {
  await stateless('server/discover')
  const before = await runInDurableObject(principal(), (_, { storage: { sql } }) => readDestination(sql))
  await deliverTo(OFF)
  expect(await runInDurableObject(principal(), (_, { storage: { sql } }) => readDestination(sql))).toEqual(
    before,
  )
  expect(said).toEqual([])
})

test.each([
  [true, 1],
  [false, 0],
])('an end of a session queues its logout where Legiti is told: %s', async (hasLegiti, queued) => {
  const client = await connect()
  await client.login('ana')
  await runInDurableObject(principal(), (_, { storage }) => {
    const { sql } = storage
    sql.exec('DELETE FROM outbox')
    inLog(storage, (decisionLog) => {
      for (const session of liveSessions(sql, 100))
        expect(end({ sql, decisionLog, hasLegiti }, session, 'logout', Date.now())).toBe(true)
    })
  })
  expect(await rows('SELECT 1 FROM outbox')).toHaveLength(queued)
  expect(await rows("SELECT account, rule FROM audit WHERE decision = 'end'")).toEqual([
    { account: 'ana', rule: '(logout)' },
  ])
})

/** Housekeeping of a principal takes turns with its calls, and whatever interrupts it, all of it is done in the end. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  fresh,
  installGrant,
  principal,
  rows,
  settled,
  stateless,
  statelessCall,
} from '../../support/gateway.ts'

const NAME = 'acme/bot'
const START = Date.parse('2030-01-01T00:00:00Z')
const DAY = 24 * 3_600_000

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const within = <T>(work: (sql: SqlStorage, state: DurableObjectState) => T) =>
  runInDurableObject(principal(NAME), (_, state) => work(state.storage.sql, state))
const count = async (what: string) =>
  (await rows<{ n: number }>(`SELECT count(*) AS n FROM ${what}`, NAME))[0]?.n ?? 0
const alarmAt = () => runInDurableObject(principal(NAME), (_, { storage }) => storage.getAlarm())
const ring = () => runDurableObjectAlarm(principal(NAME))

/** The principal's counters that nothing asks for any more. */
const OLD = "counters WHERE key LIKE 'old_%'"
const putOld = (many: number) =>
  within((sql) => {
    sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many})
       INSERT INTO counters (key, window_start, used, window_end) SELECT 'old_' || i, 0, '1', ${START - 2 * DAY} FROM n`,
    )
  })

/** Has the object die as soon as something is so: looked at in the object itself, between two rounds. */
const dieOnce = (query: string) =>
  runInDurableObject(principal(NAME), async (_, state) => {
    while (state.storage.sql.exec<{ yes: number }>(query).one().yes === 0)
      await new Promise((resolve) => setTimeout(resolve, 1))
    state.abort('died')
  }).catch(() => {})

/** Does something again and again until `work` has ended. */
async function meanwhile<T>(work: Promise<unknown>, look: () => Promise<T>): Promise<T[]> {
  let isOver = false
  const ends = work.finally(() => {
    isOver = true
  })
  const seen: T[] = []
  while (!isOver) seen.push(await look())
  await ends
  return seen
}

describe('rows whose time is over', () => {
  test('all go, and calls are answered between two rounds', async () => {
    const token = await installGrant('acme', 'bot')
    await stateless('ping', {}, { token })
    await putOld(5_000)
    const seen = await meanwhile(ring(), async () => {
      const { status } = await statelessCall('auth_whoami', {}, { token })
      return { status, left: await count(OLD) }
    })
    expect(await count(OLD)).toBe(0)
    expect(seen.every(({ status }) => status === 200)).toBe(true)
    expect(
      new Set(seen.map(({ left }) => left).filter((left) => left > 0 && left < 5_000)).size,
    ).toBeGreaterThan(0)
  })

  test('are left to the next alarm, which follows at once, where one alarm has done its share', async () => {
    await installGrant('acme', 'bot')
    await putOld(10_050)
    await within((_, { storage }) => storage.setAlarm(START))
    await ring()
    expect([await count(OLD), await alarmAt()]).toEqual([50, START])
    await ring()
    expect([await count(OLD), await alarmAt()]).toEqual([0, null])
  })

  test('go all the same where the object dies between two rounds', async () => {
    await installGrant('acme', 'bot')
    await putOld(1_000)
    await within((_, { storage }) => storage.setAlarm(START))
    const died = ring().catch(() => 'died')
    await dieOnce(`SELECT count(*) < 1000 AS yes FROM ${OLD}`)
    expect(await died).toBe('died')
    expect(await count(OLD)).toBeGreaterThan(0)
    // The one that starts again sees to it.
    expect(await alarmAt()).toBe(START)
    await ring()
    expect(await count(OLD)).toBe(0)
  })

  test('and a round that fails: what was done stays done, calls go on, and it is tried again in a minute', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const token = await installGrant('acme', 'bot')
    await putOld(500)
    await within((sql, { storage }) => {
      sql.exec(`CREATE TRIGGER stuck BEFORE DELETE ON counters WHEN (SELECT count(*) FROM counters) <= 300
        BEGIN SELECT RAISE(ABORT, 'stuck'); END`)
      return storage.setAlarm(START)
    })
    await ring()
    expect([await count(OLD), await alarmAt()]).toEqual([300, START + 60_000])
    expect(String(said.mock.calls[0]?.[0])).toContain('principal.alarm_failed')
    expect((await statelessCall('auth_whoami', {}, { token })).status).toBe(200)
    await within((sql) => void sql.exec('DROP TRIGGER stuck'))
    vi.setSystemTime(START + 60_000)
    await ring()
    expect(await count(OLD)).toBe(0)
  })

  test('of a principal that is erased meanwhile: nothing is left of it, no table and no alarm', async () => {
    await installGrant('acme', 'bot')
    await putOld(9_000)
    await within((_, { storage }) => storage.setAlarm(START))
    const ringing = ring()
    let left = 9_000
    while (left === 9_000) left = await count(OLD)
    expect(left).toBeGreaterThan(0)
    await principal(NAME).revoke()
    await principal(NAME).erase()
    await ringing
    expect(
      await rows("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'", NAME),
    ).toEqual([])
    expect(await alarmAt()).toBeNull()
  })

  test('an alarm that is asked for meanwhile is not lost', async () => {
    const token = await installGrant('acme', 'bot')
    await putOld(1_000)
    await within((_, { storage }) => storage.setAlarm(START))
    const ringing = ring()
    let left = 1_000
    while (left === 1_000) left = await count(OLD)
    const login = await statelessCall('auth_login', { provider: 'trusted', account_id: 'ana' }, { token })
    expect(login.isError).toBe(false)
    await ringing
    await settled(NAME)
    // The end of the login, or what comes before it.
    expect(await alarmAt()).toBeGreaterThan(START)
    expect(await alarmAt()).toBeLessThanOrEqual(START + 1_800_000)
  })
})

describe('sessions whose time is over', () => {
  test('end in rounds, by what is set when their round comes', async () => {
    await installGrant('acme', 'bot')
    await within((sql, { storage }) => {
      for (let i = 0; i < 1_500; i++)
        sql.exec(
          `INSERT INTO upstream_sessions (owner, session, stateless, server, upstream_id, protocol_version, last_used_at)
           VALUES (?, '', 1, 'crm', ?, '2025-11-25', ?)`,
          ...[`stateless:${i}`, `u${i}`, START - 3_600_000],
        )
      return storage.setAlarm(START)
    })
    const live = () => count('upstream_sessions WHERE ended_at IS NULL')
    const ringing = ring()
    let left = 1_500
    while (left === 1_500) left = await live()
    expect(left).toBeGreaterThan(0)
    // From now on an hour without use is no reason.
    const settings = { identity: { trusted: true }, sessions: { idle_seconds: 7_200 } }
    await installGrant('acme', 'bot', { settings })
    await ringing
    const stayed = await live()
    expect(stayed).toBeGreaterThan(0)
    expect(stayed).toBeLessThan(1_500)
  })
})

/** Live logins, each with a connection. */
const putLogins = (many: number) =>
  within((sql) => {
    for (let i = 0; i < many; i++) {
      sql.exec(
        'INSERT INTO transports (id, opened_at, last_seen_at, ends_at) VALUES (?, ?, ?, ?)',
        ...[`t${i}`, START, START, START + DAY],
      )
      sql.exec(
        `INSERT INTO sessions (id, transport, account, started_at, last_seen_at, idle_ms, expires_at, ends_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[`s${i}`, `t${i}`, `a${i}`, START, START, DAY, START + DAY, START + DAY],
      )
    }
  })
const loggedOut = () => count("outbox WHERE id LIKE 'logout:%'")
const ended = () => count("audit WHERE decision = 'end' AND rule = '(revoked)'")

describe('a grant with many logins that is revoked', () => {
  test('has every one ended once, and lets nobody in from the beginning', async () => {
    const token = await installGrant('acme', 'bot')
    await putLogins(120)
    const seen = await meanwhile(principal(NAME).revoke(), async () => {
      const { status } = await stateless('ping', {}, { token })
      return { status, ended: await ended() }
    })
    expect(seen.filter(({ status, ended }) => status !== 401 && ended > 0)).toEqual([])
    expect([await ended(), await loggedOut()]).toEqual([120, 120])
    expect(await count('sessions WHERE ended_at IS NULL')).toBe(0)
    expect(await count('transports WHERE ended_at IS NULL')).toBe(0)
    expect(await principal(NAME).revoke()).toBe(false)
    expect(await loggedOut()).toBe(120)
  })

  test('has the rest ended by alarm where the object dies on its way', async () => {
    await installGrant('acme', 'bot')
    await putLogins(200)
    const died = principal(NAME)
      .revoke()
      .catch(() => 'died')
    await dieOnce('SELECT count(*) > 0 AS yes FROM sessions WHERE ended_at IS NOT NULL')
    expect(await died).toBe('died')
    expect(await count('sessions WHERE ended_at IS NULL')).toBeGreaterThan(0)
    expect(await alarmAt()).toBe(START)
    await ring()
    expect([await ended(), await loggedOut()]).toEqual([200, 200])
    expect(await count('transports WHERE ended_at IS NULL')).toBe(0)
  })

  test('or made again: its logins end, and none of the one that follows', async () => {
    const secretHash = new Uint8Array(32).fill(7)
    const grant = (incarnation: string, config: Awaited<ReturnType<typeof configOf>>) => ({
      ...{ tenant: 'acme', name: 'bot', label: 'bot', secretHash, expiresAtMs: null },
      ...{ incarnation, config },
    })
    await installGrant('acme', 'bot')
    const config = await configOf()
    await principal(NAME).installGrant(grant('one', config))
    await putLogins(120)
    await principal(NAME).installGrant(grant('two', config))
    expect([await ended(), await loggedOut()]).toEqual([120, 120])
    expect(await count('sessions WHERE ended_at IS NULL')).toBe(0)
  })
})

async function configOf() {
  const [row] = await rows<{ config: string }>('SELECT config FROM grants', NAME)
  return JSON.parse(row?.config ?? '') as import('../../../src/contract/config.ts').TenantConfig
}

test('whoever has all sessions ended does not mean a login that comes between two rounds', async () => {
  const token = await installGrant('acme', 'bot')
  await putLogins(120)
  vi.setSystemTime(START + 1_000)
  const ending = principal(NAME).endSessions({ kind: 'all' })
  let live = 120
  while (live === 120) live = await count('sessions WHERE ended_at IS NULL')
  vi.setSystemTime(START + 2_000)
  await statelessCall('auth_login', { provider: 'trusted', account_id: 'late' }, { token })
  expect(await ending).toBe(120)
  expect(await rows('SELECT account FROM sessions WHERE ended_at IS NULL', NAME)).toEqual([
    { account: 'late' },
  ])
  await settled(NAME)
})

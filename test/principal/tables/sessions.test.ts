/** The life of a session: how it starts, rotates and ends, exactly once, whatever happens meanwhile. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { carriedRows } from '../../support/audit.ts'
import {
  behave,
  connect,
  fresh,
  installGrant,
  open,
  principal,
  received,
  rows,
  settled,
  statelessCall,
} from '../../support/gateway.ts'
import { PATIENT } from '../../support/patient.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const MINUTE = 60_000
const HOUR = 60 * MINUTE

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => vi.useRealTimers())

const at = (ms: number) => vi.setSystemTime(START + ms)
const login = async (account: string, more: Record<string, unknown> = {}) => {
  const { structured } = await statelessCall('auth_login', {
    provider: 'trusted',
    account_id: account,
    ...more,
  })
  return structured as { session: string; ended: string | null }
}
const logouts = async () => {
  await settled()
  return (await received()).filter(({ body }) => body.action === 'logout').map(({ body }) => body.account_id)
}
const ends = () =>
  rows<{ id: string; account: string | null; end_reason: string | null }>(
    'SELECT id, account, end_reason FROM sessions ORDER BY started_at, rowid',
  )

describe('logging in and out, session era', () => {
  test('the session hangs on Mcp-Session-Id from login to logout', async () => {
    const client = await connect()
    expect((await client.call('auth_whoami')).structured).toMatchObject({ logged_in: false, account: null })
    const login = await client.login('ana')
    expect(login.structured).toMatchObject({ account: 'ana', provider: 'trusted', ended: null })
    expect((await client.call('auth_whoami')).structured).toMatchObject({
      logged_in: true,
      account: 'ana',
      session: login.structured.session,
      grant: 'Demo agent',
      tenant: 'demo',
      started_at: '2030-01-01T00:00:00.000Z',
      idle_expires_at: '2030-01-01T00:30:00.000Z',
      expires_at: '2030-01-01T12:00:00.000Z',
    })
    const logout = await client.call('auth_logout', { params: { anything: 'goes' } })
    expect(logout.text).toBe('Logged out successfully')
    expect(logout.structured).toEqual({
      message: 'Logged out successfully',
      ended: true,
      session: login.structured.session,
    })
  })

  test('logout ends the session and leaves the transport, on which the next login begins another', async () => {
    const client = await connect()
    const { session } = (await client.login('ana')).structured
    expect((await client.call('auth_logout')).structured).toMatchObject({ ended: true, session })
    expect((await client.request('ping')).status).toBe(200)
    expect((await client.call('auth_whoami')).structured).toMatchObject({ logged_in: false, session: null })
    expect((await client.call('auth_logout')).structured).toMatchObject({ ended: false })
    const again = (await client.login('ana')).structured
    expect(again).toMatchObject({ account: 'ana', ended: null })
    expect(again.session).not.toBe(session)
    expect(await logouts()).toEqual(['ana'])
  })

  test('without a login there is nothing to end: the transport stays', async () => {
    const client = await connect()
    const logout = await client.call('auth_logout')
    expect([logout.text, logout.structured.ended, logout.structured.session]).toEqual([
      'No active session',
      false,
      null,
    ])
    expect((await client.request('ping')).status).toBe(200)
    expect(await logouts()).toEqual([])
  })

  test('a second login ends the first session properly and keeps the transport', async () => {
    const client = await connect()
    const first = (await client.login('ana')).structured.session
    const second = (await client.login('bea')).structured
    expect(second).toMatchObject({ account: 'bea', ended: first })
    expect(second.session).not.toBe(first)
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'bea' })
    expect(await logouts()).toEqual(['ana'])
    expect((await ends()).map(({ account, end_reason }) => [account, end_reason])).toEqual([
      ['ana', 'rotated'],
      ['bea', null],
    ])
  })

  test('a login that fails leaves the live session as it is', async () => {
    const client = await connect()
    await client.login('ana')
    expect((await client.call('auth_login', { provider: 'jwt', token: 'not-a-token' })).code).toBe(
      'login_failed',
    )
    expect((await client.call('auth_login', { provider: 'trusted' })).code).toBe('invalid_arguments')
    expect((await client.call('auth_login', { provider: 'trusted', account_id: 'b', token: 'x' })).code).toBe(
      'invalid_arguments',
    )
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    expect(await logouts()).toEqual([])
  })

  test('DELETE of a session that has logged in is a logout, too', async () => {
    const client = await connect()
    await client.login('ana')
    await client.delete()
    expect(await logouts()).toEqual(['ana'])
  })

  test('a session that never logged in ends without a logout', async () => {
    const client = await connect()
    await client.delete()
    expect(await logouts()).toEqual([])
  })

  test('a handle is obeyed on every transport, and is no longer meant where it is left out', async () => {
    const [one, two] = [await connect(), await connect()]
    await one.login('ana')
    const { session } = (await two.login('bea')).structured
    expect((await one.call('auth_whoami', { session })).structured).toMatchObject({ account: 'bea' })
    expect((await one.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    expect((await one.call('auth_logout', { session })).structured).toMatchObject({ ended: true, session })
    expect((await one.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    expect((await two.call('auth_whoami')).structured).toMatchObject({ logged_in: false })
    expect(await logouts()).toEqual(['bea'])
  })

  test('a login with the handle of another transport’s session takes its place there', async () => {
    const [one, two] = [await connect(), await connect()]
    await one.login('ana')
    const { session } = (await two.login('bea')).structured
    const login = { provider: 'trusted', account_id: 'cid', session }
    expect((await one.call('auth_login', login)).structured).toMatchObject({ account: 'cid', ended: session })
    expect((await one.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    expect((await two.call('auth_whoami')).structured).toMatchObject({ account: 'cid' })
    expect(await logouts()).toEqual(['bea'])
  })
})

describe('a handle of yesterday', () => {
  test('neither stacks a login nor swallows a logout: the agent is told to leave it out', async () => {
    const client = await connect()
    const { session: stale } = (await client.login('ana')).structured
    await client.login('bea')
    const login = { provider: 'trusted', account_id: 'cid', session: stale }
    for (const [tool, args] of [
      ['auth_login', login],
      ['auth_logout', { session: stale }],
    ] as const) {
      const refused = await client.call(tool, args)
      expect([refused.isError, refused.code]).toEqual([true, 'session_ended'])
      expect(refused.text).toContain('leave the argument out')
    }
    expect(await rows('SELECT account FROM sessions WHERE ended_at IS NULL')).toEqual([{ account: 'bea' }])
    expect((await client.call('auth_logout')).structured).toMatchObject({ ended: true })
    expect(await logouts()).toEqual(['ana', 'bea'])
  })
})

describe('the record of sessions', () => {
  test('has a row for every end, and a login’s row names the session that it started', async () => {
    const client = await connect()
    const first = (await client.login('ana')).structured.session
    const second = (await client.login('bea')).structured.session
    await client.call('auth_logout')
    const { session: third } = await login('cid')
    at(31 * MINUTE)
    await runDurableObjectAlarm(principal())
    await principal().auditSettled()
    const audit = await carriedRows<{ tool: string; rule: string; session: string; account: string }>()
    expect(audit.map(({ tool, rule, session, account }) => [tool, rule, session, account])).toEqual([
      ['auth_login', '(default allow)', first, 'ana'],
      ['(session)', '(rotated)', first, 'ana'],
      ['auth_login', '(default allow)', second, 'bea'],
      ['(session)', '(logout)', second, 'bea'],
      ['auth_logout', '(default allow)', second, 'bea'],
      ['auth_login', '(default allow)', third, 'cid'],
      ['(session)', '(idle)', third, 'cid'],
    ])
  })
})

describe('logging in and out, stateless era', () => {
  test('the session is the handle that auth_login returns', async () => {
    const { session } = await login('ana')
    expect((await statelessCall('auth_whoami', { session })).structured).toMatchObject({ account: 'ana' })
    expect((await statelessCall('auth_logout', { session })).structured).toMatchObject({
      ended: true,
      session,
    })
    expect((await statelessCall('auth_logout', { session })).code).toBe('session_ended')
    expect(await logouts()).toEqual(['ana'])
  })

  test('logging in with the handle of a live session rotates it', async () => {
    const first = await login('ana')
    const second = await login('bea', { session: first.session })
    expect(second.ended).toBe(first.session)
    expect(await logouts()).toEqual(['ana'])
  })

  test('and what is meant where no handle is given, as long as it lives', async () => {
    const { session } = await login('ana')
    expect((await statelessCall('auth_whoami')).structured).toMatchObject({ account: 'ana', session })
    const second = await login('bea')
    expect(second.ended).toBe(session)
    expect((await statelessCall('auth_whoami')).structured).toMatchObject({ account: 'bea' })
    expect((await statelessCall('auth_logout')).structured).toMatchObject({
      ended: true,
      session: second.session,
    })
    expect((await statelessCall('auth_whoami')).structured).toMatchObject({ logged_in: false, session: null })
    expect((await statelessCall('auth_logout')).structured).toEqual({
      message: 'No active session',
      ended: false,
      session: null,
    })
    expect(await logouts()).toEqual(['ana', 'bea'])
  })

  test('a dead handle is refused by every tool, and the live session is not taken in its place', async () => {
    const { session } = await login('ana')
    await login('bea')
    const tools: [string, Record<string, unknown>][] = [
      ['track_account', { action: 'create', account_id: 'a' }],
      ['auth_whoami', {}],
      ['auth_logout', {}],
      ['auth_login', { provider: 'trusted', account_id: 'cid' }],
    ]
    for (const [tool, args] of tools) {
      const refused = await statelessCall(tool, { ...args, session })
      expect([tool, refused.isError, refused.code]).toEqual([tool, true, 'session_ended'])
    }
    expect((await statelessCall('auth_whoami')).structured).toMatchObject({ account: 'bea' })
    expect(await logouts()).toEqual(['ana'])
  })

  test('a stateless login and one on a transport live side by side', async () => {
    const client = await connect()
    await client.login('ana')
    await login('bea')
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    await statelessCall('auth_logout')
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    expect(await logouts()).toEqual(['bea'])
  })
})

describe('exactly once', () => {
  test('of many logouts at the same time one ends the session, and one event is queued', async () => {
    const { session } = await login('ana')
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => statelessCall('auth_logout', { session })),
    )
    expect(answers.filter(({ structured }) => structured.ended === true)).toHaveLength(1)
    expect(await logouts()).toEqual(['ana'])
  })

  test('a logout, a DELETE, an expiry and a revocation that race end it once', async () => {
    const client = await connect()
    await client.login('ana')
    at(30 * MINUTE - 1)
    await Promise.all([
      client.call('auth_logout'),
      client.delete(),
      principal().revoke(),
      runDurableObjectAlarm(principal()),
    ])
    expect(await logouts()).toEqual(['ana'])
    expect(await rows('SELECT id FROM sessions WHERE end_reason IS NOT NULL')).toHaveLength(1)
  })
})

describe('expiry', () => {
  test('30 minutes without use end a session, at that very millisecond', async () => {
    const client = await connect()
    await client.login('ana')
    at(30 * MINUTE - 1)
    expect((await client.call('auth_whoami')).status).toBe(200)
    at(60 * MINUTE - 2)
    expect((await client.call('auth_whoami')).status).toBe(200)
    at(90 * MINUTE - 3)
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    at(120 * MINUTE - 3)
    const after = await client.call('auth_whoami')
    expect([after.status, after.structured.logged_in]).toEqual([200, false])
    await runDurableObjectAlarm(principal())
    expect(await logouts()).toEqual(['ana'])
  })

  test('12 hours end it however much it is used', async () => {
    const { session } = await login('ana')
    for (let ms = 20 * MINUTE; ms < 12 * HOUR; ms += 20 * MINUTE) {
      at(ms)
      expect((await statelessCall('auth_whoami', { session })).structured).toMatchObject({ account: 'ana' })
    }
    at(12 * HOUR)
    expect((await statelessCall('auth_whoami', { session })).code).toBe('session_ended')
    await runDurableObjectAlarm(principal())
    expect((await ends()).map(({ end_reason }) => end_reason)).toEqual(['expired'])
  })

  test('the time of a session counts from its login, not from when its transport was opened', async () => {
    const client = await connect()
    for (let ms = 20 * MINUTE; ms < 12 * HOUR; ms += 20 * MINUTE) {
      at(ms)
      await client.request('ping')
    }
    expect((await client.login('ana')).structured).toMatchObject({ expires_at: '2030-01-01T23:40:00.000Z' })
  })

  test('the alarm ends it when nobody asks, and tells when it happened', async () => {
    await login('ana')
    at(31 * MINUTE)
    expect(await runDurableObjectAlarm(principal())).toBe(true)
    expect((await ends()).map(({ end_reason }) => end_reason)).toEqual(['idle'])
    expect((await received()).filter(({ body }) => body.action === 'logout')).toMatchObject([
      { body: { account_id: 'ana', action: 'logout' } },
    ])
    const [event] = await rows<{ occurred_at: number }>(
      "SELECT occurred_at FROM outbox WHERE id LIKE 'logout:%'",
    )
    expect(event?.occurred_at).toBe(START + 30 * MINUTE)
  })

  test('an alarm is set for the end of every session', async () => {
    await login('ana')
    await settled()
    // Before, audit rows are carried.
    at(MINUTE)
    await runDurableObjectAlarm(principal())
    await principal().auditSettled()
    const alarm = await runInDurableObject(principal(), (_, state) => state.storage.getAlarm())
    expect(alarm).toBe(START + 30 * MINUTE)
  })

  test('the alarm wakes too early for a session that was used since, and is set again', async () => {
    const { session } = await login('ana')
    at(20 * MINUTE)
    await statelessCall('auth_whoami', { session })
    at(30 * MINUTE)
    await runDurableObjectAlarm(principal())
    expect((await ends()).map(({ end_reason }) => end_reason)).toEqual([null])
    const alarm = await runInDurableObject(principal(), (_, state) => state.storage.getAlarm())
    expect(alarm).toBe(START + 50 * MINUTE)
  })

  test('requests that write nothing else keep a session alive, too', async () => {
    const client = await connect()
    for (const minutes of [25, 50, 75]) {
      at(minutes * MINUTE)
      expect((await client.request('ping')).status).toBe(200)
    }
  })

  test('both times are the tenant’s to set', async () => {
    const settings = { identity: { trusted: true }, sessions: { idle_seconds: 60, absolute_seconds: 90 } }
    const token = await installGrant('acme', 'bot', { settings })
    const client = await connect({ token })
    await client.login('ana')
    at(59_000)
    expect((await client.call('auth_whoami')).structured).toMatchObject({
      expires_at: '2030-01-01T00:01:30.000Z',
    })
    at(90_000)
    expect((await client.call('auth_whoami')).structured).toMatchObject({ logged_in: false })
  })

  test('more transports than one alarm handles in one go all end', async () => {
    await login('first')
    await runInDurableObject(principal(), (_, state) => {
      for (let i = 0; i < 2_500; i++) {
        state.storage.sql.exec(
          `INSERT INTO transports (id, opened_at, last_seen_at, ends_at) VALUES (?, ?, ?, ?)`,
          `t_${i}`,
          START,
          START,
          START + 1_000,
        )
      }
    })
    at(31 * MINUTE)
    const left = async () => (await rows('SELECT id FROM transports WHERE ended_at IS NULL')).length
    await runDurableObjectAlarm(principal())
    expect(await left()).toBeLessThan(100)
    // It rings again at once.
    expect(await runInDurableObject(principal(), (_, { storage }) => storage.getAlarm())).toBe(Date.now())
    await runDurableObjectAlarm(principal())
    expect(await left()).toBe(0)
  })
})

describe('revocation of the grant', () => {
  test('ends every session of it, with a logout for each that had logged in', async () => {
    const client = await connect()
    await connect()
    await client.login('ana')
    await login('bea')
    await principal().revoke()
    // Different accounts are told side by side.
    expect((await logouts()).sort()).toEqual(['ana', 'bea'])
    expect(new Set((await ends()).map(({ end_reason }) => end_reason))).toEqual(new Set(['revoked']))
  })
})

describe('survival', () => {
  test('a session lives through the eviction of its object', async () => {
    const client = await connect()
    await client.login('ana')
    await evictDurableObject(principal())
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    await evictDurableObject(principal())
    expect((await client.call('auth_logout')).structured).toMatchObject({ ended: true })
    expect(await logouts()).toEqual(['ana'])
  })

  test('so does a queued logout, and Legiti’s absence', async () => {
    await behave('fail')
    const { session } = await login('ana')
    await statelessCall('auth_logout', { session })
    await settled()
    await evictDurableObject(principal())
    await behave('ok')
    at(HOUR)
    await runDurableObjectAlarm(principal())
    const got = (await received()).filter(({ status }) => status === 201)
    expect(got.map(({ body }) => body.action)).toEqual(['login', 'logout'])
  })
})

describe('the life of a transport', () => {
  const pings = async (client: { request: (method: string) => Promise<{ status: number }> }) =>
    (await client.request('ping')).status
  const ring = () => runDurableObjectAlarm(principal())

  test('is 24 hours from its last use, whatever becomes of logins on it', async () => {
    const [used, unused] = [await connect(), await connect()]
    await used.login('ana')
    at(20 * HOUR)
    await ring()
    expect(await pings(used)).toBe(200)
    at(24 * HOUR - 1)
    expect((await rows('SELECT id FROM transports WHERE ended_at IS NULL')).length).toBe(2)
    at(24 * HOUR)
    expect([await pings(used), await pings(unused)]).toEqual([200, 404])
    await ring()
    expect(await rows('SELECT id FROM transports WHERE ended_at IS NULL')).toEqual([{ id: used.id }])
    at(48 * HOUR)
    expect(await pings(used)).toBe(404)
    expect(await logouts()).toEqual(['ana'])
  })

  test('is as long as its stream is open, and 24 hours more', async () => {
    const client = await connect()
    const stream = await open('GET', '/mcp', client.token, client.headers)
    for (const hours of [25, 50, 75]) {
      at(hours * HOUR)
      await ring()
      expect(await rows('SELECT id FROM transports WHERE ended_at IS NULL')).toEqual([{ id: client.id }])
    }
    at(80 * HOUR)
    await stream.body?.cancel()
    // Waiting moves the clock on by some milliseconds.
    const seen = async () =>
      (await rows<{ at: number }>('SELECT last_seen_at AS at FROM transports'))[0]?.at ?? 0
    await vi.waitFor(async () => expect(await seen()).toBeGreaterThanOrEqual(START + 80 * HOUR), PATIENT)
    const end = (await seen()) + 24 * HOUR
    vi.setSystemTime(end - 1)
    await ring()
    expect(await rows('SELECT id FROM transports WHERE ended_at IS NULL')).toHaveLength(1)
    vi.setSystemTime(end)
    expect(await pings(client)).toBe(404)
  })
})

describe('how many there may be', () => {
  /** So many rows, each a second younger than the one before. */
  const fill = (query: string) =>
    runInDurableObject(principal(), (_, state) => {
      const numbers = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)'
      state.storage.sql.exec(`${numbers} ${query}`, START)
    })
  const transports = () =>
    fill(`INSERT INTO transports (id, opened_at, last_seen_at, ends_at)
      SELECT 't_' || i, ?1, ?1 + i * 1000, ?1 + 86400000 + i * 1000 FROM n`)
  const endedTransports = () => rows('SELECT id FROM transports WHERE ended_at IS NOT NULL ORDER BY id')

  test('10,000 logins, and not one more, wherever it is made', async () => {
    const client = await connect()
    await fill(`INSERT INTO sessions (id, transport, account, provider, started_at, last_seen_at, idle_ms, expires_at, ends_at)
      SELECT 'ses_' || i, 't_' || i, 'a', 'trusted', ?1, ?1, 1000000, ?1 + 1000000, ?1 + 1000000 FROM n`)
    const last = await login('ana')
    const refused = await client.login('bea')
    expect([refused.isError, refused.code]).toEqual([true, 'too_many_sessions'])
    expect(refused.structured.error).toMatchObject({ max: 10_000, retry_after_seconds: 60 })
    // What replaces another adds none.
    expect((await login('cid')).ended).toBe(last.session)
    await statelessCall('auth_logout')
    expect((await client.login('bea')).structured).toMatchObject({ account: 'bea' })
  })

  test('10,000 transports: of more the one that nobody has used for longest makes room', async () => {
    const client = await connect()
    await client.login('ana')
    await transports()
    at(20 * MINUTE)
    expect((await connect()).id).toBeTruthy()
    expect(await endedTransports()).toEqual([{ id: 't_1' }])
    expect((await connect()).id).toBeTruthy()
    expect(await endedTransports()).toEqual([{ id: 't_1' }, { id: 't_2' }])
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
  })

  test('those with a login or an open stream are in use, and where all are nothing more is opened', async () => {
    const [loggedIn, listening] = [await connect(), await connect()]
    await loggedIn.login('ana')
    const stream = await open('GET', '/mcp', listening.token, listening.headers)
    await transports()
    await runInDurableObject(principal(), (_, { storage: { sql } }) => {
      sql.exec("DELETE FROM transports WHERE id = 't_9999'")
      sql.exec("UPDATE transports SET ended_at = 1 WHERE id LIKE 't_%' AND id <> 't_5'")
      sql.exec(
        `INSERT INTO sessions (id, transport, account, provider, started_at, last_seen_at, idle_ms, expires_at, ends_at)
        SELECT 'ses_' || id, id, 'a', 'trusted', ?1, ?1, 1000000, ?1 + 1000000, ?1 + 1000000 FROM transports WHERE id LIKE 't_%'`,
        START,
      )
      sql.exec("UPDATE transports SET ended_at = NULL WHERE id LIKE 't_%'")
      sql.exec("UPDATE sessions SET ended_at = 1 WHERE id = 'ses_t_5'")
    })
    const last = await connect()
    expect(await endedTransports()).toEqual([{ id: 't_5' }])
    await last.login('bea')
    await expect(connect()).rejects.toThrow('429')
    await last.delete()
    expect((await connect()).id).toBeTruthy()
    await stream.body?.cancel()
  })
})

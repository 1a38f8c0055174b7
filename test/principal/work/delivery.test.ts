/** What is queued for Legiti gets there: in order, once, and whatever Legiti does meanwhile. */
import {
  createExecutionContext,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { Commits } from '../../../src/durable/commits.ts'
import type { LegitiSettings } from '../../../src/legiti/settings.ts'
import { DecisionLog } from '../../../src/principal/log/decision-log.ts'
import { principalLog } from '../../../src/principal/tables/audit-log.ts'
import { readDestination } from '../../../src/principal/tables/destination.ts'
import {
  bury,
  buryExpired,
  enqueue,
  lease,
  MOST_PENDING,
  markDelivered,
  replay,
} from '../../../src/principal/tables/outbox.ts'
import { type DeliveryContext, deliver } from '../../../src/principal/work/delivery.ts'
import { nextWakeMs } from '../../../src/principal/work/housekeeping.ts'
import {
  behave,
  fresh,
  principal,
  received,
  rows,
  send,
  settled,
  stateless,
  statelessCall,
} from '../../support/gateway.ts'

/** What the operator was told. */
const said: string[] = []

const START = Date.parse('2030-01-01T00:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  said.length = 0
  for (const level of ['warn', 'error'] as const) {
    vi.spyOn(console, level).mockImplementation((line) => void said.push(String(line)))
  }
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const track = (account: string, name = 'track_signup') => statelessCall(name, { account_id: account })
const arrived = async () =>
  (await received()).filter(({ status }) => status < 300).map(({ body }) => body.account_id)
/** Thousands of events that nobody asks for would be sent before the next test begins. */
const emptyOutbox = (sql: SqlStorage) => sql.exec('DELETE FROM outbox')
/** Audit rows would have the alarm ring, too. */
async function withoutAudit(): Promise<void> {
  await rows('DELETE FROM log')
  await evictDurableObject(principal())
}
/** The parts of a principal that know when it must wake up, with a database of the test's. */
function principalOf(sql: SqlStorage): Parameters<typeof nextWakeMs>[0] {
  const decisionLog = new DecisionLog(sql)
  const auditLog = principalLog(sql, decisionLog)
  return { sql, decisionLog, auditLog, incarnation: 'one', grant: null }
}
const alarmAt = () => runInDurableObject(principal(), (_, state) => state.storage.getAlarm())
const states = async () =>
  (await rows<{ state: string }>('SELECT state FROM outbox ORDER BY seq')).map(({ state }) => state)

/** Puts the principal's events before a Legiti of the test's own making. */
async function deliverTo(
  target: LegitiSettings['target'],
  events: readonly string[],
): Promise<{ failures: number; paused: boolean; states: string[]; waitMs: number }> {
  await stateless('server/discover')
  return runInDurableObject(principal(), async (_, state) => {
    const { sql } = state.storage
    const commits = new Commits(state.storage)
    const context: DeliveryContext = {
      sql,
      principal: 'demo/agent',
      settings: { profile: 'collection', reportLogins: true, target },
      incarnation: 'this',
      commit: (work) => commits.run(work),
      now: () => Date.now(),
      random: () => 0.5,
    }
    for (const account of events) {
      enqueue(sql, {
        id: `e:${account}`,
        tool: 'track_signup',
        args: { account_id: account },
        occurredAtMs: Date.now(),
      })
    }
    await deliver(context)
    const { failures, paused, retryAtMs } = readDestination(sql)
    const now = sql.exec<{ state: string }>('SELECT state FROM outbox ORDER BY seq').toArray()
    return {
      failures,
      paused,
      states: now.map((row) => row.state),
      waitMs: Math.max(0, retryAtMs - Date.now()),
    }
  })
}

describe('while Legiti answers', () => {
  test('events arrive at once, and what was in them is forgotten', async () => {
    await track('ana')
    await settled()
    expect(await arrived()).toEqual(['ana'])
    expect(await rows('SELECT state, args, attempts FROM outbox')).toEqual([
      { state: 'delivered', args: null, attempts: 1 },
    ])
  })

  test('many events arrive once each, those of one account in order', async () => {
    await behave('fail')
    for (let i = 0; i < 20; i++) {
      await statelessCall('track_account', {
        action: 'update',
        account_id: `a${i % 3}`,
        account_name: `v${i}`,
      })
    }
    await settled()
    await behave('ok')
    vi.setSystemTime(START + HOUR)
    await settled()
    const got = (await received()).filter(({ status }) => status === 201).map(({ body }) => body)
    expect(got).toHaveLength(20)
    for (const account of ['a0', 'a1', 'a2']) {
      const versions = got
        .filter((body) => body.account_id === account)
        .map((body) => Number(String(body.account_name).slice(1)))
      expect(versions).toEqual([...versions].sort((a, b) => a - b))
    }
  })

  test('two drains at the same time send nothing twice', async () => {
    await behave('fail')
    await track('ana')
    await settled()
    await behave('ok')
    vi.setSystemTime(START + HOUR)
    await Promise.all([settled(), settled(), settled(), runDurableObjectAlarm(principal())])
    expect(await arrived()).toEqual(['ana'])
  })
})

describe('while Legiti fails', () => {
  test('nobody waits for it, and one event at a time asks whether it is back', async () => {
    await behave('fail')
    for (const account of ['a', 'b', 'c', 'd']) expect((await track(account)).isError).toBe(false)
    await settled()
    const during = (await received()).length
    expect(during).toBeLessThanOrEqual(6)
    await settled()
    expect((await received()).length).toBe(during)
    await withoutAudit()
    vi.setSystemTime((await alarmAt()) ?? 0)
    await runDurableObjectAlarm(principal())
    expect((await received()).length).toBe(during + 1)
    await behave('ok')
    vi.setSystemTime((await alarmAt()) ?? 0)
    await runDurableObjectAlarm(principal())
    expect((await arrived()).sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  test('the pauses grow from seconds to half an hour, and the alarm keeps them', async () => {
    await behave('fail')
    await track('ana')
    await settled()
    const waits: number[] = []
    for (let i = 0; i < 14; i++) {
      const at = (await alarmAt()) ?? 0
      waits.push(at - Date.now())
      vi.setSystemTime(at)
      await runDurableObjectAlarm(principal())
    }
    expect(waits[0]).toBeGreaterThanOrEqual(2_500)
    expect(waits[0]).toBeLessThanOrEqual(5_000)
    expect(waits.at(-1)).toBeGreaterThanOrEqual(15 * 60_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30 * 60_000)
  })

  test('an event that is late carries its own time', async () => {
    await behave('fail')
    await track('ana', 'track_logout')
    await settled()
    await behave('ok')
    vi.setSystemTime(START + DAY)
    await settled()
    const body = (await received()).at(-1)?.body
    expect(body).toEqual({ account_id: 'ana', action: 'logout', timestamp: START / 1_000 })
  })

  test('after 72 hours it is a dead letter, and another 30 days later gone', async () => {
    await behave('fail')
    await track('ana')
    await settled()
    vi.setSystemTime(START + 3 * DAY - 1)
    await runDurableObjectAlarm(principal())
    expect(await states()).toEqual(['pending'])
    vi.setSystemTime(START + 3 * DAY)
    await runDurableObjectAlarm(principal())
    expect(await states()).toEqual(['dead'])
    vi.setSystemTime(START + 33 * DAY - 1)
    await runDurableObjectAlarm(principal())
    expect(await states()).toEqual(['dead'])
    vi.setSystemTime(START + 33 * DAY + HOUR)
    await runDurableObjectAlarm(principal())
    expect(await states()).toEqual([])
  })

  test('what is delivered is forgotten after a week', async () => {
    await track('ana')
    await settled()
    vi.setSystemTime(START + 8 * DAY)
    await runDurableObjectAlarm(principal())
    expect(await states()).toEqual([])
  })
})

describe('what Legiti can answer', () => {
  test('400: that event is a dead letter at once, and the next ones go on', async () => {
    await behave('reject')
    await track('ana')
    await settled()
    expect(await states()).toEqual(['dead'])
    await behave('ok')
    await track('bea')
    await settled()
    expect(await arrived()).toEqual(['bea'])
  })

  test.each([401, 403])('%i: paused, asked again in an hour', async (status) => {
    const otherSide = inject('otherSide')
    const target = { kind: 'live', baseUrl: `${otherSide}/status/${status}`, apiKey: 'k' } as const
    expect(await deliverTo(target, ['ana', 'bea'])).toEqual({
      failures: 1,
      paused: true,
      states: ['pending', 'pending'],
      waitMs: HOUR,
    })
    expect(said).toEqual([expect.stringContaining('legiti.paused')])
  })

  test.each(['status/404', 'status/500', 'redirect'])('%s: backs off', async (path) => {
    const target = { kind: 'live', baseUrl: `${inject('otherSide')}/${path}`, apiKey: 'k' } as const
    expect(await deliverTo(target, ['ana'])).toEqual({
      failures: 1,
      paused: false,
      states: ['pending'],
      waitMs: 3_750,
    })
  })

  test('429 with Retry-After: waits as long as asked', async () => {
    const target = { kind: 'live', baseUrl: `${inject('otherSide')}/busy`, apiKey: 'k' } as const
    expect(await deliverTo(target, ['ana'])).toMatchObject({ failures: 1, waitMs: 7_000 })
  })

  test('nothing configured: paused, and nothing is lost', async () => {
    const outcome = await deliverTo({ kind: 'unconfigured', why: 'the secret LEGITI_API_KEY is not set' }, [
      'ana',
    ])
    expect(outcome).toEqual({ failures: 1, paused: true, states: ['pending'], waitMs: HOUR })
  })
})

test('mended settings count at once, not after the pause', async () => {
  const without = { kind: 'unconfigured', why: 'the secret LEGITI_API_KEY is not set' } as const
  expect(await deliverTo(without, ['ana'])).toMatchObject({ paused: true, waitMs: HOUR })
  expect(await deliverTo(without, [])).toMatchObject({ paused: true, waitMs: HOUR, failures: 1 })
  const mended = { kind: 'live', baseUrl: `${inject('otherSide')}/echo`, apiKey: 'k' } as const
  expect(await deliverTo(mended, ['bea'])).toEqual({
    failures: 0,
    paused: false,
    states: ['delivered', 'delivered'],
    waitMs: 0,
  })
})

describe('a lease', () => {
  const put = (sql: SqlStorage, id: string, account: string) =>
    enqueue(sql, { id, tool: 'track_signup', args: { account_id: account }, occurredAtMs: START })

  test('of this run is kept; of a run that died it is void', async () => {
    await stateless('server/discover')
    await runInDurableObject(principal(), (_, { storage: { sql } }) => {
      for (const [i, account] of ['a', 'a', 'b'].entries()) put(sql, `e${i}`, account)
      const ids = (incarnation: string, nowMs = START) =>
        lease(sql, { incarnation, most: 10, leaseMs: 30_000 }, nowMs).map(({ id }) => id)
      expect(ids('one')).toEqual(['e0', 'e2'])
      expect(ids('one')).toEqual([])
      expect(ids('two')).toEqual(['e0', 'e2'])
      expect(ids('two', START + 29_999)).toEqual([])
      expect(ids('two', START + 30_000)).toEqual(['e0', 'e2'])
    })
  })

  test('never goes to an event while an older one of its key is pending', async () => {
    await stateless('server/discover')
    await runInDurableObject(principal(), (_, { storage: { sql } }) => {
      for (let i = 0; i < 4; i++) put(sql, `e${i}`, 'a')
      const next = () => lease(sql, { incarnation: crypto.randomUUID(), most: 10, leaseMs: 30_000 }, START)
      const [first, ...none] = next()
      expect([first?.id, none]).toEqual(['e0', []])
      markDelivered(sql, first?.seq ?? 0, START)
      const [second] = next()
      expect(second?.id).toBe('e1')
      bury(sql, second?.seq ?? 0, 'http_400', START)
      expect(next().map(({ id }) => id)).toEqual(['e2'])
      expect(replay(sql, 'e1', START)).toBe(true)
      expect(next().map(({ id }) => id)).toEqual(['e2'])
      expect(buryExpired(sql, START + 3 * DAY)).toEqual({ buried: 4 - 1, isMore: false })
      expect(next()).toEqual([])
    })
  })

  test('is not kept from other accounts by a long queue of one', async () => {
    await stateless('server/discover')
    await runInDurableObject(principal(), (_, { storage: { sql } }) => {
      for (let i = 0; i < 1_000; i++) put(sql, `e${i}`, 'poison')
      put(sql, 'other', 'ana')
      expect(lease(sql, { incarnation: 'one', most: 2, leaseMs: 30_000 }, START).map(({ id }) => id)).toEqual(
        ['e0', 'other'],
      )
      expect(lease(sql, { incarnation: 'two', most: 1, leaseMs: 30_000 }, START).map(({ id }) => id)).toEqual(
        ['e0'],
      )
      emptyOutbox(sql)
    })
  })

  test('reads a handful of rows, however long the queue and its history', async () => {
    await stateless('server/discover')
    await runInDurableObject(principal(), (_, { storage: { sql } }) => {
      const rowsRead = (work: (counted: SqlStorage) => void) => {
        let read = 0
        work({
          exec: (query: string, ...bindings: unknown[]) => {
            const cursor = sql.exec(query, ...bindings)
            const rows = cursor.toArray()
            read += cursor.rowsRead
            return { toArray: () => rows, one: () => rows[0], [Symbol.iterator]: () => rows.values() }
          },
        } as unknown as SqlStorage)
        return read
      }
      for (let i = 0; i < 2; i++) put(sql, `e${i}`, `a${i}`)
      // The others are copies of these two, made by one statement.
      sql.exec(`
        INSERT INTO outbox (id, ordering_key, tool, args, occurred_at, give_up_at, state, ready)
        WITH RECURSIVE others (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM others WHERE i < 1999)
        SELECT 'e' || i, ordering_key, tool, args, occurred_at, give_up_at, state, 0
        FROM others JOIN outbox ON id = 'e' || (i % 2) ORDER BY i`)
      sql.exec("UPDATE outbox SET state = 'delivered', ready = 0, settled_at = 1 WHERE seq <= 1000")
      sql.exec('UPDATE outbox SET ready = 1 WHERE seq IN (1001, 1002)')
      expect(
        rowsRead((it) =>
          expect(lease(it, { incarnation: 'one', most: 6, leaseMs: 30_000 }, START)).toHaveLength(2),
        ),
      ).toBeLessThan(30)
      expect(rowsRead((it) => markDelivered(it, 1001, START))).toBeLessThan(30)
      expect(
        rowsRead((it) =>
          nextWakeMs(principalOf(it), { nowMs: START, carrying: 'idle', tellMs: null, purgesOn: false }),
        ),
      ).toBeLessThan(30)
      expect(rowsRead((it) => put(it, 'new', 'a0'))).toBeLessThan(30)
      emptyOutbox(sql)
    })
  })
})

test('a full outbox takes no more notifications, but every logout', async () => {
  const { session } = (await statelessCall('auth_login', { provider: 'trusted', account_id: 'ana' }))
    .structured
  await settled()
  await behave('fail')
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO outbox (id, ordering_key, tool, args, occurred_at, give_up_at, state, ready)
       SELECT 'e' || i, 'k', 'track_signup', '{"account_id":"a"}', ?2, ?2 + 1e9, 'pending', 0 FROM n`,
      MOST_PENDING,
      START,
    )
  })
  const refused = await track('bea')
  expect([refused.isError, refused.code]).toEqual([true, 'outbox_full'])
  expect((await statelessCall('auth_logout', { session })).structured).toMatchObject({ ended: true })
  expect(await rows("SELECT id FROM outbox WHERE id LIKE 'logout:%'")).toHaveLength(1)
  await runInDurableObject(
    principal(),
    (_, { storage: { sql } }) => sql.exec("DELETE FROM outbox WHERE id LIKE 'e%'").rowsWritten,
  )
}, 60_000)

test('a dead letter is said in the log by that name, without what is in it', async () => {
  await behave('reject')
  await track('ana')
  await settled()
  const lines = said.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines).toEqual([
    {
      level: 'error',
      event: 'legiti.dead_letter',
      principal: 'demo/agent',
      outbox_event: expect.any(String),
      tool: 'track_signup',
      reason: 'http_400',
    },
  ])
  expect(said.join()).not.toContain('ana')
})

const eventsOf = ({ body }: { body: Record<string, unknown> | null }) =>
  (body?.items ?? []) as { id: string }[]

describe('the administration API', () => {
  const ROOT = 'gh_root_insecure-local-token'
  const path = '/api/v1/tenants/demo/grants/agent/outbox'

  test('shows how the outbox stands, and how old the oldest pending event is', async () => {
    await behave('fail')
    await track('ana')
    await settled()
    vi.setSystemTime(START + 1_500)
    const { status, body } = await send('GET', path, ROOT)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      pending: 1,
      dead: 0,
      delivered: 0,
      oldest_pending_age_seconds: 1,
      destination: { state: 'backing_off', failures: 1, reason: 'http_503' },
    })
  })

  test('lists dead letters and sends them again, even when they are older than 72 hours', async () => {
    await behave('reject')
    await track('ana')
    await settled()
    const listed = await send('GET', `${path}/events?state=dead`, ROOT)
    const [letter] = eventsOf(listed)
    expect(letter).toMatchObject({ tool: 'track_signup', state: 'dead', attempts: 1, last_error: 'http_400' })
    expect(JSON.stringify(listed.body)).not.toContain('ana')
    await behave('ok')
    vi.setSystemTime(START + 5 * DAY)
    const replayed = await send('POST', `${path}/events/${letter?.id}/replay`, ROOT)
    expect(replayed.status).toBe(202)
    await settled()
    expect(await arrived()).toEqual(['ana'])
    expect((await send('POST', `${path}/events/${letter?.id}/replay`, ROOT)).status).toBe(404)
  })

  test('gives pages', async () => {
    await behave('fail')
    await stateless('server/discover')
    await runInDurableObject(principal(), (_, { storage: { sql } }) => {
      for (let i = 0; i < 150; i++) {
        enqueue(sql, { id: `e${i}`, tool: 'track_signup', args: { account_id: 'a' }, occurredAtMs: START })
      }
    })
    const first = await send('GET', `${path}/events`, ROOT)
    const second = await send('GET', `${path}/events?after=${first.body?.next}`, ROOT)
    const ids = [first, second].flatMap(eventsOf).map(({ id }) => id)
    expect(ids).toEqual(Array.from({ length: 150 }, (_, i) => `e${i}`))
    expect(second.body?.next).toBeNull()
  })

  test.each([
    [null, path, 401],
    ['gh_demo_agent_insecure-local-token', path, 401],
    ['gh_root_insecure-local-tokem', path, 401],
    [ROOT, '/api/v1/tenants/demo/grants/nobody/outbox', 404],
    [ROOT, '/api/v1/tenants/DEMO/grants/agent/outbox', 404],
    [ROOT, `${path}/events?state=lost`, 400],
    [ROOT, `${path}/events?after=-1`, 400],
    [ROOT, `${path}/events?after=x`, 400],
  ])('token %s on %s is %i', async (token, at, status) => {
    await stateless('server/discover')
    expect((await send('GET', at, token)).status).toBe(status)
  })

  test('asking for a grant that does not exist stores nothing', async () => {
    await send('GET', '/api/v1/tenants/demo/grants/nobody/outbox', ROOT)
    expect(await rows("SELECT name FROM sqlite_master WHERE name = 'schema_version'", 'demo/nobody')).toEqual(
      [],
    )
  })

  test('without ROOT_TOKEN and without DEMO nobody is root', async () => {
    const { app } = await import('../../../src/app.ts')
    const http = (token: string) =>
      new Request(`http://127.0.0.1:8787${path}`, { headers: { authorization: `Bearer ${token}` } })
    const bare = { ...env, DEMO: 'false' } as typeof env
    expect((await app.fetch(http(ROOT), bare, createExecutionContext())).status).toBe(401)
    expect((await app.fetch(http(''), bare, createExecutionContext())).status).toBe(401)
    const set = {
      ...env,
      DEMO: 'false',
      ROOT_TOKEN: 'the-operators-own-token-of-32-characters-at-least',
    } as typeof env
    expect(
      (
        await app.fetch(
          http('the-operators-own-token-of-32-characters-at-least'),
          set,
          createExecutionContext(),
        )
      ).status,
    ).toBe(404)
    expect(
      (await app.fetch(http(ROOT), { ...set, DEMO: 'true' } as typeof env, createExecutionContext())).status,
    ).toBe(401)
  })
})

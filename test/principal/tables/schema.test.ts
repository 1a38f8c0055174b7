/** Objects that hold data of an earlier schema go on with it. */

import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { migrate, schemaVersion } from '../../../src/principal/tables/schema.ts'
import { admin, makeGrant } from '../../support/admin.ts'
import { shownByHash } from '../../support/credential.ts'
import { inLog } from '../../support/decision-log.ts'
import {
  connect,
  fresh,
  installGrant,
  principal,
  rows,
  settled,
  statelessCall,
} from '../../support/gateway.ts'
import {
  WITH_LASTING_UPSTREAMS,
  WITH_PLAIN_DIGESTS,
  WITH_SHARED_UPSTREAMS,
  WITH_SHARED_WISHES,
  WITHOUT_INCARNATIONS,
  WITHOUT_LOG,
  WITHOUT_TAGS,
  WITHOUT_TRANSPORTS,
  WITHOUT_UPSTREAMS,
} from '../earlier-schema.ts'

beforeEach(fresh)
afterEach(() => vi.useRealTimers())

const URL_ = 'https://crm.example.com/mcp'

test('an object from before there were upstream servers keeps its sessions and its audit rows', async () => {
  const client = await connect()
  await client.login('ana')
  await settled()
  await runInDurableObject(principal(), (_, state) => {
    state.storage.sql.exec(WITHOUT_UPSTREAMS)
    expect(schemaVersion(state.storage.sql)).toBe(2)
  })
  await evictDurableObject(principal())
  expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
  await client.login('bea')
  expect(await rows('SELECT account FROM sessions ORDER BY started_at, rowid')).toEqual([
    { account: 'ana' },
    { account: 'bea' },
  ])
  expect(await rows('SELECT client FROM transports')).toEqual([{ client: null }])
  expect(await rows("SELECT tool, outcome FROM audit WHERE decision = 'allow'")).toEqual([
    { tool: 'auth_login', outcome: null },
    { tool: 'auth_whoami', outcome: 'result' },
    { tool: 'auth_login', outcome: 'result' },
  ])
  expect(await rows('SELECT count(*) AS n FROM upstream_sessions')).toEqual([{ n: 0 }])
})

test('an object whose approvals had plain digests lets none of them out', async () => {
  const digest = 'd'.repeat(64)
  await connect()
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(WITH_PLAIN_DIGESTS)
    expect(schemaVersion(sql)).toBe(9)
    sql.exec(
      `INSERT INTO approvals (id, server, tool, arguments, argument_names, rule, config_version, message, url, requested_at,
         expires_at, state, revision) VALUES ('apr_agent_1', 's', 't', ?, '[]', '/r', 'v', 'm', 'u', 1, 2, 'pending', 1)`,
      digest,
    )
    const data = JSON.stringify({ id: 'apr_agent_1', argumentsSha256: digest })
    sql.exec("INSERT INTO announcements (id, at, type, data) VALUES ('a', 1, 'approval', ?)", data)
  })
  await evictDurableObject(principal())
  expect(await rows('SELECT data FROM announcements')).toEqual([
    { data: '{"id":"apr_agent_1","argumentsHmac":null}' },
  ])
  expect(JSON.stringify(await principal().approval('apr_agent_1'))).not.toContain(digest)
})

test('an object from before grants and servers had incarnations goes on as what it is, and then tells them apart', async () => {
  await admin('PUT', 'acme', { identity: { trusted: true } })
  await admin('PUT', 'acme/servers/crm', { url: URL_ })
  const token = await makeGrant('acme', 'bot', undefined, { servers: ['session', 'crm'] })
  const client = await connect({ token })
  const login = String((await client.login('ana')).structured.session)
  const transport = client.id
  const bot = principal('acme/bot')
  const secret = new TextEncoder().encode(token.slice('gh_acme_bot_'.length))
  const credential = shownByHash(await crypto.subtle.digest('SHA-256', secret))
  const bind = (id: string) =>
    bot.bindUpstream({
      ...{ credential, transport, login, owner: null, server: 'crm', url: URL_ },
      ...{ replaces: undefined, session: { id, protocolVersion: '2025-11-25' } },
    })
  await bind('one')
  await runInDurableObject(bot, (_, { storage: { sql } }) => {
    sql.exec(WITHOUT_INCARNATIONS)
    sql.exec("UPDATE grants SET config = json_remove(config, '$.upstreams[0].incarnation')")
  })
  await evictDurableObject(bot)
  // The next change of anything tells it what it is.
  await admin('PUT', 'acme/grants/bot', { policy: 'bot', servers: ['session', 'crm'], label: 'changed' })
  expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
  expect(await bind('two')).toMatchObject({ session: { id: 'one' } })
  await admin('DELETE', 'acme/servers/crm')
  await admin('PUT', 'acme/servers/crm', { url: URL_ })
  await admin('PUT', 'acme/grants/bot', { policy: 'bot', servers: ['session', 'crm'] })
  expect(await bind('three')).toMatchObject({ session: { id: 'three' } })
})

test('what was counted and held before a login goes over to its connection, and that of a login stays with it', async () => {
  const DAY_MS = 86_400_000
  await connect()
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(WITHOUT_TRANSPORTS)
    expect(schemaVersion(sql)).toBe(12)
    sql.exec('DELETE FROM sessions')
    const nowMs = Date.now()
    for (const [id, transport, account, endedAtMs] of [
      ['ses_nobody', 't1', null, null],
      ['ses_ana', 't2', 'ana', null],
      ['ses_over', 't3', null, nowMs],
      ['ses_bare', null, 'bea', null],
    ])
      sql.exec(
        `INSERT INTO sessions (id, transport, account, started_at, last_seen_at, idle_ms, expires_at, ends_at, ended_at)
         VALUES (?, ?, ?, ?, ?, 1800000, ?, ?, ?)`,
        ...[
          id ?? '',
          transport ?? null,
          account ?? null,
          nowMs,
          nowMs,
          nowMs + DAY_MS,
          nowMs + DAY_MS,
          endedAtMs ?? null,
        ],
      )
    const whole = JSON.stringify(['of the grant'])
    for (const key of ['ses_nobody', 'ses_ana', 'ses_over', 'ses_bare', 'ana'].map((it) =>
      JSON.stringify(['l', it]),
    ))
      sql.exec("INSERT INTO counters VALUES (?, 0, '3', ?)", ...[key, nowMs + DAY_MS])
    for (const key of [whole, 'no JSON'])
      sql.exec("INSERT INTO counters VALUES (?, 0, '1.5', ?)", ...[key, nowMs + DAY_MS])
    for (const [id, session] of [
      ['a1', 'ses_nobody'],
      ['a2', 'ses_ana'],
      ['a3', null],
      ['a4', 'ses_bare'],
    ])
      sql.exec(
        `INSERT INTO approvals (id, session_id, server, tool, arguments, argument_names, rule, config_version, message, url,
           requested_at, expires_at, state, revision) VALUES (?, ?, 's', 't', 'd', '[]', '/r', 'v', 'm', 'u', ?, ?, 'pending', 1)`,
        ...[id ?? '', session ?? null, nowMs, nowMs + DAY_MS],
      )
    migrate(sql)
  })
  expect(await rows('SELECT key, used FROM counters ORDER BY key')).toEqual([
    { key: '["l","ana"]', used: '3' },
    { key: '["l","ses_ana"]', used: '3' },
    { key: '["l","ses_bare"]', used: '3' },
    { key: '["l","ses_over"]', used: '3' },
    { key: '["l","t1"]', used: '3' },
    { key: '["of the grant"]', used: '1.5' },
    { key: 'no JSON', used: '1.5' },
  ])
  // Where a call that waits was asked for is in the list that came later.
  expect(await rows('SELECT id, session_id, askers FROM approvals ORDER BY id')).toEqual([
    { id: 'a1', session_id: null, askers: '[{"transport":"t1","session":null}]' },
    { id: 'a2', session_id: 'ses_ana', askers: '[{"transport":"t2","session":"ses_ana"}]' },
    { id: 'a3', session_id: null, askers: '[]' },
    { id: 'a4', session_id: 'ses_bare', askers: '[]' },
  ])
  expect(await rows('SELECT id FROM transports WHERE ended_at IS NULL ORDER BY id')).toEqual([
    { id: 't1' },
    { id: 't2' },
  ])
  expect(await rows('SELECT id, transport FROM sessions ORDER BY id')).toEqual([
    { id: 'ses_ana', transport: 't2' },
    { id: 'ses_bare', transport: null },
  ])
})

test('sessions of the stateless era from before they belonged to logins end once, and those of logins go on', async () => {
  await connect()
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(WITH_SHARED_UPSTREAMS)
    for (const [owner, session, stateless, id] of [
      ['stateless:a', '', 1, 'shared'],
      ['stateless:b', '', 1, null],
      ['stateless:a', 'ses_1', 1, 'of a login'],
      ['transport', '', 0, 'of a connection'],
    ] as const)
      sql.exec(
        `INSERT INTO upstream_sessions (owner, session, stateless, server, url, upstream_id, protocol_version, last_used_at)
         VALUES (?, ?, ?, 'crm', ?, ?, '2025-11-25', ?)`,
        ...[owner, session, stateless, URL_, id, Date.now()],
      )
    migrate(sql)
  })
  const all = 'SELECT upstream_id, ended_at IS NULL AS live, retry_at FROM upstream_sessions ORDER BY seq'
  const after = [
    { upstream_id: 'shared', live: 0, retry_at: 0 },
    { upstream_id: 'of a login', live: 1, retry_at: null },
    { upstream_id: 'of a connection', live: 1, retry_at: null },
  ]
  expect(await rows(all)).toEqual(after)
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec("UPDATE upstream_sessions SET session = '' WHERE upstream_id = 'of a login'")
    migrate(sql)
  })
  expect(await rows(all)).toEqual(after)
})

test('sessions with servers from before they had names get one each, and go on', async () => {
  const transport = (await connect()).id
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(WITHOUT_TAGS)
    expect(schemaVersion(sql)).toBe(18)
    for (const server of ['crm', 'erp'])
      sql.exec(
        `INSERT INTO upstream_sessions (owner, session, stateless, server, url, upstream_id, protocol_version, last_used_at)
         VALUES (?, '', 0, ?, ?, 'up', '2025-11-25', ?)`,
        ...[transport, server, URL_, Date.now()],
      )
  })
  await evictDurableObject(principal())
  const tags = await rows('SELECT tag FROM upstream_sessions WHERE ended_at IS NULL ORDER BY seq')
  for (const { tag } of tags) expect(tag).toMatch(/^[0-9a-f]{16}$/)
  expect(new Set(tags.map(({ tag }) => tag)).size).toBe(2)
})

test('what was asked of a server before that was a login’s own stays its connection’s', async () => {
  const client = await connect()
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(WITH_SHARED_WISHES)
    expect(schemaVersion(sql)).toBe(19)
    for (const [kind, value] of [
      ['level', 'debug'],
      ['resource', 'a:1'],
    ])
      sql.exec(
        "INSERT INTO upstream_wishes VALUES (?, 'crm', 'i', ?, ?)",
        ...[client.id ?? '', kind ?? '', value ?? ''],
      )
  })
  await evictDurableObject(principal())
  await client.login('ana')
  await client.call('auth_logout')
  const { id: transport } = client
  expect(await rows('SELECT * FROM upstream_wishes ORDER BY kind')).toEqual([
    { transport, session: '', server: 'crm', incarnation: 'i', kind: 'level', value: 'debug' },
    { transport, session: '', server: 'crm', incarnation: 'i', kind: 'resource', value: 'a:1' },
  ])
})

test('a connection’s sessions with servers that were used last when nobody wrote that down get time', async () => {
  const transport = (await connect()).id
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(WITH_LASTING_UPSTREAMS)
    expect(schemaVersion(sql)).toBe(20)
    for (const [owner, session, stateless] of [
      [transport, '', 0],
      [transport, 'ses_1', 0],
      ['stateless:', '', 1],
    ] as const)
      sql.exec(
        `INSERT INTO upstream_sessions (owner, session, stateless, server, url, upstream_id, protocol_version, last_used_at)
         VALUES (?, ?, ?, 'crm', ?, 'up', '2025-11-25', 1)`,
        ...[owner, session, stateless, URL_],
      )
    migrate(sql)
  })
  const used = await rows('SELECT last_used_at FROM upstream_sessions ORDER BY seq')
  expect(Date.now() - Number(used[0]?.last_used_at)).toBeLessThan(60_000)
  expect(used.slice(1)).toEqual([{ last_used_at: 1 }, { last_used_at: 1 }])
})

test('bringing tables up to date again changes nothing', async () => {
  await connect()
  await runInDurableObject(principal(), (_, state) => {
    const latest = schemaVersion(state.storage.sql)
    migrate(state.storage.sql)
    expect(schemaVersion(state.storage.sql)).toBe(latest)
  })
})

test('decisions that were rows of their own go on as a log: numbers, outcomes, refunds and counters', async () => {
  const minute = {
    version: '1',
    default: 'allow',
    all_tools: { limits: [{ counter: 'c', window: 'minute', max: 3 }] },
  }
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime('2030-01-01T00:00:00Z')
  const name = 'acme/bot'
  const token = await installGrant('acme', 'bot', { policy: minute })
  const call = () => statelessCall('auth_whoami', {}, { token })
  for (let i = 0; i < 3; i++) await call()
  await settled(name)
  const log = () =>
    rows<{ request_id: string; refunded_at: number | null }>('SELECT * FROM audit ORDER BY seq', name)
  const refundOf = async (i: number) => principal(name).refund((await log())[i]?.request_id ?? '')
  await refundOf(0)
  const before = await log()
  expect(before).toHaveLength(3)
  await runInDurableObject(principal(name), (_, { storage }) => {
    inLog(storage, (it) => it.save())
    storage.sql.exec(WITHOUT_LOG)
    storage.sql.exec("UPDATE sqlite_sequence SET seq = 40 WHERE name = 'audit'")
    storage.sql.exec('UPDATE audit SET at = at - 60000 WHERE seq = 1')
    expect(schemaVersion(storage.sql)).toBe(22)
  })
  await evictDurableObject(principal(name))
  // Of a call of a minute before nothing is awaited, so that a start need not read it.
  expect(await rows('SELECT settled_seq FROM log_state', name)).toEqual([{ settled_seq: 1 }])
  expect((await call()).isError).toBe(false)
  expect((await call()).code).toBe('rate_limited')
  await settled(name)
  const after = await log()
  expect(after.slice(1, 3)).toEqual(before.slice(1))
  expect(after[0]).toMatchObject({ seq: 1, refunded_at: before[0]?.refunded_at })
  expect(after.slice(3)).toMatchObject([
    { seq: 41, decision: 'allow', outcome: 'result' },
    { seq: 42, decision: 'limit' },
  ])
  // Once each, also of a call from before.
  await refundOf(0)
  expect((await call()).code).toBe('rate_limited')
  await refundOf(1)
  expect((await call()).isError).toBe(false)
})

/** Rows name the client that called, in both eras, and the one that logged in; rows from before name none and verify. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { AdmitRequest } from '../../src/contract/principal.ts'
import { migrate } from '../../src/principal/tables/schema.ts'
import { WITHOUT_CLIENTS } from '../principal/earlier-schema.ts'
import { admin, makeGrant } from '../support/admin.ts'
import { auditDb, carriedRows, makeAuditTables } from '../support/audit.ts'
import { shownByHash } from '../support/credential.ts'
import {
  connect,
  envelope,
  fresh,
  type Json,
  post,
  principal,
  request,
  rows,
  STATELESS,
  settled,
} from '../support/gateway.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const GRANT = 'acme/bot'
const CLIENT_INFO = 'io.modelcontextprotocol/clientInfo'
let token = ''

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  await admin('PUT', 'acme', { identity: { trusted: true } })
  const policy = {
    version: '1',
    default: 'allow',
    tools: { track_logout: { deny_if: [{ conditions: [] }] } },
  }
  token = await makeGrant('acme', 'bot', policy)
})
afterEach(() => {
  vi.useRealTimers()
})

/** A call of the stateless era by a client of this name; undefined: it names none. */
function calls(clientInfo: unknown, name: string, args: Json = {}, meta: Json = {}) {
  const { [CLIENT_INFO]: _, ...rest } = envelope
  const _meta = { ...rest, ...meta, ...(clientInfo === undefined ? {} : { [CLIENT_INFO]: clientInfo }) }
  const headers = {
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'tools/call',
    'mcp-name': name,
  }
  return post(request('tools/call', { name, arguments: args, _meta }), { token, headers })
}

const LOGIN = { provider: 'trusted', account_id: 'ana' }
const waiting = () =>
  rows<Row>('SELECT decision, rule, tool, client, client_version FROM audit ORDER BY seq', GRANT)
interface Row extends Record<string, SqlStorageValue> {
  decision: string
  rule: string
  tool: string
  client: string | null
  client_version: string | null
}

async function carried(): Promise<void> {
  await settled(GRANT)
  vi.setSystemTime(Date.now() + 70_000)
  await runDurableObjectAlarm(principal(GRANT))
  await principal(GRANT).auditSettled()
}

const verified = async () => (await admin('POST', 'acme/audit/verify', {})).body as Json
const items = async (query: string) => (await admin('GET', `acme/audit?${query}`)).body?.items as Json[]

describe('in the session era', () => {
  test('every row of a connection names what its initialize named', async () => {
    const client = await connect({ token, clientInfo: { name: 'claude-code', version: '2.1.0' } })
    await client.login('ana')
    await client.call('auth_whoami')
    await client.call('track_logout', { account_id: 'ana' })
    await client.call('nothing')
    await client.request('tools/call', { name: 5 })
    await client.call('auth_logout')
    const all = await waiting()
    expect(all.map(({ decision }) => decision)).toEqual([
      'allow',
      'allow',
      'deny',
      'refuse',
      'refuse',
      'end',
      'allow',
    ])
    for (const row of all) expect(row).toMatchObject({ client: 'claude-code', client_version: '2.1.0' })
  })

  test('what the client says of itself is bounded and on one line', async () => {
    const clientInfo = { name: `evil\n\u202e${'x'.repeat(100)}`, version: '\u0000' }
    const client = await connect({ token, clientInfo })
    await client.call('auth_whoami')
    expect(await waiting()).toMatchObject([{ client: `evil ${'x'.repeat(58)}…`, client_version: null }])
  })

  test('a call on a connection that has ended names the client that had it; one without a connection names none', async () => {
    const client = await connect({ token, clientInfo: { name: 'gone', version: '1' } })
    await client.delete()
    expect((await client.call('auth_whoami')).status).toBe(404)
    const never = { token, headers: { ...client.headers, 'mcp-session-id': 'never' } }
    await post(request('tools/call', { name: 'auth_whoami' }), never)
    await post(request('tools/call', { name: 'auth_whoami' }), { token })
    expect(await waiting()).toMatchObject([
      { rule: '(session ended)', client: 'gone', client_version: '1' },
      { rule: '(session ended)', client: null, client_version: null },
      { rule: '(session required)', client: null, client_version: null },
    ])
  })

  test('a message cannot name another client than its connection', async () => {
    const client = await connect({ token, clientInfo: { name: 'real', version: '1' } })
    const _meta = { [CLIENT_INFO]: { name: 'other', version: '2' } }
    await client.request('tools/call', { name: 'auth_whoami', arguments: {}, _meta })
    expect(await waiting()).toMatchObject([{ client: 'real', client_version: '1' }])
  })

  test('each message of a batch, and a batch that is refused, names it', async () => {
    const client = await connect({
      token,
      protocolVersion: '2025-03-26',
      clientInfo: { name: 'old', version: '0' },
    })
    await client.send([
      request('tools/call', { name: 'auth_whoami' }),
      request('tools/call', { name: 'nothing' }),
    ])
    await client.send(Array.from({ length: 51 }, () => request('tools/call', { name: 'auth_whoami' })))
    const all = await waiting()
    expect(all.map(({ rule }) => rule)).toEqual(['(default allow)', '(unknown tool)', '(batch)'])
    for (const row of all) expect(row).toMatchObject({ client: 'old', client_version: '0' })
  })
})

describe('in the stateless era', () => {
  test('every request names its client, or none', async () => {
    await calls({ name: 'cursor', version: '3.0' }, 'auth_whoami')
    await calls({ name: 'other', version: '1' }, 'nothing')
    await calls({ name: 'other', version: '1' }, 'track_logout', { account_id: 'ana' })
    await calls(undefined, 'auth_whoami')
    expect(await waiting()).toMatchObject([
      { decision: 'allow', client: 'cursor', client_version: '3.0' },
      { decision: 'refuse', client: 'other', client_version: '1' },
      { decision: 'deny', client: 'other', client_version: '1' },
      { decision: 'allow', client: null, client_version: null },
    ])
  })

  test('a message that is refused names it, too', async () => {
    const { status } = await post(
      request('tools/call', {
        name: 'auth_whoami',
        _meta: { ...envelope, [CLIENT_INFO]: { name: 'c', version: '1' } },
      }),
      {
        token,
        headers: { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/call', 'mcp-name': 'other' },
      },
    )
    expect(status).toBe(400)
    expect(await waiting()).toMatchObject([{ rule: '(request)', client: 'c', client_version: '1' }])
  })

  test('a read names it', async () => {
    const _meta = { ...envelope, [CLIENT_INFO]: { name: 'reader', version: '1' } }
    await post(request('resources/read', { uri: 'crm+file:///a', _meta }), {
      token,
      path: '/mcp/crm',
      headers: {
        'mcp-protocol-version': STATELESS,
        'mcp-method': 'resources/read',
        'mcp-name': 'crm+file:///a',
      },
    })
    expect(await rows('SELECT method, client FROM audit', GRANT)).toEqual([
      { method: 'resources/read', client: 'reader' },
    ])
  })
})

describe('the end of a session names the client that logged in', () => {
  const ends = async () => (await waiting()).filter(({ decision }) => decision === 'end')

  test('whichever client ends it', async () => {
    await calls({ name: 'first', version: '1' }, 'auth_login', LOGIN)
    await calls({ name: 'second', version: '2' }, 'auth_logout')
    expect(await waiting()).toMatchObject([
      { tool: 'auth_login', client: 'first', client_version: '1' },
      { decision: 'end', rule: '(logout)', client: 'first', client_version: '1' },
      { tool: 'auth_logout', client: 'second', client_version: '2' },
    ])
  })

  test('and where no client is there: an administrator, its time, its grant', async () => {
    await calls({ name: 'one', version: '1' }, 'auth_login', LOGIN)
    await admin('POST', 'acme/grants/bot/sessions/end', {})
    expect(await ends()).toMatchObject([{ rule: '(administrator)', client: 'one' }])
    const client = await connect({ token, clientInfo: { name: 'two', version: '2' } })
    await client.login('ana')
    vi.setSystemTime(Date.now() + 40 * 60_000)
    await runDurableObjectAlarm(principal(GRANT))
    await principal(GRANT).auditSettled()
    const idle = await carriedRows<Row>("kind = 'session' AND rule = '(idle)'")
    expect(idle).toMatchObject([{ client: 'two', client_version: '2' }])
    await client.login('bea')
    await client.login('eva')
    const [rotated] = (await waiting()).filter(({ rule }) => rule === '(rotated)')
    expect(rotated).toMatchObject({ client: 'two', client_version: '2' })
  })
})

describe('in the audit database', () => {
  test('rows are asked for, exported and verified by what clients call themselves', async () => {
    await calls({ name: 'cursor', version: '3.0' }, 'auth_whoami')
    await calls({ name: 'cursor', version: '3.1' }, 'auth_whoami')
    await calls({ name: "o'reilly", version: '1' }, 'auth_whoami')
    await calls(undefined, 'auth_whoami')
    await carried()
    expect(await items('client=cursor')).toHaveLength(2)
    expect(await items('client=cursor&client_version=3.1')).toMatchObject([
      { client: 'cursor', client_version: '3.1', tool: 'auth_whoami' },
    ])
    expect(await items("client=o'reilly")).toHaveLength(1)
    expect(await items('client=nobody')).toEqual([])
    expect((await items('grant=bot&order=oldest')).at(-1)).toMatchObject({
      client: null,
      client_version: null,
    })
    expect(await verified()).toMatchObject({ intact: true, findings: [] })
  })

  test('rows of an object from before, and those that come after, are one chain', async () => {
    const client = await connect({ token, clientInfo: { name: 'agent', version: '1' } })
    const stateless = () =>
      calls({ name: 'other', version: '2' }, 'auth_login', { ...LOGIN, account_id: 'bea' })
    await client.login('ana')
    await stateless()
    await settled(GRANT)
    await runInDurableObject(principal(GRANT), (_, { storage }) => {
      storage.sql.exec(WITHOUT_CLIENTS)
    })
    await evictDurableObject(principal(GRANT))
    await client.call('auth_whoami')
    await carried()
    await client.call('auth_logout')
    await stateless()
    await carried()
    const all = await carriedRows<Row & { kind: string }>("principal = 'bot'")
    expect(all.map(({ kind, tool, client: name }) => [kind, tool, name])).toEqual([
      ['decision', 'auth_login', null],
      ['decision', 'auth_login', null],
      // The connection is from before and had said what it is.
      ['decision', 'auth_whoami', 'agent'],
      // The logins are from before, and had not.
      ['session', '(session)', null],
      ['decision', 'auth_logout', 'agent'],
      ['session', '(session)', null],
      ['decision', 'auth_login', 'other'],
    ])
    expect(await verified()).toMatchObject({ intact: true, findings: [] })
  })

  test('a Worker of an earlier version names no client, and its calls are admitted', async () => {
    await calls({ name: 'agent', version: '1' }, 'auth_whoami')
    const secret = new TextEncoder().encode(token.slice('gh_acme_bot_'.length))
    const earlier: AdmitRequest = {
      tenant: 'acme',
      grant: 'bot',
      credential: shownByHash(await crypto.subtle.digest('SHA-256', secret)),
      requestId: 'r',
      transport: null,
      handle: null,
      configVersion: null,
      upstream: null,
      settled: [],
      intent: {
        kind: 'call',
        call: { server: 'session', tool: 'auth_whoami', argumentNames: [], argumentsHmac: null },
        ...{ rule: '/r', charges: [], shadow: [], assumed: null, approval: null, begunBy: null },
        work: { kind: 'whoami' },
      },
    }
    expect(await principal(GRANT).admit(earlier)).toMatchObject({ kind: 'admitted' })
    expect((await waiting()).map(({ client }) => client)).toEqual(['agent', null])
  })

  test('rows wait for a database that is not up to date, and are there once it is', async () => {
    await auditDb().prepare('DROP TABLE audit').run()
    await makeAuditTables(1)
    await calls({ name: 'agent', version: '1' }, 'auth_whoami')
    await calls(undefined, 'auth_whoami')
    await carried()
    expect(await carriedRows()).toEqual([])
    expect(await admin('GET', 'acme/audit?client=agent')).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('d1 migrations apply AUDIT_DB') },
    })
    // Without asking for clients it can be read meanwhile.
    expect(await admin('GET', 'acme/audit?tool=auth_whoami')).toMatchObject({ status: 200 })
    await auditDb().prepare('ALTER TABLE audit ADD COLUMN client TEXT').run()
    await auditDb().prepare('ALTER TABLE audit ADD COLUMN client_version TEXT').run()
    vi.setSystemTime(Date.now() + 300_000)
    await runDurableObjectAlarm(principal(GRANT))
    await principal(GRANT).auditSettled()
    expect((await carriedRows<Row>("principal = 'bot'")).map(({ client }) => client)).toEqual(['agent', null])
    expect(await verified()).toMatchObject({ intact: true, findings: [] })
  })

  test('rows that were put there by an earlier version are shown and verified', async () => {
    await auditDb().prepare('DROP TABLE audit').run()
    await makeAuditTables(1)
    await calls(undefined, 'auth_whoami')
    // As an earlier version has them: without the columns.
    const db = auditDb()
    await db.prepare('ALTER TABLE audit ADD COLUMN client TEXT').run()
    await db.prepare('ALTER TABLE audit ADD COLUMN client_version TEXT').run()
    await carried()
    await db.prepare('ALTER TABLE audit DROP COLUMN client').run()
    await db.prepare('ALTER TABLE audit DROP COLUMN client_version').run()
    expect(await items('grant=bot')).toMatchObject([{ client: null, client_version: null }])
    expect(await verified()).toMatchObject({ intact: true, findings: [] })
  })
})

test('tables that were brought up to date by a later version stay as they are', async () => {
  await connect({ token })
  await runInDurableObject(principal(GRANT), (_, { storage: { sql } }) => {
    const version = () => sql.exec<{ version: number }>('SELECT version FROM schema_version').one().version
    const later = version() + 1
    sql.exec('UPDATE schema_version SET version = ?', later)
    migrate(sql)
    expect(version()).toBe(later)
    sql.exec('UPDATE schema_version SET version = ?', later - 1)
  })
})

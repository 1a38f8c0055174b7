/** A row for every decision about a call, and every field of it right, at each URL and in both eras. */

import { evictDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { MOST_MESSAGES } from '../../src/mcp/batch.ts'
import { MOST_SUSPENDED_ROWS } from '../../src/principal/tables/suspension.ts'
import { admin, adminWith } from '../support/admin.ts'
import {
  connect,
  envelope,
  fresh,
  installGrant,
  type Json,
  open,
  post,
  principal,
  request,
  rows,
  STATELESS,
  send,
} from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'

const GRANT = 'acme/bot'
const bindings = { ALLOW_PRIVATE_UPSTREAMS: 'true' }
let token = ''

interface Row extends Record<string, SqlStorageValue> {
  request_id: string
  session_id: string | null
  account: string | null
  server: string
  tool: string
  decision: string
  rule: string
  config_version: string
  argument_names: string
  arguments_hmac: string | null
  outcome: string | null
  upstream_status: number | null
  latency_ms: number | null
}

const audit = () => rows<Row>('SELECT * FROM audit ORDER BY seq', GRANT)
const lastRow = async () => (await audit()).at(-1)

beforeEach(async () => {
  await fresh()
  const put = (path: string, body: unknown) => adminWith(bindings, 'PUT', `acme${path}`, body)
  await put('', { identity: { trusted: true } })
  await put('/servers/crm', { url: inject('upstream') })
  await put('/policies/main', { version: '1', default: 'allow', tools: { crm__echo: {} } })
  token = String((await put('/grants/bot', { policy: 'main' })).body?.token)
})

/** One call, its answer read to the end. */
async function call(
  era: 'session' | 'stateless',
  path: string,
  name: string,
  args: Json,
  more: { readonly transport?: string; readonly meta?: Json } = {},
): Promise<number> {
  const { transport, meta = {} } = more
  const isStateless = era === 'stateless'
  const _meta = isStateless ? { ...envelope, ...meta } : meta
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': isStateless ? STATELESS : '2025-11-25',
    ...(isStateless ? { 'mcp-method': 'tools/call', 'mcp-name': name } : {}),
    ...(transport === undefined ? {} : { 'mcp-session-id': transport }),
  }
  const body = request('tools/call', { name, arguments: args, _meta })
  const response = await open('POST', path, token, headers, body)
  await response.text()
  return response.status
}

describe.each([
  ['/mcp', 'crm__echo', 'crm', 'echo', 200],
  ['/mcp/crm', 'echo', 'crm', 'echo', 200],
  ['/mcp', 'auth_whoami', 'session', 'auth_whoami', null],
  ['/mcp/session', 'auth_whoami', 'session', 'auth_whoami', null],
  ['/mcp', 'get_decision', 'legiti', 'get_decision', null],
  ['/mcp/legiti', 'get_decision', 'legiti', 'get_decision', null],
] as const)('%s %s', (path, name, server, tool, upstreamStatus) => {
  const args: Json = tool === 'get_decision' ? { sale_id: 's1' } : tool === 'echo' ? { text: 'x' } : {}

  test.each(['session', 'stateless'] as const)('in the %s era', async (era) => {
    const client = await connect({ token, path: path === '/mcp/crm' ? '/mcp' : path })
    let transport = client.id
    let handle = ''
    if (era === 'session') {
      if (path === '/mcp/crm') transport = (await connect({ token, path })).id
      await send('POST', '/mcp', token, sessionHeaders(transport), loginOf('ana'))
    } else {
      await call(era, '/mcp', 'auth_login', { provider: 'trusted', account_id: 'ana' })
      const [live] = await rows<{ id: string }>("SELECT id FROM sessions WHERE account = 'ana'", GRANT)
      handle = live?.id ?? ''
    }
    const withHandle = era === 'stateless' && server !== 'crm' ? { ...args, session: handle } : args
    const meta = era === 'stateless' && server === 'crm' ? { 'gatehouse/session': handle } : {}
    await call(era, path, name, withHandle, era === 'session' ? { transport } : { meta })
    const [session] = await rows<{ id: string }>("SELECT id FROM sessions WHERE account = 'ana'", GRANT)
    const row = await vi.waitFor(async () => {
      const last = await lastRow()
      expect(last?.outcome).not.toBeNull()
      return last
    }, PATIENT)
    expect(row).toMatchObject({
      server,
      tool,
      decision: 'allow',
      session_id: session?.id,
      account: 'ana',
      argument_names: JSON.stringify(Object.keys(withHandle)),
      arguments_hmac: expect.stringMatching(/^[\w-]+:[\w-]{22}$/),
      outcome: expect.stringMatching(/^(result|tool_error|not_delivered)$/),
      upstream_status: upstreamStatus,
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      config_version: expect.stringMatching(/^[0-9a-f]{16,}$/),
    })
    // What the principal does itself takes no time that could be told.
    if (tool === 'auth_whoami') expect(row?.latency_ms).toBeNull()
    else expect(row?.latency_ms).toBeGreaterThanOrEqual(0)
  })
})

const sessionHeaders = (transport: string) => ({
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-session-id': transport,
})
const loginOf = (account: string) =>
  request('tools/call', { name: 'auth_login', arguments: { provider: 'trusted', account_id: account } })

describe('what never gets as far as a tool has a row, too', () => {
  const paths = ['/mcp', '/mcp/crm', '/mcp/session', '/mcp/legiti']
  const unknown = { server: '(unknown)', tool: '(unknown)', decision: 'refuse', argument_names: '[]' }
  const echo = { name: 'crm__echo', arguments: { text: 'x' } }

  test.each(paths)('%s: without a session', async (path) => {
    expect((await post(request('tools/call', echo), { token, path })).status).toBe(400)
    expect(await audit()).toMatchObject([{ ...unknown, rule: '(session required)', session_id: null }])
  })

  test.each(paths)('%s: params that are none, and a call that wants no answer', async (path) => {
    const client = await connect({ token, path: path === '/mcp/crm' ? '/mcp' : path })
    const headers = sessionHeaders(client.id)
    const before = (await audit()).length
    const bad = { name: 'crm__echo', arguments: ['x'] }
    await send('POST', path, token, headers, request('tools/call', bad))
    const { id: _, ...silent } = request('tools/call', echo)
    const answer = await send('POST', path, token, headers, silent)
    expect([answer.status, answer.body?.error]).toMatchObject([400, { code: -32_600 }])
    const row = { ...unknown, rule: '(request)', session_id: null }
    expect((await audit()).slice(before)).toMatchObject([row, row])
  })

  test.each(paths)('%s: headers that name another tool', async (path) => {
    const params = { ...echo, _meta: envelope }
    const headers = {
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': STATELESS,
      'mcp-method': 'tools/call',
      'mcp-name': 'harmless',
    }
    const answer = await post(request('tools/call', params), { token, path, headers })
    expect(answer.status).toBe(400)
    expect(await audit()).toMatchObject([{ ...unknown, rule: '(request)' }])
  })

  test('a batch in a revision without batches, and one that is too long', async () => {
    const client = await connect({ token })
    const one = request('tools/call', echo)
    await send('POST', '/mcp', token, sessionHeaders(client.id), [one])
    const many = Array.from({ length: MOST_MESSAGES + 1 }, () => one)
    await send('POST', '/mcp', token, sessionHeaders(client.id), many)
    const row = { ...unknown, rule: '(batch)' }
    expect(await audit()).toMatchObject([row, row])
  })

  test.each([
    ['crm__echo', 'crm', 'echo'],
    ['auth_whoami', 'session', 'auth_whoami'],
  ])(
    'a call of %s in a session that has ended says which, also in an isolate that knows nothing',
    async (name, server, tool) => {
      const client = await connect({ token })
      const isDead = `${client.id}-dead`
      expect(await call('session', '/mcp', name, {}, { transport: isDead })).toBe(404)
      const row = { server, tool, decision: 'refuse', rule: '(session ended)', session_id: null }
      expect(await audit()).toMatchObject([row])
      const answer = await call('session', '/mcp', name, { x: 1 }, { transport: isDead })
      expect([answer, (await audit()).length]).toEqual([404, 2])
    },
  )

  test('a batch of calls in a session that has ended, or of a suspended tenant', async () => {
    const client = await connect({ token })
    const batch = [request('tools/call', echo), request('ping')]
    const headers = sessionHeaders(client.id)
    expect((await send('POST', '/mcp', token, sessionHeaders(`${client.id}-dead`), batch)).status).toBe(404)
    await admin('POST', 'acme/suspend')
    expect((await send('POST', '/mcp', token, headers, batch)).status).toBe(403)
    expect((await send('POST', '/mcp', token, headers, [request('ping')])).status).toBe(403)
    expect(await audit()).toMatchObject([
      { ...unknown, rule: '(session ended)' },
      { ...unknown, rule: '(suspended)' },
    ])
  })

  test('what is no call has none, and whoever may not know leaves none', async () => {
    const client = await connect({ token })
    await client.request('tools/list')
    await client.request('ping')
    await post(request('tools/list'), { token })
    await send('POST', '/mcp', token, sessionHeaders(client.id), '{')
    for (const wrong of [null, `${token}x`, 'gh_acme_nobody_secret']) {
      await post(request('tools/call', echo), { token: wrong })
      await post(request('tools/call', { name: 1 }), { token: wrong })
    }
    expect(await audit()).toEqual([])
  })
})

describe('while the tenant is suspended', () => {
  test.each(['session', 'stateless'] as const)('a call has a row in the %s era', async (era) => {
    const client = await connect({ token })
    await client.login('ana')
    const before = (await audit()).length
    await admin('POST', 'acme/suspend')
    const more = era === 'session' ? { transport: client.id } : {}
    for (const [name, args] of [
      ['crm__echo', { text: 'x' }],
      ['auth_whoami', {}],
      ['auth_login', { provider: 'trusted', account_id: 'bea' }],
      ['nothing', {}],
    ] as const)
      expect(await call(era, '/mcp', name, args, more)).toBe(403)
    const account = era === 'session' ? 'ana' : null
    const row = { decision: 'refuse', rule: '(suspended)', outcome: null, account }
    expect((await audit()).slice(before)).toMatchObject([
      { ...row, server: 'crm', tool: 'echo', argument_names: '["text"]' },
      { ...row, server: 'session', tool: 'auth_whoami' },
      { ...row, server: 'session', tool: 'auth_login' },
      { ...row, server: '(unknown)', tool: '(unknown)' },
    ])
    expect(await rows("SELECT id FROM sessions WHERE account = 'bea'", GRANT)).toEqual([])
    await admin('POST', 'acme/resume')
    expect(await call(era, '/mcp', 'auth_whoami', {}, more)).toBe(200)
    expect(await lastRow()).toMatchObject({ decision: 'allow', tool: 'auth_whoami' })
  })

  test('nothing is charged, nothing is asked of anybody, and nothing but calls is on record', async () => {
    const client = await connect({ token })
    const before = (await audit()).length
    await admin('POST', 'acme/suspend')
    expect((await client.request('tools/list')).status).toBe(403)
    expect((await client.request('ping')).status).toBe(403)
    expect((await post(request('initialize', {}), { token })).status).not.toBe(200)
    expect((await send('DELETE', '/mcp', token, sessionHeaders(client.id))).status).toBe(403)
    expect((await audit()).length).toBe(before)
    for (const wrong of [null, `${token}x`])
      await post(request('tools/call', { name: 'auth_whoami' }), { token: wrong })
    expect((await audit()).length).toBe(before)
  })

  test('a loop makes so many rows a minute, the last of which says that there was more', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      vi.setSystemTime(Date.parse('2030-01-01T00:00:30Z'))
      await connect({ token })
      await admin('POST', 'acme/suspend')
      const flood = async (count: number) => {
        for (let i = 0; i < count; i++) await call('stateless', '/mcp', 'auth_whoami', {})
      }
      await flood(MOST_SUSPENDED_ROWS + 5)
      await evictDurableObject(principal(GRANT))
      await flood(2)
      const all = await audit()
      expect(all.length).toBe(MOST_SUSPENDED_ROWS)
      expect([all[0]?.rule, all.at(-1)?.rule]).toEqual(['(suspended)', '(suspended, more this minute)'])
      vi.setSystemTime(Date.parse('2030-01-01T00:01:00Z'))
      await flood(1)
      expect((await lastRow())?.rule).toBe('(suspended)')
      expect((await audit()).length).toBe(MOST_SUSPENDED_ROWS + 1)
    } finally {
      vi.useRealTimers()
    }
  }, 30_000)
})

test('a principal that was suspended before suspensions had versions refuses, too', async () => {
  token = await installGrant('acme', 'bot')
  const client = await connect({ token })
  const [config] = await rows<{ config: string }>('SELECT config FROM grants', GRANT)
  const held = JSON.parse(config?.config ?? '{}') as { version: string }
  await principal(GRANT).installGrant({
    tenant: 'acme',
    name: 'bot',
    label: 'bot',
    secretHash: new Uint8Array(
      await crypto.subtle.digest('SHA-256', new TextEncoder().encode('secret-of-acme-bot')),
    ),
    config: { ...held, suspended: true } as never,
    expiresAtMs: null,
  })
  expect((await client.call('auth_whoami')).status).toBe(403)
  expect(await lastRow()).toMatchObject({ rule: '(suspended)', config_version: held.version })
})

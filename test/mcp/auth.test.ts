/** Who may call: tokens, tenants, and what a wrong one learns (nothing). */

import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import { countFailure, SLOW_DOWN_MS, slowDown, sourceOf } from '../../src/request/failures.ts'
import { admin, makeGrant, makePerson } from '../support/admin.ts'
import { shown } from '../support/credential.ts'
import {
  BASE,
  connect,
  DEMO_TOKEN,
  fresh,
  headersOf,
  installGrant,
  post,
  principal,
  request,
  send,
  stateless,
  statelessCall,
} from '../support/gateway.ts'

beforeEach(async () => {
  await fresh()
})
afterEach(() => vi.useRealTimers())

const whole = async (answer: { status: number; headers: Headers; body: unknown }) => ({
  status: answer.status,
  headers: headersOf(answer),
  body: answer.body,
})

describe('a token that is no good', () => {
  test('wrong, revoked, expired and unknown are told apart by nobody', async () => {
    await installGrant('acme', 'bot')
    const expired = await installGrant('acme', 'expired', { expiresAtMs: Date.now() - 1 })
    const revoked = await installGrant('acme', 'revoked')
    await principal('acme/revoked').revoke()
    const tokens = [
      'gh_acme_bot_wrong-secret-wrong-secret',
      revoked,
      expired,
      'gh_acme_nobody_secret-of-nobody-at-all',
      'gh_nobody_nobody_secret-of-nobody-at-all',
      'not-even-a-token',
      'gh_acme_bot_short',
      'gh_ACME_bot_secret-of-acme-bot',
    ]
    const answers = await Promise.all(
      tokens.map(async (token) => whole(await stateless('tools/list', {}, { token }))),
    )
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]?.status).toBe(401)
    expect(new Headers(answers[0]?.headers).get('www-authenticate')).toContain('error="invalid_token"')
  })

  test('whatever it is used for', async () => {
    await installGrant('acme', 'bot')
    const revoked = await installGrant('acme', 'revoked')
    await principal('acme/revoked').revoke()
    const tokens = [
      'gh_acme_bot_wrong-secret-wrong-secret',
      revoked,
      'gh_acme_nobody_secret-of-nobody-at-all',
      'nonsense',
    ]
    const uses: ((token: string) => Promise<{ status: number; headers: Headers; body: unknown }>)[] = [
      (token) => post(request('initialize', { protocolVersion: '2025-11-25' }), { token }),
      (token) => post([request('ping')], { token, headers: { 'mcp-session-id': 'x' } }),
      (token) => post('not json', { token }),
      (token) => send('GET', '/mcp', token, { 'mcp-session-id': 'x', accept: 'text/event-stream' }),
      (token) => send('DELETE', '/mcp', token, { 'mcp-session-id': 'x' }),
      (token) => send('PUT', '/mcp', token),
      (token) => stateless('subscriptions/listen', { notifications: {} }, { token }),
      (token) => stateless('tools/call', { name: 'auth_whoami' }, { token }),
    ]
    for (const use of uses) {
      const answers = await Promise.all(tokens.map(async (token) => whole(await use(token))))
      expect(answers[0]?.status).toBe(401)
      for (const answer of answers) expect(answer).toEqual(answers[0])
    }
  })

  test('no token at all is challenged without an error (RFC 6750, 3.1)', async () => {
    const answer = await post(request('ping'), { token: null })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="gatehouse"')
  })

  test('an object that knows no such grant stores nothing', async () => {
    await stateless('tools/list', {}, { token: 'gh_acme_nobody_secret-of-nobody-at-all' })
    await post(request('initialize'), { token: 'gh_acme_nobody_secret-of-nobody-at-all' })
    await runInDurableObject(principal('acme/nobody'), async (_, state) => {
      const tables = state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray()
      expect(tables).toEqual([])
      expect(await state.storage.list()).toEqual(new Map())
      expect(await state.storage.getAlarm()).toBeNull()
    })
  })

  test('it works until it is revoked, and not once after', async () => {
    const token = await installGrant('acme', 'bot')
    const client = await connect({ token })
    expect((await client.request('ping')).status).toBe(200)
    expect(await principal('acme/bot').revoke()).toBe(true)
    expect((await client.request('ping')).status).toBe(401)
    expect((await stateless('server/discover', {}, { token })).status).toBe(401)
    expect(await principal('acme/bot').revoke()).toBe(false)
  })

  test('nothing but another secret opens a revoked grant again', async () => {
    const token = await installGrant('acme', 'bot')
    await principal('acme/bot').revoke()
    await installGrant('acme', 'bot', { policy: { version: '1', default: 'deny' } })
    expect((await stateless('server/discover', {}, { token })).status).toBe(401)
    const next = await installGrant('acme', 'bot', { secret: 'another-secret-altogether' })
    expect((await stateless('server/discover', {}, { token: next })).status).toBe(200)
    expect((await stateless('server/discover', {}, { token })).status).toBe(401)
  })

  test('it works until the millisecond in which it expires', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime('2030-01-01T00:00:00Z')
    const expiresAtMs = Date.now() + 1_000
    const token = await installGrant('acme', 'bot', { expiresAtMs })
    vi.setSystemTime(expiresAtMs - 1)
    expect((await stateless('server/discover', {}, { token })).status).toBe(200)
    vi.setSystemTime(expiresAtMs)
    expect((await stateless('server/discover', {}, { token })).status).toBe(401)
  })
})

describe('tenants', () => {
  test('a token opens its own tenant’s path and no other', async () => {
    const token = await installGrant('acme', 'bot')
    await installGrant('other', 'bot')
    expect((await stateless('server/discover', {}, { token, path: '/t/acme/mcp' })).status).toBe(200)
    expect((await stateless('server/discover', {}, { token, path: '/mcp' })).status).toBe(200)
    expect((await stateless('server/discover', {}, { token, path: '/t/other/mcp' })).status).toBe(401)
  })

  test('another principal’s session is answered as a dead one', async () => {
    const [mine, theirs] = [await installGrant('acme', 'mine'), await installGrant('acme', 'theirs')]
    const client = await connect({ token: mine })
    await client.login('ana')
    const stolen = { 'mcp-session-id': client.id }
    const [used, unknown] = [
      await post(request('ping'), { token: theirs, headers: stolen }),
      await post(request('ping'), { token: theirs, headers: { 'mcp-session-id': 'no-such-session' } }),
    ]
    expect([used.status, unknown.status]).toEqual([404, 404])
    expect({ ...used.body, id: 0 }).toEqual({ ...unknown.body, id: 0 })
    const session = (await client.call('auth_whoami')).structured.session
    expect((await statelessCall('auth_logout', { session }, { token: theirs })).code).toBe('session_ended')
    expect(
      (
        await statelessCall(
          'track_account',
          { session, action: 'create', account_id: 'a' },
          { token: theirs },
        )
      ).code,
    ).toBe('session_ended')
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
  })
})

describe('the demo’s token', () => {
  const ask = async (url: string, DEMO: string | undefined) => {
    const headers = { authorization: `Bearer ${DEMO_TOKEN}`, 'content-type': 'application/json' }
    const context = createExecutionContext()
    const init = { method: 'POST', headers, body: JSON.stringify(request('ping')) }
    const response = await app.fetch(new Request(url, init), { ...env, DEMO } as typeof env, context)
    await waitOnExecutionContext(context)
    return response.status
  }

  test('exists on this machine while DEMO is "true"', async () => {
    expect(await ask('http://127.0.0.1:8787/mcp', 'true')).toBe(400)
    expect(await ask('http://demo.localhost/mcp', 'true')).toBe(400)
  })

  test('does not exist without DEMO, nor for any other value of it', async () => {
    expect(await ask('http://127.0.0.1:8787/mcp', undefined)).toBe(401)
    expect(await ask('http://127.0.0.1:8787/mcp', 'false')).toBe(401)
    expect(await ask('http://127.0.0.1:8787/mcp', '1')).toBe(401)
  })

  test('never answers another machine, even with DEMO', async () => {
    expect(await ask('https://gatehouse.example.com/mcp', 'true')).toBe(401)
  })

  test('is refused by an object that seeded it, once DEMO is gone', async () => {
    await stateless('server/discover')
    const credential = await shown('insecure-local-token')
    await runInDurableObject(principal(), async (object, state) => {
      const { PrincipalObject } = await import('../../src/principal/object.ts')
      const without = new PrincipalObject(state, { ...env, DEMO: 'false' } as typeof env)
      const ask = {
        tenant: 'demo',
        grant: 'agent',
        credential,
        requestId: 'r',
        transport: null,
        handle: null,
        configVersion: null,
        upstream: null,
        settled: [],
      }
      expect(await without.admit({ ...ask, intent: { kind: 'check' } })).toEqual({ kind: 'unauthorized' })
      expect(await object.admit({ ...ask, intent: { kind: 'check' } })).toMatchObject({ kind: 'admitted' })
    })
  })

  test('can be revoked for good', async () => {
    await stateless('server/discover')
    await principal().revoke()
    expect((await stateless('server/discover')).status).toBe(401)
  })
})

describe('guessing', () => {
  test('an address that fails too often waits a second for each unknown token; others do not', async () => {
    const at = (address: string) => new Request('http://x', { headers: { 'cf-connecting-ip': address } })
    for (let i = 0; i < 21; i++) await countFailure(at('192.0.2.7'), env, Date.now())
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await slowDown(at('192.0.2.8'), Date.now())
    const slowed = slowDown(at('192.0.2.7'), Date.now())
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(SLOW_DOWN_MS)
    await slowed
    await slowDown(at('192.0.2.7'), Date.now() + 61_000)
  })

  test('nobody is locked out: a good token passes from the same address, even one that was never seen', async () => {
    const good = await installGrant('acme', 'bot')
    const unseen = await installGrant('other', 'bot')
    const from = { headers: { 'cf-connecting-ip': '192.0.2.10' } }
    expect((await stateless('tools/list', {}, { token: good, ...from })).status).toBe(200)
    const guesses = Array.from({ length: 25 }, (_, i) => `gh_acme_bot_guess-number-${i}-of-many`)
    for (const answer of await Promise.all(
      guesses.map((token) => stateless('tools/list', {}, { token, ...from })),
    )) {
      expect(answer.status).toBe(401)
    }
    expect((await stateless('tools/list', {}, { token: good, ...from })).status).toBe(200)
    expect((await stateless('tools/list', {}, { token: unseen, ...from })).status).toBe(200)
  })

  test('a token whose check digits are wrong asks no object, and is counted like any other', async () => {
    const untouchable = { getByName: () => expect.unreachable('asked') }
    const AUTH_FAILURES = { limit: vi.fn().mockResolvedValue({ success: true }) }
    const cut = {
      ...env,
      PRINCIPAL: untouchable,
      TENANT: untouchable,
      AUTH_FAILURES,
    } as unknown as typeof env
    const agents = await makeGrant('acme', 'bot')
    const persons = await makePerson('acme', 'ana', 'admin')
    expect(agents).toMatch(/^gh_acme_bot_[\w-]{43}[0-9a-f]{8}$/)
    const other = (token: string) => `${token.slice(0, 30)}${token[30] === 'x' ? 'y' : 'x'}${token.slice(31)}`
    const ask = async (path: string, token: string, method: string) => {
      const init = { method, headers: { authorization: `Bearer ${token}` } }
      return (await app.fetch(new Request(`${BASE}${path}`, init), cut, createExecutionContext())).status
    }
    expect(await ask('/mcp', other(agents), 'POST')).toBe(401)
    expect(await ask('/mcp', agents.replace('_bot_', '_bots_'), 'POST')).toBe(401)
    expect(await ask('/api/v1/tenants/acme', other(persons), 'GET')).toBe(401)
    expect(AUTH_FAILURES.limit).toHaveBeenCalledTimes(3)
    const rotated = await admin('POST', 'acme/grants/bot/rotate', {})
    expect(String(rotated.body?.token)).toMatch(/^gh_acme_bot_[\w-]{43}[0-9a-f]{8}$/)
    expect((await stateless('tools/list', {}, { token: String(rotated.body?.token) })).status).toBe(200)
    expect((await admin('GET', 'acme', undefined, persons)).status).toBe(200)
    // From before there were any.
    expect((await stateless('tools/list', {}, { token: await installGrant('acme', 'old') })).status).toBe(200)
  })

  test('asking without a token is no guess', async () => {
    const AUTH_FAILURES = { limit: vi.fn() }
    for (const [headers, counted] of [
      [{}, 0],
      [{ authorization: 'Bearer nonsense' }, 1],
    ] as const) {
      await app.fetch(
        new Request('http://127.0.0.1:8787/mcp', { method: 'POST', headers }),
        {
          ...env,
          AUTH_FAILURES,
        } as unknown as typeof env,
        createExecutionContext(),
      )
      expect(AUTH_FAILURES.limit).toHaveBeenCalledTimes(counted)
    }
  })

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:DB8:0001:2::9', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::', 'fe80:0:0:0'],
  ])('%s counts as %s', (address, source) => {
    expect(sourceOf(new Request('http://x', { headers: { 'cf-connecting-ip': address } }))).toBe(source)
  })
})

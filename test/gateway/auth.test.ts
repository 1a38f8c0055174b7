/** Who may call: tokens, tenants, and what a wrong one learns (nothing). */
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import { forgetFailures } from '../../src/gateway/failures.ts'
import {
  connect,
  DEMO_TOKEN,
  fresh,
  installGrant,
  post,
  principal,
  request,
  stateless,
  statelessCall,
} from '../support/gateway.ts'

beforeEach(async () => {
  await fresh()
  forgetFailures()
})
afterEach(() => vi.useRealTimers())

const whole = async (answer: { status: number; headers: Headers; body: unknown }) => ({
  status: answer.status,
  headers: [...answer.headers],
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
    expect((await statelessCall('auth_logout', { session }, { token: theirs })).structured).toMatchObject({
      ended: false,
    })
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
    const secretHash = new Uint8Array(
      await crypto.subtle.digest('SHA-256', new TextEncoder().encode('insecure-local-token')),
    )
    await runInDurableObject(principal(), async (object, state) => {
      const { PrincipalObject } = await import('../../src/principal/object.ts')
      const without = new PrincipalObject(state, { ...env, DEMO: 'false' } as typeof env)
      const ask = {
        tenant: 'demo',
        grant: 'agent',
        secretHash,
        requestId: 'r',
        transport: null,
        configVersion: null,
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
  test('an address that fails too often is slowed; a token that was good here still passes', async () => {
    const from = (address: string) => ({ headers: { 'cf-connecting-ip': address } })
    const good = await installGrant('acme', 'bot')
    expect((await stateless('server/discover', {}, { token: good, ...from('192.0.2.7') })).status).toBe(200)
    expect((await stateless('tools/list', {}, { token: good, ...from('192.0.2.7') })).status).toBe(200)
    const statuses: number[] = []
    for (let i = 0; i < 30; i++) {
      const token = `gh_acme_bot_guess-number-${String(i).padStart(6, '0')}`
      statuses.push((await stateless('server/discover', {}, { token, ...from('192.0.2.7') })).status)
    }
    expect(statuses.slice(0, 20)).toEqual(Array(20).fill(401))
    const slowed = await stateless(
      'server/discover',
      {},
      { token: 'gh_acme_bot_one-more-guess-here', ...from('192.0.2.7') },
    )
    expect(slowed.status).toBe(429)
    expect(Number(slowed.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await stateless('tools/list', {}, { token: good, ...from('192.0.2.7') })).status).toBe(200)
    expect(
      (await stateless('server/discover', {}, { token: 'gh_a_b_another-address-here', ...from('192.0.2.8') }))
        .status,
    ).toBe(401)
  })
})

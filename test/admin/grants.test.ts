/** Grants over the administration API: their tokens, what they reach, and that every change holds at once. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { TenantConfig } from '../../src/contract/config.ts'
import { admin, makeGrant, tenantObject, tenantRows } from '../support/admin.ts'
import { connect, fresh, post, request, rows } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const put = (document: unknown, name = 'bot') => admin('PUT', `acme/grants/${name}`, document)
const URL_ = 'https://crm.example.com/mcp'

/** The configuration that a principal holds. */
async function configOf(principal: string): Promise<TenantConfig> {
  const [row] = await rows<{ config: string }>('SELECT config FROM grants', principal)
  return JSON.parse(row?.config ?? 'null') as TenantConfig
}
const upstreamsOf = async (principal: string) => (await configOf(principal)).upstreams.map(({ name }) => name)

/** Whether a token opens anything. */
const opens = async (token: string) => (await post(request('ping'), { token })).status !== 401

describe('a grant', () => {
  test('has its token in the answer that made it, and nowhere else', async () => {
    await admin('PUT', 'acme/policies/main', { version: '1', default: 'allow' })
    const created = await put({ label: 'Billing bot', policy: 'main' })
    expect([created.status, created.body]).toEqual([
      201,
      {
        name: 'bot',
        label: 'Billing bot',
        policy: 'main',
        servers: '*',
        native_servers: { session: 'on', legiti: 'on' },
        owner: null,
        sessions: 'auto',
        expires_at: null,
        built_in: false,
        pending: 0,
        older_token_until: null,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        warnings: [],
        token: expect.stringMatching(/^gh_acme_bot_[A-Za-z0-9_-]{43}[0-9a-f]{8}$/),
      },
    ])
    const token = String(created.body?.token)
    const secret = token.slice('gh_acme_bot_'.length)
    const changed = await put({ label: 'Another', policy: 'main' })
    expect([changed.status, changed.body?.label, 'token' in (changed.body ?? {})]).toEqual([
      200,
      'Another',
      false,
    ])
    const all = [changed, await admin('GET', 'acme/grants'), await admin('GET', 'acme/grants/bot')]
    expect(JSON.stringify(all)).not.toContain(secret)
    expect(JSON.stringify(await tenantRows('acme', 'SELECT *, hex(secret_hash) FROM grants'))).not.toContain(
      secret,
    )
    expect(await (await connect({ token })).tools()).toContain('auth_login')
  })

  test('without a policy is denied everything, and its maker told so', async () => {
    await admin('PUT', 'acme', {})
    const { body } = await put({})
    expect(body?.warnings).toEqual(['The grant is under no policy: every call is denied.'])
    expect(await (await connect({ token: String(body?.token) })).tools()).toEqual([])
  })

  test.each([
    [{ policy: 'man' }, '/policy: found the unknown policy "man"; allowed: main; did you mean "main"?'],
    [
      { servers: ['crm', 'erp'] },
      '/servers/1: found the unknown server "erp"; allowed: session, legiti, crm',
    ],
    [{ servers: 'crm' }, '/servers: found "crm"; allowed: a list of at most 200 names of servers, or "*"'],
    [
      { expires_at: 'tomorrow' },
      '/expires_at: found "tomorrow"; allowed: a time like 2030-01-31T12:00:00Z, or null',
    ],
    [
      { expires_at: '2001-01-01T00:00:00Z' },
      '/expires_at: found a time that is past; allowed: a time to come, or null',
    ],
    [{ sessions: 'some' }, '/sessions: found "some"; allowed: "auto", "one", "many"'],
    [{ label: '' }, '/label: found ""; allowed: 1 to 200 characters'],
    [
      { lable: 'x' },
      '/lable: found the unknown name "lable"; allowed: label, policy, servers, owner, sessions, expires_at',
    ],
  ])('%j is refused', async (document, problem) => {
    await admin('PUT', 'acme/policies/main', { version: '1', default: 'allow' })
    await admin('PUT', 'acme/servers/crm', { url: URL_ })
    const answer = await put(document)
    expect([answer.status, answer.body?.problems]).toEqual([422, [expect.stringContaining(problem)]])
    expect((await admin('GET', 'acme/grants/bot')).status).toBe(404)
  })

  test('is a person’s, who may leave', async () => {
    const refused = await put({ owner: 'anna' })
    expect([refused.status, refused.body?.problems]).toEqual([
      422,
      ['/owner: found the unknown person "anna"; allowed: none: this tenant has no person'],
    ])
    await admin('PUT', 'acme/people/ana', { role: 'viewer' })
    expect((await put({ owner: 'ana' })).body).toMatchObject({ owner: 'ana' })
    expect((await admin('DELETE', 'acme/people/ana')).status).toBe(200)
    expect((await put({ owner: 'ana', label: 'Left behind' })).body).toMatchObject({ owner: 'ana' })
    expect((await put({ owner: null })).body).toMatchObject({ owner: null })
    expect((await put({ owner: 'ana' })).status).toBe(422)
  })

  test('names a policy where there is none yet', async () => {
    expect((await put({ policy: 'main' })).body?.problems).toEqual([
      '/policy: found the unknown policy "main"; allowed: none: this tenant has no policy',
    ])
  })

  test('ends when its time is over, and lives on when that is changed', async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ['Date'] })
    const expires_at = new Date(start + 3_600_000).toISOString()
    const token = await makeGrant('acme', 'bot', undefined, { expires_at })
    expect(await opens(token)).toBe(true)
    vi.setSystemTime(start + 3_600_001)
    expect(await opens(token)).toBe(false)
    await put({ policy: 'bot', expires_at: new Date(start + 7_200_000).toISOString() })
    expect(await opens(token)).toBe(true)
    await put({ policy: 'bot' })
    vi.setSystemTime(start + 1_000 * 3_600_000)
    expect(await opens(token)).toBe(true)
  })

  test('is revoked by DELETE; made again it has another token', async () => {
    const token = await makeGrant('acme', 'bot')
    expect(await opens(token)).toBe(true)
    expect((await admin('DELETE', 'acme/grants/bot')).body).toEqual({
      deleted: true,
      warnings: [],
      told: 1,
      pending: 0,
    })
    expect(await opens(token)).toBe(false)
    expect((await admin('GET', 'acme/grants/bot')).status).toBe(404)
    expect((await admin('DELETE', 'acme/grants/bot')).status).toBe(404)
    const again = await makeGrant('acme', 'bot')
    expect([await opens(again), await opens(token)]).toEqual([true, false])
  })
})

describe('the servers of a grant', () => {
  test('are all of them, or those that it names', async () => {
    await makeGrant('acme', 'all')
    for (const name of ['erp', 'crm']) await admin('PUT', `acme/servers/${name}`, { url: URL_ })
    await makeGrant('acme', 'few', undefined, { servers: ['erp', 'session'] })
    await makeGrant('acme', 'none', undefined, { servers: [] })
    expect(await upstreamsOf('acme/all')).toEqual(['crm', 'erp'])
    expect([await upstreamsOf('acme/few'), (await configOf('acme/few')).settings.servers]).toEqual([
      ['erp'],
      ['session'],
    ])
    expect([await upstreamsOf('acme/none'), (await configOf('acme/none')).settings.servers]).toEqual([[], []])
  })

  test('go when they are switched off or deleted, and a deleted one does not come back by itself', async () => {
    await admin('PUT', 'acme/servers/crm', { url: URL_ })
    await makeGrant('acme', 'all')
    await makeGrant('acme', 'few', undefined, { servers: ['crm'] })
    await admin('PUT', 'acme/servers/crm', { url: URL_, enabled: false })
    expect([await upstreamsOf('acme/all'), await upstreamsOf('acme/few')]).toEqual([[], []])
    await admin('PUT', 'acme/servers/crm', { url: URL_ })
    expect([await upstreamsOf('acme/all'), await upstreamsOf('acme/few')]).toEqual([['crm'], ['crm']])
    await admin('DELETE', 'acme/servers/crm')
    expect([await upstreamsOf('acme/all'), await upstreamsOf('acme/few')]).toEqual([[], []])
    expect((await admin('GET', 'acme/grants/few')).body?.servers).toEqual([])
    await admin('PUT', 'acme/servers/crm', { url: URL_ })
    expect([await upstreamsOf('acme/all'), await upstreamsOf('acme/few')]).toEqual([['crm'], []])
  })

  test('carry what the document says', async () => {
    await makeGrant('acme', 'bot')
    await admin('PUT', 'acme/servers/crm', {
      url: URL_,
      era: 'stateless',
      headers: { 'X-Key': 'k' },
      timeouts: { response_seconds: 1, idle_seconds: 2, call_seconds: 3 },
      limits: { response_bytes: 4_096, concurrent: 5 },
      breaker: { failures: 6, open_seconds: 7 },
    })
    expect((await configOf('acme/bot')).upstreams).toEqual([
      {
        name: 'crm',
        url: URL_,
        headers: { 'x-key': expect.stringMatching(/^v1\.insecure-demo\./) },
        responseSeconds: 1,
        idleSeconds: 2,
        callSeconds: 3,
        listSeconds: 5,
        incarnation: expect.any(String),
        pinsRevision: expect.any(Number),
        maxResponseBytes: 4_096,
        maxConcurrent: 5,
        breakerFailures: 6,
        breakerSeconds: 7,
        eras: { session: false, stateless: true },
        declared: { session: null, stateless: null },
        withheld: {},
        renamed: {},
        seen: [],
        catalogue: null,
      },
    ])
  })

  test('a change that does not concern a grant leaves it alone', async () => {
    await admin('PUT', 'acme/servers/crm', { url: URL_ })
    await makeGrant('acme', 'few', undefined, { servers: ['session'] })
    const revision = async () =>
      (await tenantRows('acme', "SELECT revision FROM grants WHERE name = 'few'"))[0]
    const before = await revision()
    await admin('PUT', 'acme/servers/crm', { url: `${URL_}/2` })
    await admin('PUT', 'acme/policies/other', { version: '1', default: 'deny' })
    expect(await revision()).toEqual(before)
  })
})

describe('a principal that cannot be told', () => {
  /** Replaces what the tenant's object asks for principals. */
  const cutOff = (isCut: boolean) =>
    runInDurableObject(tenantObject('acme'), (instance) => {
      const dead = {
        getByName: () => ({
          installGrant: () => Promise.reject(new Error('secret detail')),
          revoke: () => Promise.reject(new Error('secret detail')),
        }),
      }
      Object.assign(instance, { env: isCut ? { ...env, PRINCIPAL: dead } : env })
    })
  /** Later than any retry there is only the audit, which has changes to carry. */
  const AUDIT_MS = 6_000
  const alarmAt = () => runInDurableObject(tenantObject('acme'), (_, state) => state.storage.getAlarm())

  const untilAlarm = async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime((await alarmAt()) ?? 0)
  }

  test('does not keep a change from being made; it is told by alarm', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const lines: string[] = []
    vi.spyOn(console, 'warn').mockImplementation((line) => void lines.push(String(line)))
    const token = await makeGrant('acme', 'bot')
    const client = await connect({ token })
    expect(await alarmAt()).toBeGreaterThan(Date.now() + AUDIT_MS)
    await cutOff(true)
    const answer = await admin('PUT', 'acme/policies/bot', {
      version: '1',
      default: 'allow',
      hide: ['auth_whoami'],
    })
    expect([answer.status, answer.body?.pending]).toEqual([200, 1])
    expect((await admin('GET', 'acme/grants/bot')).body?.pending).toBe(1)
    expect(await client.tools()).toContain('auth_whoami')
    expect(lines).toEqual([expect.stringContaining('tenant.push_failed')])
    expect(lines.join()).not.toContain('secret detail')
    expect(await alarmAt()).toBe(Date.now() + 5_000)
    await tenantRows('acme', 'DELETE FROM changes')
    for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
      await untilAlarm()
      await tenantRows('acme', 'DELETE FROM changes')
      await runDurableObjectAlarm(tenantObject('acme'))
      expect(await alarmAt()).toBe(Date.now() + seconds * 1_000)
    }
    await cutOff(false)
    await untilAlarm()
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await alarmAt()).toBeGreaterThan(Date.now() + AUDIT_MS)
    expect((await admin('GET', 'acme/grants/bot')).body?.pending).toBe(0)
    expect(await client.tools()).not.toContain('auth_whoami')
  })

  test('would be told by alarm too if the tenant’s object died while it is being told', async () => {
    await makeGrant('acme', 'bot')
    const alarms: (number | null)[] = []
    await runInDurableObject(tenantObject('acme'), (instance, state) => {
      const installGrant = async () => void alarms.push(await state.storage.getAlarm())
      Object.assign(instance, { env: { ...env, PRINCIPAL: { getByName: () => ({ installGrant }) } } })
    })
    await admin('PUT', 'acme/policies/bot', { version: '1', default: 'deny' })
    expect(alarms).toEqual([expect.any(Number)])
    expect(await alarmAt()).toBeGreaterThan(Date.now() + AUDIT_MS)
  })

  test('and does not answer keeps nobody waiting for longer than ten seconds', async () => {
    await makeGrant('acme', 'bot')
    let answer = () => {}
    const installed: string[] = []
    // What the object waits for must be its own: made, and let go, inside of it.
    await runInDurableObject(tenantObject('acme'), (instance) => {
      const { promise: answered, resolve } = Promise.withResolvers<void>()
      answer = resolve
      const installGrant = async ({ config }: { config: TenantConfig }) => {
        installed.push((config.policy as { default: string }).default)
        await answered
      }
      Object.assign(instance, { env: { ...env, PRINCIPAL: { getByName: () => ({ installGrant }) } } })
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const first = admin('PUT', 'acme/policies/bot', { version: '1', default: 'deny' })
    while (vi.getTimerCount() === 0) await scheduler.wait(1)
    const second = admin('PUT', 'acme/grants/bot', { policy: 'bot', label: 'later' })
    while (vi.getTimerCount() === 1) await scheduler.wait(1)
    await runInDurableObject(tenantObject('acme'), () => vi.advanceTimersByTimeAsync(10_000))
    expect([(await first).body?.pending, (await second).body?.pending]).toEqual([1, 1])
    // The second change waits its turn, so that it cannot be overtaken by the first.
    expect(installed).toEqual(['deny'])
    await runInDurableObject(tenantObject('acme'), () => answer())
    while ((await admin('GET', 'acme/grants/bot')).body?.pending !== 0) await scheduler.wait(1)
    expect(installed).toEqual(['deny', 'deny'])
  })

  test('is told by alarm even if that was lost', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await makeGrant('acme', 'bot')
    await cutOff(true)
    await admin('PUT', 'acme/policies/bot', { version: '1', default: 'deny' })
    await runInDurableObject(tenantObject('acme'), (_, state) => state.storage.deleteAlarm())
    await evictDurableObject(tenantObject('acme'))
    expect(await alarmAt()).toEqual(expect.any(Number))
    await untilAlarm()
    await runDurableObjectAlarm(tenantObject('acme'))
    expect((await configOf('acme/bot')).policy).toMatchObject({ default: 'deny' })
  })

  test('also of its end', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const token = await makeGrant('acme', 'bot')
    await cutOff(true)
    expect((await admin('DELETE', 'acme/grants/bot')).body).toEqual({
      deleted: true,
      warnings: [],
      told: 0,
      pending: 1,
    })
    expect((await admin('GET', 'acme/grants/bot')).status).toBe(404)
    expect(await opens(token)).toBe(true)
    await cutOff(false)
    await untilAlarm()
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await opens(token)).toBe(false)
    expect(await tenantRows('acme', 'SELECT name FROM grants')).toEqual([])
  })

  test('the last of many changes at once is the one that it has in the end', async () => {
    const token = await makeGrant('acme', 'bot')
    const client = await connect({ token })
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        admin('PUT', 'acme/policies/bot', {
          version: '1',
          default: i % 2 ? 'allow' : 'deny',
          description: `${i}`,
        }),
      ),
    )
    const { policy } = (await admin('GET', 'acme/policies/bot')).body as { policy: unknown }
    expect((await configOf('acme/bot')).policy).toEqual(policy)
    expect((await admin('GET', 'acme/policies/bot')).body?.version).toBe(13)
    await admin('PUT', 'acme/policies/bot', { version: '1', default: 'allow', hide: ['*'] })
    expect(await client.tools()).toEqual([])
  })
})

describe('the demo tenant', () => {
  test('its built-in grant reaches what is registered, under the policy of the files', async () => {
    const client = await connect()
    const before = await client.tools()
    const answer = await admin('PUT', 'demo/servers/crm', { url: URL_ })
    expect([answer.status, answer.body?.pending]).toEqual([201, 0])
    expect(await upstreamsOf('demo/agent')).toEqual(['crm'])
    expect(await rows('SELECT origin FROM grants', 'demo/agent')).toEqual([{ origin: 'demo' }])
    expect(await client.tools()).toEqual(before)
    expect((await admin('GET', 'demo/grants')).body).toMatchObject({
      items: [{ name: 'agent', built_in: true }],
    })
    await admin('DELETE', 'demo/servers/crm')
    expect(await upstreamsOf('demo/agent')).toEqual([])
    expect(await client.tools()).toEqual(before)
  })

  test('it may be registered to before the grant was ever used', async () => {
    await admin('PUT', 'demo/servers/crm', { url: URL_ })
    expect(await (await connect()).tools()).toContain('auth_login')
    expect(await upstreamsOf('demo/agent')).toEqual(['crm'])
  })

  test('its built-in grant is not to be changed; others are as anywhere', async () => {
    for (const method of ['PUT', 'DELETE']) {
      await admin('PUT', 'demo/servers/crm', { url: URL_ })
      const refused = await admin(method, 'demo/grants/agent', method === 'PUT' ? {} : undefined)
      expect([refused.status, refused.body?.detail]).toEqual([
        409,
        'demo/agent is the built-in grant, and is what src/demo/policy.json and src/demo/tenant.json say. Edit those, or take a grant of another name.',
      ])
    }
    const policy = await admin('PUT', 'demo/policies/main', { version: '1', default: 'allow' })
    expect(policy.body?.warnings).toContain(
      'The built-in grant demo/agent keeps the policy of src/demo/policy.json.',
    )
    const settings = await admin('PUT', 'demo', {})
    expect(settings.body?.warnings).toEqual([
      'The built-in grant demo/agent keeps the settings of src/demo/tenant.json.',
    ])
    expect((await (await connect()).login('ana')).isError).toBe(false)
    const token = await makeGrant('demo', 'bot')
    expect(await (await connect({ token })).tools()).toContain('auth_login')
  })
})

/** The front door: which path is for whom, and what a broken deployment says. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../src/app.ts'
import { HOP_HEADER, hopsOnward } from '../src/base/hops.ts'
import type { Env } from '../src/contract/env.ts'
import { DEMO_ROOT_TOKEN } from '../src/demo/token.ts'
import { auditDb, makeAuditTables } from './support/audit.ts'
import { DEMO_TOKEN, fresh, request } from './support/gateway.ts'

beforeEach(fresh)

const at = (url: string, bindings: Partial<Env> = {}, init?: RequestInit) =>
  app.fetch(
    new Request(url, init),
    { ...env, ...bindings } as Env,
    {
      waitUntil: () => {},
      passThroughOnException: () => {},
    } as unknown as ExecutionContext,
  )

describe('/healthz', () => {
  test('answers 200 when all is well', async () => {
    const response = await at('http://127.0.0.1/healthz')
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: 'ok', version: expect.any(String) },
    ])
  })

  test.each([
    [{ LEGITI_PROFILE: 'nothing' }, 'LEGITI_PROFILE is "nothing"; allowed: collection, ticketing-v1'],
    [{ MAX_BODY_BYTES: '1MB' }, 'MAX_BODY_BYTES is "1MB"; allowed: a whole number from 1 to 16777216'],
    [{ MAX_BODY_BYTES: '0' }, 'MAX_BODY_BYTES is "0"; allowed: a whole number from 1 to 16777216'],
    [{ LOG_DECISIONS: 'yes' }, 'LOG_DECISIONS is "yes"; allowed: none, refused, all'],
    [{ LEGITI_REPORT_LOGINS: 'yes' }, 'LEGITI_REPORT_LOGINS is "yes"; allowed: true, false'],
    [
      { ENCRYPTION_KEYS: 'hunter2' },
      'ENCRYPTION_KEYS: entry 1 of 1 has no colon; allowed: id:base64 of 32 bytes',
    ],
    [
      { ROOT_TOKEN: 'x'.repeat(31) },
      'ROOT_TOKEN has 31 characters; allowed: at least 32 printable ASCII characters, such as those of `openssl rand -base64 32`',
    ],
    [{ ALLOW_PRIVATE_UPSTREAMS: 'yes' }, 'ALLOW_PRIVATE_UPSTREAMS is "yes"; allowed: true, false'],
    [
      { RESOLVER_URL: '1.1.1.1' },
      'RESOLVER_URL is "1.1.1.1"; allowed: the URL of a DNS over HTTPS resolver with JSON answers',
    ],
  ])('names a variable that cannot be meant: %j', async (bindings, detail) => {
    const response = await at('http://127.0.0.1/healthz', bindings)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ detail })
  })
})

describe('switches that are for this machine alone', () => {
  const off = { DEMO: 'false', ALLOW_PRIVATE_UPSTREAMS: 'false', IGNORE_JURISDICTION: 'false' }
  const others: readonly (readonly [string, Record<string, string>])[] = [
    ['https://gateway.example.com', {}],
    ['https://gatehouse.team.workers.dev', {}],
    ['http://192.168.0.7:8787', {}],
    ['http://localhost.example.com', {}],
    ['http://127.0.0.1', { host: 'gateway.example.com' }],
    ['http://127.0.0.1', { forwarded: 'for=192.0.2.60' }],
    ['http://127.0.0.1', { 'x-forwarded-for': '127.0.0.1' }],
    ['http://127.0.0.1', { 'x-forwarded-host': 'gateway.example.com' }],
    ['http://127.0.0.1', { 'x-forwarded-proto': 'https' }],
    ['http://127.0.0.1', { 'x-real-ip': '192.0.2.60' }],
    ['http://127.0.0.1', { via: '1.1 proxy' }],
    ['http://localhost:8787', { 'cf-ray': '8f' }],
    ['http://acme.localhost:8787', { 'cf-connecting-ip': '192.0.2.60' }],
    ['http://[::1]:8787', { 'cf-connecting-ip': '2001:db8::1' }],
  ]

  test.each(others)('are refused at %s with %j', async (origin, headers) => {
    for (const name of ['DEMO', 'ALLOW_PRIVATE_UPSTREAMS', 'IGNORE_JURISDICTION']) {
      const response = await at(`${origin}/healthz`, { ...off, [name]: 'true' }, { headers })
      expect(response.status).toBe(503)
      expect(((await response.json()) as { detail: string }).detail).toMatch(`found ${name} where others`)
    }
    expect((await at(`${origin}/healthz`, off, { headers })).status).toBe(200)
  })

  test.each(others)('open nothing at %s with %j', async (origin, headers) => {
    const authorization = { authorization: `Bearer ${DEMO_TOKEN}` }
    const init = { method: 'POST', headers: { ...headers, ...authorization }, body: '{}' }
    expect((await at(`${origin}/mcp`, {}, init)).status).toBe(401)
    const asRoot = { headers: { ...headers, authorization: 'Bearer gh_root_insecure-local-token' } }
    expect((await at(`${origin}/api/v1/tenants/demo`, {}, asRoot)).status).toBe(401)
    expect((await at(`${origin}/dev/legiti/events`, {}, { headers })).status).toBe(404)
  })

  test.each([
    ['http://127.0.0.1:8787', {}],
    ['http://localhost', { host: 'localhost:8787' }],
    ['http://acme.localhost:8787', { 'cf-connecting-ip': '127.0.0.1' }],
    ['http://[::1]:8787', { 'cf-connecting-ip': '::1' }],
    ['http://127.0.0.1', { 'cf-connecting-ip': '::ffff:127.0.0.1' }],
  ])('are well at %s with %j', async (origin, headers) => {
    expect((await at(`${origin}/healthz`, {}, { headers })).status).toBe(200)
  })
})

test.each(['/mcp', '/mcp/crm', '/t/demo/mcp', '/api/v1/tenants', '/healthz'])(
  'a request to %s that has been here before is refused, whoever sends it',
  async (path) => {
    const headers = { [HOP_HEADER]: hopsOnward(new Request('http://127.0.0.1/mcp')) }
    const answer = await at(`http://127.0.0.1${path}`, {}, { method: 'POST', headers, body: '{}' })
    expect(answer.status).toBe(508)
    expect(await answer.json()).toMatchObject({
      detail: expect.stringMatching(/^This request has come back/),
    })
    const others = { [HOP_HEADER]: hopsOnward(new Request('https://other.example/mcp')) }
    expect(
      (await at(`http://127.0.0.1${path}`, {}, { method: 'POST', headers: others, body: '{}' })).status,
    ).not.toBe(508)
  },
)

test.each([
  ['100', 413],
  ['10000', 400],
  ['nonsense', 400],
])('MAX_BODY_BYTES %j answers a body of 200 bytes with %i', async (MAX_BODY_BYTES, status) => {
  const headers = { authorization: `Bearer ${DEMO_TOKEN}`, 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify('x'.repeat(198)) }
  expect((await at('http://127.0.0.1/mcp', { MAX_BODY_BYTES }, init)).status).toBe(status)
})

test.each([
  ['/mcp/', '/mcp'],
  ['/mcp/session/', '/mcp/session'],
  ['/t/demo/mcp/', '/t/demo/mcp'],
  ['/t/demo/mcp/session/', '/t/demo/mcp/session'],
])('%s is the address %s', async (slashed, plain) => {
  const headers = { authorization: `Bearer ${DEMO_TOKEN}`, 'content-type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(request('ping')) }
  const [there, here] = [
    await at(`http://127.0.0.1${slashed}`, {}, init),
    await at(`http://127.0.0.1${plain}`, {}, init),
  ]
  expect([there.status, await there.json()]).toEqual([here.status, await here.json()])
  expect(there.status).toBe(400)
  expect((await at(`http://127.0.0.1${slashed}/`, {}, init)).status).toBe(404)
})

test('what no path is for is 404, as problem details', async () => {
  const response = await at('http://127.0.0.1/nothing/here')
  expect([response.status, response.headers.get('content-type')]).toEqual([404, 'application/problem+json'])
})

describe('/dev', () => {
  test('is there in the local demo alone', async () => {
    expect((await at('http://127.0.0.1/dev/legiti/events')).status).toBe(200)
    expect((await at('http://127.0.0.1/dev/legiti/events', { DEMO: 'false' })).status).toBe(404)
    expect((await at('https://gatehouse.example.com/dev/legiti/events')).status).toBe(404)
  })
})

describe('/dev/demo', () => {
  const LEGITI = { LEGITI_BASE_URL: 'https://legiti.example', LEGITI_API_KEY: 'key' }
  test.each<readonly [Partial<Env>, string | null]>([
    [{}, null],
    [{ NATIVE_SERVERS: 'session,legiti' }, null],
    [{ NATIVE_SERVERS: 'session' }, 'the native server "legiti" is off (NATIVE_SERVERS does not name it)'],
    [{ NATIVE_SERVERS: 'legiti' }, 'the native server "session" is off (NATIVE_SERVERS does not name it)'],
    [{ NATIVE_SERVERS: 'none' }, 'the native server "session" is off (NATIVE_SERVERS does not name it)'],
    [LEGITI, 'Legiti is not the stand-in (LEGITI_BASE_URL or LEGITI_API_KEY is set)'],
  ])('says whether the demo can be played, with %j', async (bindings, lacks) => {
    expect(await (await at('http://127.0.0.1/dev/demo', bindings)).json()).toEqual({ lacks })
  })

  test('is nowhere but in the demo', async () => {
    expect((await at('http://127.0.0.1/dev/demo', { DEMO: 'false' })).status).toBe(404)
  })
})

test('/dev is not for pages of other sites', async () => {
  const headers = { origin: 'https://evil.example', 'content-type': 'text/plain' }
  const init = { method: 'POST', headers, body: '{"mode":"fail"}' }
  expect((await at('http://127.0.0.1/dev/legiti/behaviour', {}, init)).status).toBe(403)
})

describe('a principal that cannot be asked', () => {
  test('stops the request: 503, said in the log without a word of the client’s', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const lines: string[] = []
    said.mockImplementation((line) => void lines.push(String(line)))
    const broken = {
      getByName: () => ({ admit: () => Promise.reject(new Error('overloaded: secret detail')) }),
    }
    const headers = { authorization: `Bearer ${DEMO_TOKEN}`, 'content-type': 'application/json' }
    const init = { method: 'POST', headers, body: JSON.stringify(request('ping')) }
    const response = await at(
      'http://127.0.0.1/mcp',
      { PRINCIPAL: broken as unknown as Env['PRINCIPAL'] },
      init,
    )
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect(lines).toEqual([expect.stringContaining('principal.unavailable')])
    expect(lines.join()).not.toContain('secret detail')
    said.mockRestore()
  })

  test('also when it keeps answering that the configuration is stale', async () => {
    const config = JSON.stringify({ version: 'v', settings: { servers: [] }, policy: null })
    let asked = 0
    const restless = {
      getByName: () => ({
        admit: async () => ({ kind: 'stale', config: config.replace('"v"', `"v${asked++}"`) }),
      }),
    }
    const headers = {
      authorization: 'Bearer gh_acme_restless_0123456789abcdef',
      'content-type': 'application/json',
    }
    const body = JSON.stringify(request('tools/list'))
    const init = { method: 'POST', headers: { ...headers, 'mcp-session-id': 'x' }, body }
    const response = await at(
      'http://127.0.0.1/mcp',
      { PRINCIPAL: restless as unknown as Env['PRINCIPAL'] },
      init,
    )
    expect([response.status, asked]).toEqual([503, 4])
  })
})

describe('Origin', () => {
  const origin = 'https://console.example.com'
  const init = { method: 'POST', headers: { origin } }

  test('is let through when it is on the list, exactly', async () => {
    const listed = { ALLOWED_ORIGINS: 'https://a.example, https://console.example.com' }
    expect((await at('http://127.0.0.1/mcp', listed, init)).status).toBe(401)
    expect(
      (await at('http://127.0.0.1/mcp', { ALLOWED_ORIGINS: 'https://console.example.com.evil' }, init))
        .status,
    ).toBe(403)
    expect(
      (
        await at(
          'http://127.0.0.1/mcp',
          { ALLOWED_ORIGINS: 'null' },
          { ...init, headers: { origin: 'null' } },
        )
      ).status,
    ).toBe(403)
  })

  test('of this machine is nothing special outside of the local demo', async () => {
    const local = { method: 'POST', headers: { origin: 'http://localhost:6274' } }
    expect((await at('http://127.0.0.1/mcp', {}, local)).status).toBe(401)
    expect((await at('http://127.0.0.1/mcp', { DEMO: 'false' }, local)).status).toBe(403)
    expect((await at('https://gatehouse.example.com/mcp', {}, local)).status).toBe(403)
  })

  test('a preflight allows what a browser’s MCP client asks for', async () => {
    const asked = 'content-type,mcp-param-region,mcp-session-id'
    const headers = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': asked,
    }
    const preflight = { method: 'OPTIONS', headers }
    const response = await at('http://127.0.0.1/mcp', { ALLOWED_ORIGINS: origin }, preflight)
    expect(response.headers.get('access-control-allow-origin')).toBe(origin)
    expect(response.headers.get('access-control-allow-headers')?.split(/, */)).toEqual(asked.split(','))
  })
})

describe('/readyz', () => {
  /** A time of its own for each: answers are kept for some seconds. */
  let nowMs = Date.parse('2031-01-01T00:00:00Z')
  beforeEach(async () => {
    await makeAuditTables()
    nowMs += 60_000
    vi.useFakeTimers({ toFake: ['Date'], now: nowMs })
  })
  afterEach(() => vi.useRealTimers())
  const ready = async (bindings: Partial<Env> = {}, headers: Record<string, string> = {}) => {
    const response = await at('http://127.0.0.1/readyz', bindings, { headers })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  test('is not ready without the tables of the audit trail, and is with them', async () => {
    await auditDb().prepare('ALTER TABLE audit RENAME TO elsewhere').run()
    expect(await ready()).toMatchObject({
      status: 503,
      body: { status: 'not ready', audit_database: 'no_table' },
    })
    await auditDb().prepare('ALTER TABLE elsewhere RENAME TO audit').run()
    // Not asked again at once: anybody may ask.
    expect(await ready()).toMatchObject({ status: 503 })
    vi.setSystemTime(nowMs + 5_000)
    expect(await ready()).toMatchObject({ status: 200, body: { status: 'ready', audit_database: 'ok' } })
  })

  test('is not ready with tables that are not up to date', async () => {
    await auditDb().prepare('ALTER TABLE audit RENAME COLUMN client TO client_once').run()
    expect(await ready()).toMatchObject({
      status: 503,
      body: { status: 'not ready', audit_database: 'no_column' },
    })
    await auditDb().prepare('ALTER TABLE audit RENAME COLUMN client_once TO client').run()
    vi.setSystemTime(nowMs + 5_000)
    expect(await ready()).toMatchObject({ status: 200 })
  })

  test('is not ready while the database does not answer as it should', async () => {
    const broken = { prepare: () => ({ all: () => Promise.reject(new Error('D1_ERROR')) }) }
    expect(await ready({ AUDIT_DB: broken as unknown as D1Database })).toMatchObject({
      status: 503,
      body: { audit_database: 'failed' },
    })
  })

  test('is not ready where the settings cannot be meant', async () => {
    expect(await ready({ LEGITI_PROFILE: 'nothing' })).toMatchObject({ status: 503 })
  })

  test('tells of open breakers the owner of the deployment alone', async () => {
    expect((await ready()).body).not.toHaveProperty('open_breakers')
    const wrong = await ready({}, { authorization: 'Bearer wrong-token-of-nobody' })
    expect(wrong.body).not.toHaveProperty('open_breakers')
    const root = await ready({}, { authorization: `Bearer ${DEMO_ROOT_TOKEN}` })
    expect(root.body).toMatchObject({ open_breakers: [] })
  })
})

describe('x-request-id', () => {
  const id = /^[0-9a-f-]{36}$/

  test.each([
    ['GET', '/'],
    ['GET', '/healthz'],
    ['GET', '/nothing'],
    ['POST', '/register'],
    ['POST', '/mcp'],
    ['GET', '/mcp'],
    ['DELETE', '/mcp'],
    ['GET', '/api/v1/openapi.json'],
    ['GET', '/api/v1/tenants/demo'],
    ['GET', '/schemas/policy-hosted.json'],
    ['POST', '/oidc/backchannel-logout'],
  ])('names the answer to %s %s', async (method, path) => {
    const response = await at(`http://127.0.0.1${path}`, {}, { method })
    expect(response.headers.get('x-request-id')).toMatch(id)
    await response.body?.cancel()
  })

  test('is never what a client chose', async () => {
    const headers = { 'x-request-id': 'chosen' }
    const response = await at('http://127.0.0.1/', {}, { headers })
    expect(response.headers.get('x-request-id')).toMatch(id)
  })
})

describe('a client without a good token', () => {
  const told = async (path: string, headers: Record<string, string> = {}) => {
    const response = await at(`http://127.0.0.1${path}`, {}, { method: 'POST', headers })
    return { status: response.status, ...((await response.json()) as { error_description: string }) }
  }
  const advice = 'ask whoever runs this gateway for the token of a grant (gh_<tenant>_<grant>_…)'

  test('is told in one sentence what to do', async () => {
    const missing = await told('/mcp')
    expect(missing).toMatchObject({ status: 401 })
    expect(missing.error_description).toMatch(/^A token is missing: /)
    expect(missing.error_description).toContain(advice)
    const wrong = await told('/mcp', { authorization: 'Bearer nonsense' })
    expect(wrong.error_description).toMatch(/^The token is not valid: /)
    expect(wrong.error_description).toContain(advice)
  })

  test('is told the same where it tries to register', async () => {
    const { status, error_description } = await told('/register')
    expect(status).toBe(404)
    expect(error_description).toContain(advice)
  })
})

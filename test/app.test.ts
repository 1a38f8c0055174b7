/** The front door: which path is for whom, and what a broken deployment says. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../src/app.ts'
import type { Env } from '../src/env.ts'
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
    [{ LEGITI_REPORT_LOGINS: 'yes' }, 'LEGITI_REPORT_LOGINS is "yes"; allowed: true, false'],
    [
      { ENCRYPTION_KEYS: 'hunter2' },
      'ENCRYPTION_KEYS: entry 1 of 1 has no colon; allowed: id:base64 of 32 bytes',
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

/** A tenant's secrets: they go in, they are sent to the server that they are for, and their key can be replaced. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { ORIGINS_FROM_SERVERS } from '../../src/tenant/tables/schema.ts'
import { admin, adminWith, makeGrant, makePerson, tenantObject, tenantRows } from '../support/admin.ts'
import { envelope, fresh, principal, STATELESS } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => vi.restoreAllMocks())

const URL_ = 'https://crm.example.com/mcp'
const key = (id: string, fill: number) => `${id}:${new Uint8Array(32).fill(fill).toBase64()}`
const OLD = { ENCRYPTION_KEYS: key('k1', 1) }
const BOTH = { ENCRYPTION_KEYS: `${key('k2', 2)},${key('k1', 1)}` }
const NEW = { ENCRYPTION_KEYS: key('k2', 2) }

/** A server of the stateless era, which tells what it was sent as authorization. */
function upstream(): string[] {
  const sent: string[] = []
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const http = new Request(input as RequestInfo, init as RequestInit)
    const message = (await http.json()) as { id: number; method: string }
    const answer = (result: object) =>
      Response.json({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', ...result } })
    if (message.method === 'server/discover')
      return answer({ supportedVersions: [STATELESS], capabilities: { tools: {} } })
    if (message.method === 'tools/list')
      return answer({
        tools: [{ name: 'look', inputSchema: { type: 'object' } }],
        ttlMs: 0,
        cacheScope: 'private',
      })
    sent.push(http.headers.get('authorization') ?? '')
    return answer({ content: [{ type: 'text', text: 'done' }] })
  })
  return sent
}

let id = 0
async function call(token: string, bindings: Partial<Env> = {}): Promise<boolean> {
  const body = {
    ...{ jsonrpc: '2.0', id: ++id, method: 'tools/call' },
    params: { name: 'look', arguments: {}, _meta: envelope },
  }
  const http = new Request('http://127.0.0.1:8787/mcp/crm', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': STATELESS,
      'mcp-method': 'tools/call',
      'mcp-name': 'look',
    },
    body: JSON.stringify(body),
  })
  const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext
  const response = await app.fetch(http, { ...env, ...bindings } as Env, context)
  const text = await response.text()
  return response.status === 200 && text.includes('"done"') && !text.includes('"isError":true')
}

/** What the tenant's object takes for the deployment's keys. */
const objectKeys = (keys: Partial<Env>, tenant = 'acme') =>
  runInDurableObject(tenantObject(tenant), (instance) => {
    Object.assign(instance, { env: { ...env, ...keys } })
  })

describe('the origins of a secret', () => {
  const ORIGIN = 'https://crm.example.com'
  const put = (body: object) => admin('PUT', 'acme/secrets/crm', { value: 'one', ...body })
  const named = (url: string, more: object = {}) =>
    admin('PUT', 'acme/servers/crm', { url, headers: { 'x-key': { secret: 'crm' } }, ...more })

  test('are written with its value, each once and as URLs have them', async () => {
    const origins = [
      'https://CRM.example.com/',
      ORIGIN,
      'https://crm.example.com:443',
      'http://127.0.0.1:9000',
    ]
    expect((await put({ origins })).body).toMatchObject({ origins: [ORIGIN, 'http://127.0.0.1:9000'] })
    expect((await admin('GET', 'acme/secrets')).body).toMatchObject({
      items: [{ name: 'crm', origins: [ORIGIN, 'http://127.0.0.1:9000'] }],
    })
    const [change] = await tenantRows<{ detail: string }>(
      'acme',
      "SELECT detail FROM changes WHERE action = 'secret.put'",
    )
    expect(JSON.parse(change?.detail ?? '')).toMatchObject({ origins: `${ORIGIN} http://127.0.0.1:9000` })
  })

  test.each<readonly [unknown, string]>([
    [undefined, '/origins: found none;'],
    [[], '/origins: found 0 entries;'],
    ['https://crm.example.com', '/origins: found no list;'],
    [Array(17).fill(ORIGIN), '/origins: found 17 entries;'],
    ...[
      'crm.example.com',
      '*',
      'https://*.example.com/x',
      'https://crm.example.com/mcp',
      'https://crm.example.com?a',
      'https://crm.example.com/#',
      'https://u:hunter2@crm.example.com',
      'ftp://crm.example.com',
      'data:,x',
      7,
      `https://${'a'.repeat(300)}.example.com`,
    ].map((entry) => [[ORIGIN, entry], '/origins/1: found something that is no origin;'] as const),
  ])('%j are refused', async (origins, found) => {
    const answer = await put(origins === undefined ? {} : { origins })
    expect([answer.status, (answer.body as { problems: string[] }).problems[0]]).toEqual([
      422,
      expect.stringContaining(found),
    ])
    expect(JSON.stringify(answer.body)).not.toContain('hunter2')
  })

  test('without TLS are refused where servers without it are', async () => {
    const far = await adminWith({ ALLOW_PRIVATE_UPSTREAMS: 'false' }, 'PUT', 'acme/secrets/crm', {
      ...{ value: 'one', origins: ['http://crm.example.com'] },
    })
    expect([far.status, JSON.stringify(far.body)]).toEqual([422, expect.stringContaining('an http origin')])
  })

  test.each([
    'https://evil.example/mcp',
    'https://crm.example.com.evil.example/mcp',
    'https://crm.example.com:8443/mcp',
    'http://crm.example.com/mcp',
    'https://sub.crm.example.com/mcp',
    'https://crm.example.com@evil.example/mcp',
  ])('bar a server at %s', async (url) => {
    await put({ origins: [ORIGIN] })
    const answer = await named(url)
    expect(answer.status).toBe(422)
    if (!url.includes('@'))
      expect(JSON.stringify(answer.body)).toContain(
        'found the secret crm, which is for https://crm.example.com,',
      )
    expect((await admin('GET', 'acme/servers/crm')).status).toBe(404)
    expect((await named(`${ORIGIN}/any/path?x=1`)).status).toBe(201)
  })

  test('bar a server that moves, whether it names the secret again or keeps the header', async () => {
    await put({ origins: [ORIGIN] })
    await named(URL_)
    expect((await named('https://evil.example/mcp')).status).toBe(422)
    expect((await named('https://evil.example/mcp', { headers: { 'x-key': '(set)' } })).status).toBe(422)
    expect((await admin('GET', 'acme/servers/crm')).body).toMatchObject({ url: URL_ })
    expect((await named('https://evil.example/mcp', { headers: {} })).status).toBe(200)
    // It went without; coming back does not bring the header back.
    expect((await named('https://evil.example/mcp')).status).toBe(422)
  })

  test('stay when another value is written without any, and are others only with a value', async () => {
    await put({ origins: [ORIGIN] })
    await named(URL_)
    expect((await put({ value: 'two' })).body).toMatchObject({ origins: [ORIGIN] })
    const elsewhere = await put({ value: 'three', origins: ['https://other.example.com'] })
    expect([elsewhere.status, JSON.stringify(elsewhere.body)]).toEqual([
      409,
      expect.stringContaining(
        'which is for https://other.example.com, and the server crm at https://crm.example.com',
      ),
    ])
    expect((await admin('PUT', 'acme/secrets/crm', { origins: ['https://evil.example'] })).status).toBe(422)
    const both = { value: 'three', origins: ['https://other.example.com', ORIGIN] }
    expect((await put(both)).body).toMatchObject({ origins: both.origins })
  })

  test('are those of its servers, where it was stored before there were any', async () => {
    await put({ origins: [ORIGIN, 'http://10.0.0.7:9000'] })
    await admin('PUT', 'acme/secrets/idle', { value: 'x', origins: [ORIGIN] })
    await named(`${ORIGIN}/mcp?a=b://c/d`)
    const headers = { 'x-key': { secret: 'crm' } }
    await admin('PUT', 'acme/servers/two', { url: 'http://10.0.0.7:9000/mcp', headers })
    await admin('PUT', 'acme/servers/three', { url: `${ORIGIN}/three`, headers })
    await runInDurableObject(tenantObject('acme'), (_, { storage: { sql } }) => {
      sql.exec("UPDATE secrets SET origins = '[]'")
      sql.exec(ORIGINS_FROM_SERVERS)
    })
    await evictDurableObject(tenantObject('acme'))
    const { body } = await admin('GET', 'acme/secrets')
    const [crm, idle] = (body as { items: { origins: string[] }[] }).items
    expect(crm?.origins.toSorted()).toEqual(['http://10.0.0.7:9000', ORIGIN])
    expect(idle?.origins).toEqual([])
    const refused = await admin('PUT', 'acme/servers/four', {
      url: URL_,
      headers: { 'x-key': { secret: 'idle' } },
    })
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([
      422,
      expect.stringContaining('which was stored before secrets had origins'),
    ])
    expect((await admin('PUT', 'acme/secrets/idle', { value: 'x' })).status).toBe(422)
    expect((await put({ value: 'two' })).status).toBe(200)
  })
})

describe('a secret', () => {
  test('goes in and never comes out', async () => {
    const put = await admin('PUT', 'acme/secrets/crm', {
      value: 'hunter2',
      origins: ['https://crm.example.com'],
    })
    expect([put.status, put.body]).toEqual([
      201,
      {
        name: 'crm',
        origins: ['https://crm.example.com'],
        key: 'insecure-demo',
        servers: [],
        created_at: expect.any(String),
        updated_at: expect.any(String),
        warnings: [expect.stringContaining('The tenant acme was made')],
        told: 0,
        pending: 0,
      },
    ])
    const answers = [
      put,
      await admin('GET', 'acme/secrets'),
      await admin('GET', 'acme/secrets/crm'),
      await admin('PUT', 'acme/secrets/crm', { value: 'hunter2\n', origins: ['https://crm.example.com'] }),
      await admin('PUT', 'acme/secrets/crm', { valeu: 'hunter2' }),
      await admin('PUT', 'acme/secrets/crm', { value: 'x', hunter2: 'hunter2' }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 404, 422, 422, 422])
    expect(JSON.stringify(answers)).not.toContain('hunter2')
    expect(JSON.stringify(await tenantRows('acme', 'SELECT * FROM secrets'))).not.toContain('hunter2')
    expect(JSON.stringify(await tenantRows('acme', 'SELECT * FROM changes'))).not.toContain('hunter2')
  })

  test('is sent as a header, behind its prefix; changed, it is for the next call', async () => {
    const sent = upstream()
    await admin('PUT', 'acme/secrets/crm', { value: 'one', origins: ['https://crm.example.com'] })
    const made = await admin('PUT', 'acme/servers/crm', {
      url: URL_,
      era: 'stateless',
      headers: { Authorization: { secret: 'crm', prefix: 'Bearer ' } },
    })
    expect(made.body?.headers).toEqual({ authorization: { secret: 'crm', prefix: 'Bearer ' } })
    const token = await makeGrant('acme', 'bot')
    expect(await call(token)).toBe(true)
    await admin('PUT', 'acme/secrets/crm', { value: 'two', origins: ['https://crm.example.com'] })
    expect(await call(token)).toBe(true)
    expect(sent).toEqual(['Bearer one', 'Bearer two'])
    expect((await admin('GET', 'acme/secrets')).body).toMatchObject({
      items: [{ name: 'crm', servers: ['crm'] }],
    })
    // What is said to be kept is still made of the secret.
    await admin('PUT', 'acme/servers/crm', {
      url: URL_,
      era: 'stateless',
      headers: { authorization: '(set)' },
    })
    await admin('PUT', 'acme/secrets/crm', { value: 'three', origins: ['https://crm.example.com'] })
    await call(token)
    expect(sent.at(-1)).toBe('Bearer three')
  })

  test('that a header is made of is not forgotten', async () => {
    await admin('PUT', 'acme/secrets/crm', { value: 'one', origins: ['https://crm.example.com'] })
    await admin('PUT', 'acme/servers/crm', { url: URL_, headers: { 'x-key': { secret: 'crm' } } })
    expect((await admin('DELETE', 'acme/secrets/crm')).body?.problems).toEqual([
      expect.stringContaining('Headers of servers are made of this secret: crm. '),
    ])
    await admin('PUT', 'acme/servers/crm', { url: URL_ })
    expect((await admin('DELETE', 'acme/secrets/crm')).status).toBe(200)
  })

  test.each([
    [{ secret: 'crm2' }, 'found the unknown secret "crm2"; allowed: crm'],
    [{ secret: 'crm', prefix: 'a\n' }, 'found another prefix'],
    [{ secret: 'crm', suffix: 'x' }, 'found the unknown name "suffix"'],
    [{ secret: 7 }, 'found no name of a secret'],
  ])('a header of %j is refused', async (value, problem) => {
    await admin('PUT', 'acme/secrets/crm', { value: 'one', origins: ['https://crm.example.com'] })
    const answer = await admin('PUT', 'acme/servers/crm', { url: URL_, headers: { 'x-key': value } })
    expect([answer.status, answer.body?.problems]).toEqual([422, [expect.stringContaining(problem)]])
  })

  test('is nothing that a policy manager or a viewer may know of', async () => {
    await admin('PUT', 'acme/secrets/crm', { value: 'one', origins: ['https://crm.example.com'] })
    for (const role of ['policy_manager', 'viewer']) {
      const token = await makePerson('acme', 'paul', role)
      expect((await admin('GET', 'acme/secrets', undefined, token)).status).toBe(403)
      expect(
        (await admin('PUT', 'acme/secrets/crm', { value: 'x', origins: ['https://crm.example.com'] }, token))
          .status,
      ).toBe(403)
      expect((await admin('POST', 'acme/secrets/rotate', undefined, token)).status).toBe(403)
    }
  })

  test('cannot be stored without keys', async () => {
    await admin('PUT', 'acme', {})
    await objectKeys({ DEMO: 'false' })
    const answer = await admin('PUT', 'acme/secrets/crm', {
      value: 'one',
      origins: ['https://crm.example.com'],
    })
    expect([answer.status, answer.body?.problems]).toEqual([
      409,
      [expect.stringContaining('ENCRYPTION_KEYS')],
    ])
  })
})

describe('another key', () => {
  async function sealedWithOld() {
    await admin('PUT', 'acme', {})
    await objectKeys(OLD)
    await admin('PUT', 'acme/secrets/crm', { value: 'one', origins: ['https://crm.example.com'] })
    await admin('PUT', 'acme/servers/crm', {
      url: URL_,
      era: 'stateless',
      headers: { authorization: { secret: 'crm', prefix: 'Bearer ' }, 'x-literal': 'abc' },
    })
    return makeGrant('acme', 'bot')
  }
  const sealedBy = async () => {
    const stored = JSON.stringify([
      await tenantRows('acme', 'SELECT sealed FROM secrets'),
      await tenantRows('acme', 'SELECT headers FROM servers'),
    ])
    return [...new Set(stored.match(/v1\.k\d\./g))].sort()
  }

  test('takes over in as many rounds as it needs, whatever interrupts them', async () => {
    await sealedWithOld()
    await objectKeys(BOTH)
    const by = { actor: 'root', reason: null, expected: { tags: null, absent: false } }
    // A crash after everything was written and before anybody was told.
    await runInDurableObject(tenantObject('acme'), (instance) => {
      const dead = { getByName: () => ({ installGrant: () => Promise.reject(new Error('died')) }) }
      Object.assign(instance, { env: { ...env, ...BOTH, PRINCIPAL: dead } })
    })
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    expect(await tenantObject('acme').reseal(by)).toMatchObject({ resealed: 3, left: 0, pending: 1 })
    await evictDurableObject(tenantObject('acme'))
    await objectKeys(BOTH)
    const again = await admin('POST', 'acme/secrets/rotate')
    expect(again.body).toMatchObject({ resealed: 0, left: 0, pending: 1 })
    await tenantRows('acme', 'UPDATE grants SET due_at = 0')
    await runInDurableObject(tenantObject('acme'), (instance) => instance.alarm())
    expect((await admin('POST', 'acme/secrets/rotate')).body).toMatchObject({ pending: 0 })
    const [held] = await runInDurableObject(principal('acme/bot'), (_, state) =>
      state.storage.sql.exec<{ config: string }>('SELECT config FROM grants').toArray(),
    )
    expect(held?.config).toContain('v1.k2.')
    expect(held?.config).not.toContain('v1.k1.')
  })

  test('what nothing opens is said, and left alone', async () => {
    await sealedWithOld()
    await objectKeys(NEW)
    const answer = await admin('POST', 'acme/secrets/rotate')
    expect(answer.body).toMatchObject({ key: 'k2', resealed: 0, left: 3, stuck: 3 })
    expect(await sealedBy()).toEqual(['v1.k1.'])
  })

  test('of a tenant without a secret changes nothing', async () => {
    await admin('PUT', 'bare', {})
    expect((await adminWith({}, 'POST', 'bare/secrets/rotate')).body).toMatchObject({ resealed: 0, left: 0 })
  })
})

/** A tenant's secrets: they go in, they are sent to the server that they are for, and their key can be replaced. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/env.ts'
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

describe('a secret', () => {
  test('goes in and never comes out', async () => {
    const put = await admin('PUT', 'acme/secrets/crm', { value: 'hunter2' })
    expect([put.status, put.body]).toEqual([
      201,
      {
        name: 'crm',
        key: 'insecure-demo',
        servers: [],
        created_at: expect.any(String),
        updated_at: expect.any(String),
        told: 0,
        pending: 0,
      },
    ])
    const answers = [
      put,
      await admin('GET', 'acme/secrets'),
      await admin('GET', 'acme/secrets/crm'),
      await admin('PUT', 'acme/secrets/crm', { value: 'hunter2\n' }),
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
    await admin('PUT', 'acme/secrets/crm', { value: 'one' })
    const made = await admin('PUT', 'acme/servers/crm', {
      url: URL_,
      era: 'stateless',
      headers: { Authorization: { secret: 'crm', prefix: 'Bearer ' } },
    })
    expect(made.body?.headers).toEqual({ authorization: { secret: 'crm', prefix: 'Bearer ' } })
    const token = await makeGrant('acme', 'bot')
    expect(await call(token)).toBe(true)
    await admin('PUT', 'acme/secrets/crm', { value: 'two' })
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
    await admin('PUT', 'acme/secrets/crm', { value: 'three' })
    await call(token)
    expect(sent.at(-1)).toBe('Bearer three')
  })

  test('that a header is made of is not forgotten', async () => {
    await admin('PUT', 'acme/secrets/crm', { value: 'one' })
    await admin('PUT', 'acme/servers/crm', { url: URL_, headers: { 'x-key': { secret: 'crm' } } })
    expect((await admin('DELETE', 'acme/secrets/crm')).body?.problems).toEqual([
      expect.stringContaining('found headers of 1 servers that are made of it (crm)'),
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
    await admin('PUT', 'acme/secrets/crm', { value: 'one' })
    const answer = await admin('PUT', 'acme/servers/crm', { url: URL_, headers: { 'x-key': value } })
    expect([answer.status, answer.body?.problems]).toEqual([422, [expect.stringContaining(problem)]])
  })

  test('is nothing that a policy manager or a viewer may know of', async () => {
    await admin('PUT', 'acme/secrets/crm', { value: 'one' })
    for (const role of ['policy_manager', 'viewer']) {
      const token = await makePerson('acme', 'paul', role)
      expect((await admin('GET', 'acme/secrets', undefined, token)).status).toBe(403)
      expect((await admin('PUT', 'acme/secrets/crm', { value: 'x' }, token)).status).toBe(403)
      expect((await admin('POST', 'acme/secrets/rotate', undefined, token)).status).toBe(403)
    }
  })

  test('cannot be stored without keys', async () => {
    await admin('PUT', 'acme', {})
    await objectKeys({ DEMO: 'false' })
    const answer = await admin('PUT', 'acme/secrets/crm', { value: 'one' })
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
    await admin('PUT', 'acme/secrets/crm', { value: 'one' })
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
    expect((await adminWith({}, 'POST', 'ghost/secrets/rotate')).body).toMatchObject({ resealed: 0, left: 0 })
  })
})

/** Policies and tenant settings over the administration API. */
import { beforeEach, describe, expect, test } from 'vitest'
import { admin, makeGrant, ROOT, tenantObject } from '../support/admin.ts'
import { connect, fresh, send } from '../support/gateway.ts'

beforeEach(fresh)

const ALLOW = { version: '1', default: 'allow' }
const DENY = { version: '1', default: 'deny' }
const put = (document: unknown, name = 'main') => admin('PUT', `acme/policies/${name}`, document)

describe('a policy', () => {
  test('has numbered versions that stay as they were', async () => {
    const first = await put(ALLOW)
    expect([first.status, first.body]).toEqual([
      201,
      {
        ...{ name: 'main', version: 1, current: true, created_at: expect.any(String), created_by: 'root' },
        ...{ reason: null, policy: ALLOW, warnings: [], told: 0, pending: 0 },
      },
    ])
    const second = await put(DENY)
    expect([second.status, second.body?.version]).toEqual([200, 2])
    expect((await admin('GET', 'acme/policies/main')).body).toMatchObject({ version: 2, policy: DENY })
    expect((await admin('GET', 'acme/policies/main?version=1')).body).toMatchObject({
      version: 1,
      policy: ALLOW,
    })
    expect((await admin('GET', 'acme/policies/main?version=3')).status).toBe(404)
    expect((await admin('GET', 'acme/policies/main?version=x')).status).toBe(400)
    expect((await admin('GET', 'acme/policies')).body).toEqual({
      items: [expect.objectContaining({ name: 'main', version: 2, current: true })],
      next: null,
    })
  })

  test('of the same content makes no new version', async () => {
    await put(ALLOW)
    expect([(await put(ALLOW)).status, (await put(ALLOW)).body?.version]).toEqual([200, 1])
    await put(DENY)
    expect((await put(ALLOW)).body?.version).toBe(3)
  })

  test('may be YAML', async () => {
    const text = 'version: "1"\ndefault: allow\nhide: [track_sale]\n'
    const answer = await send(
      'PUT',
      '/api/v1/tenants/acme/policies/main',
      ROOT,
      { 'content-type': 'text/yaml; charset=utf-8' },
      text,
    )
    expect([answer.status, answer.body?.policy]).toEqual([
      201,
      { version: '1', default: 'allow', hide: ['track_sale'] },
    ])
  })

  test('that does not load is refused, with every problem and its place', async () => {
    const text = 'version: "1"\ndefalt: allow\nhide: track_sale\n'
    const answer = await send(
      'PUT',
      '/api/v1/tenants/acme/policies/main',
      ROOT,
      { 'content-type': 'text/yaml' },
      text,
    )
    expect(answer.status).toBe(422)
    expect(answer.body?.problems).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^line 2, column 1: \/defalt: found the unknown name "defalt"/),
        expect.stringMatching(/^line 3, column 7: \/hide: found "track_sale"/),
      ]),
    )
    expect((await admin('GET', 'acme')).status).toBe(404)
  })

  test('that names what no server has is taken with a warning', async () => {
    const answer = await put({ ...ALLOW, tools: { trak_sale: { limits: [] } } })
    expect([answer.status, answer.body?.warnings]).toEqual([
      201,
      [expect.stringContaining('the tool "trak_sale", which no server has')],
    ])
  })

  test('is checked against what upstream servers list, once they all have', async () => {
    await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp' })
    const document = {
      ...ALLOW,
      tools: { crm__find: { limits: [] }, find: { limits: [] }, fnd: { limits: [] } },
    }
    expect((await put(document)).body?.warnings).toEqual([
      'The names of tools and arguments were not checked: the tools of crm are not known yet.',
    ])
    const toolsJson = JSON.stringify([{ name: 'find', inputSchema: { type: 'object' } }])
    await tenantObject('acme').observe('crm', { digest: 'one', toolsJson })
    const { warnings } = (await put(document, 'other')).body as { warnings: string[] }
    expect(warnings).toEqual([expect.stringContaining('the tool "fnd", which no server has')])
  })

  test('is not deleted under a grant', async () => {
    await makeGrant('acme', 'bot')
    const refused = await admin('DELETE', 'acme/policies/bot')
    expect([refused.status, refused.body?.detail]).toEqual([
      409,
      'found 1 grants under this policy (bot); allowed: to delete a policy that no grant is under',
    ])
    await admin('DELETE', 'acme/grants/bot')
    expect((await admin('DELETE', 'acme/policies/bot')).body).toEqual({ deleted: true, told: 0, pending: 0 })
    expect((await admin('GET', 'acme/policies/bot')).status).toBe(404)
  })

  test.each(['Main', 'a_b', '-a'])('cannot be called %s', async (name) => {
    const answer = await put(ALLOW, name)
    expect([answer.status, answer.body?.detail]).toEqual([
      422,
      `the policy's name: found ${JSON.stringify(name)}; allowed: 1 to 63 of a-z, 0-9 and -, with no - at either end`,
    ])
  })

  test('that would make a configuration too large is refused, and nothing has happened', async () => {
    const hide = Array.from({ length: 8_000 }, (_, i) => `${i}`.padStart(120, 'x'))
    expect((await put({ ...ALLOW, hide })).status).toBe(201)
    const headers = { 'x-a': 'v'.repeat(8_000), 'x-b': 'v'.repeat(8_000), 'x-c': 'v'.repeat(8_000) }
    const register = (name: string) =>
      admin('PUT', `acme/servers/${name}`, { url: 'https://a.example.com', headers })
    let last = await register('s0')
    let servers = 1
    for (; last.status === 201 && servers < 99; servers++) last = await register(`s${servers}`)
    expect([last.status, last.body?.detail]).toEqual([
      409,
      expect.stringMatching(
        /^found \d+ bytes of servers, settings and the largest policy together; allowed: 1500000$/,
      ),
    ])
    expect((await admin('GET', `acme/servers/s${servers - 1}`)).status).toBe(404)
    expect((await admin('GET', `acme/servers/s${servers - 2}`)).status).toBe(200)
  })

  test('holds for the next request of a client that is connected', async () => {
    const token = await makeGrant('acme', 'bot')
    const client = await connect({ token })
    expect(await client.tools()).toContain('auth_whoami')
    expect((await put({ ...ALLOW, hide: ['auth_whoami'] }, 'bot')).body?.pending).toBe(0)
    expect(await client.tools()).not.toContain('auth_whoami')
    expect((await client.call('auth_whoami')).isError).toBe(true)
    await put(ALLOW, 'bot')
    expect((await client.call('auth_whoami')).isError).toBe(false)
  })
})

describe('the settings of a tenant', () => {
  test('are created, read and replaced', async () => {
    const created = await admin('PUT', 'acme', { identity: { trusted: true } })
    expect([created.status, created.body]).toEqual([
      201,
      {
        name: 'acme',
        identity: { trusted: true, jwt: [], magento: [] },
        sessions: { idle_seconds: 1_800, absolute_seconds: 43_200 },
        audit: { retention_days: 400 },
        access: null,
        approvals: { expires_seconds: 900 },
        suspended_at: null,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        warnings: [],
        told: 0,
        pending: 0,
      },
    ])
    const replaced = await admin('PUT', 'acme', { sessions: { idle_seconds: 60 } })
    expect([replaced.status, replaced.body?.identity]).toEqual([
      200,
      { trusted: false, jwt: [], magento: [] },
    ])
    expect((await admin('GET', 'acme')).body).toMatchObject({ sessions: { idle_seconds: 60 } })
  })

  test('that cannot be meant are refused, every problem named', async () => {
    const answer = await admin('PUT', 'acme', { servers: [], sesions: {}, sessions: { idle_seconds: 0 } })
    expect(answer.status).toBe(422)
    expect(answer.body?.problems).toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          '/servers: found the unknown name "servers"; allowed: identity, sessions, approvals, audit',
        ),
        expect.stringContaining('did you mean "sessions"?'),
        expect.stringContaining('/sessions/idle_seconds: found 0'),
      ]),
    )
    expect((await admin('GET', 'acme')).status).toBe(404)
  })

  test('hold for the next request of every grant', async () => {
    const client = await connect({ token: await makeGrant('acme', 'bot') })
    expect((await client.login('ana')).isError).toBe(true)
    await admin('PUT', 'acme', { identity: { trusted: true } })
    expect((await client.login('ana')).isError).toBe(false)
  })
})

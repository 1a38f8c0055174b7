/** Upstream servers over the administration API: who may register them, what is refused, what is shown. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { open, secretKeys } from '../../src/secrets/seal.ts'
import { admin, adminWith, ROOT, tenantObject, tenantRows } from '../support/admin.ts'
import { type Answer, fresh, type Json } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
})

const URL_ = 'https://crm.example.com/mcp'
const put = (document: unknown, name = 'crm') => admin('PUT', `acme/servers/${name}`, document)
const problemsOf = ({ body }: Answer) => body?.problems as string[]

describe('who may ask', () => {
  test.each([
    ['GET', 'acme'],
    ['PUT', 'acme'],
    ['GET', 'acme/servers'],
    ['PUT', 'acme/servers/crm'],
    ['DELETE', 'acme/servers/crm'],
    ['PUT', 'acme/policies/main'],
    ['PUT', 'acme/grants/bot'],
    ['POST', 'acme/servers/crm/accept'],
    ['GET', 'acme/nothing/here'],
  ])('%s %s: only the root token', async (method, path) => {
    for (const token of [null, 'gh_root_another', 'gh_demo_agent_insecure-local-token']) {
      const body = method === 'PUT' ? { url: URL_ } : undefined
      const answer = await admin(method, path, body, token)
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer realm="gatehouse-admin"',
      ])
    }
    expect(
      await tenantRows('acme', "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'"),
    ).toEqual([])
  })

  test('the demo’s root token opens nothing for another machine', async () => {
    const far = await adminWith(
      { ROOT_TOKEN: undefined } as never,
      'GET',
      'acme',
      undefined,
      'https://gate.example',
    )
    expect(far.status).toBe(401)
  })
})

describe('names', () => {
  test.each(['session', 'legiti', 'Crm', '1crm', 'a_b', 'a'.repeat(32), 'a%20b'])(
    'a server cannot be called %s',
    async (name) => {
      const answer = await put({ url: URL_ }, name)
      expect([answer.status, problemsOf(answer)]).toEqual([
        422,
        [
          `the server's name: found ${JSON.stringify(decodeURIComponent(name))}; allowed: a letter and at most 30 of a-z, 0-9 and -, not - at the end, but not session, legiti`,
        ],
      ])
    },
  )

  test.each(['ACME', 'a_b', '-a', 'a'.repeat(64)])('there is no tenant %s', async (tenant) => {
    const answer = await admin('PUT', `${tenant}/servers/crm`, { url: URL_ })
    expect([answer.status, answer.body?.detail]).toEqual([
      404,
      `the tenant's name: found ${JSON.stringify(tenant)}; allowed: 1 to 63 of a-z, 0-9 and -, with no - at either end`,
    ])
  })

  test('the tenant demo is for the local demo alone', async () => {
    const answer = await adminWith({}, 'PUT', 'demo/servers/crm', { url: URL_ }, 'https://gate.example')
    expect([answer.status, answer.body?.detail]).toEqual([
      409,
      'The tenant demo is for the local demo; choose another name.',
    ])
  })
})

describe('a tenant that nobody has set up', () => {
  test('is said to be none, and asking stores nothing', async () => {
    for (const path of [
      'ghost',
      'ghost/servers',
      'ghost/policies',
      'ghost/grants',
      'ghost/servers/crm',
      'ghost/servers/crm/status',
      'ghost/policies/p',
      'ghost/grants/g',
    ]) {
      expect((await admin('GET', path)).body).toMatchObject({
        status: 404,
        detail: 'There is no tenant ghost.',
      })
      if (/\/.*\/[a-z]+$/.test(path) && !path.endsWith('status'))
        expect((await admin('DELETE', path)).status).toBe(404)
    }
    expect((await admin('POST', 'ghost/servers/crm/accept')).status).toBe(404)
    expect((await admin('PUT', 'ghost/servers/crm', {})).status).toBe(422)
    expect((await admin('PUT', 'ghost/grants/bot', { policy: 'p' })).status).toBe(422)
    await tenantObject('ghost').observe('crm', { digest: 'd', toolsJson: '[]' })
    await tenantObject('ghost').report('crm', { atMs: 1, successes: 1 })
    expect(await tenantObject('ghost').catalogue('crm')).toBeNull()
    expect(
      await tenantRows('ghost', "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'"),
    ).toEqual([])
  })

  test('comes to be with its first PUT', async () => {
    expect((await put({ url: URL_ })).status).toBe(201)
    expect((await admin('GET', 'acme')).body).toMatchObject({
      name: 'acme',
      identity: { trusted: false, jwt: [] },
      sessions: { idle_seconds: 1_800, absolute_seconds: 43_200 },
    })
  })
})

describe('a server', () => {
  test('is created, read, replaced, listed and deleted', async () => {
    await admin('PUT', 'acme', {})
    const created = await put({ url: URL_, on_drift: 'hide' })
    expect([created.status, created.body]).toEqual([
      201,
      {
        name: 'crm',
        url: URL_,
        headers: {},
        era: 'auto',
        timeouts: { response_seconds: 30, idle_seconds: 120, call_seconds: 900, list_seconds: 5 },
        limits: { response_bytes: 67_108_864, concurrent: 64 },
        breaker: { failures: 5, open_seconds: 30 },
        on_drift: 'hide',
        enabled: true,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        scans: false,
        warnings: [],
        told: 0,
        pending: 0,
      },
    ])
    const { scans: _____, warnings: _, pending: __, told: ___, ...document } = created.body as Json
    expect((await admin('GET', 'acme/servers/crm')).body).toEqual(document)
    const replaced = await put({ url: URL_, enabled: false })
    expect([replaced.status, replaced.body?.on_drift, replaced.body?.warnings]).toEqual([
      200,
      'report',
      ['The server is not enabled: no grant reaches it.'],
    ])
    const { items } = (await admin('GET', 'acme/servers')).body as { items: Json[] }
    expect(items).toEqual([
      expect.objectContaining({ name: 'crm', enabled: false, status: expect.anything() }),
    ])
    expect((await admin('DELETE', 'acme/servers/crm')).body).toEqual({
      deleted: true,
      warnings: [],
      told: 0,
      pending: 0,
    })
    expect((await admin('DELETE', 'acme/servers/crm')).status).toBe(404)
    expect((await admin('GET', 'acme/servers/crm')).status).toBe(404)
  })

  test('says what names it, before it is removed and when it is', async () => {
    await put({ url: URL_ })
    await put({ url: URL_ }, 'crm-2')
    const policy = (more: object) => ({ version: '1', default: 'deny', ...more })
    await admin(
      'PUT',
      'acme/policies/readers',
      policy({ tools: { crm__find: {}, find: {} }, hide: ['crm__drop'] }),
    )
    await admin(
      'PUT',
      'acme/policies/files',
      policy({ resources: { 'crm+file:///*': {} }, prompts: { crm__draft: {} } }),
    )
    await admin('PUT', 'acme/policies/other', policy({ tools: { 'crm-2__find': {}, xcrm__find: {} } }))
    await admin('PUT', 'acme/policies/past', policy({ tools: { crm__find: {} } }))
    await admin('PUT', 'acme/policies/past', policy({}))
    for (const [name, servers] of Object.entries({
      bot: ['crm', 'crm-2'],
      other: ['crm-2'],
      all: '*',
      both: ['*', 'session'],
      gone: ['crm'],
    }))
      await admin('PUT', `acme/grants/${name}`, { servers })
    await admin('DELETE', 'acme/grants/gone')
    const uses = await admin('GET', 'acme/servers/crm/uses')
    expect(uses.body).toEqual({
      grants: ['bot'],
      every: ['all', 'both'],
      policies: [
        { name: 'files', tools: [], reads: ['crm+file:///*', 'crm__draft'] },
        { name: 'readers', tools: ['crm__find', 'crm__drop'], reads: [] },
      ],
    })
    expect((await admin('GET', 'acme/servers/ghost/uses')).status).toBe(404)
    expect((await admin('DELETE', 'acme/servers/crm')).body?.warnings).toEqual([
      'Grants that name it, from which it is taken: bot.',
      'Grants that reach every server, and no longer this one: all, both.',
      'Policies that name it, and go on naming it: files (crm+file:///*, crm__draft), readers (crm__find, crm__drop).',
    ])
    expect((await admin('GET', 'acme/grants/bot')).body?.servers).toEqual(['crm-2'])
    expect((await admin('DELETE', 'acme/servers/ghost')).status).toBe(404)
  })

  test('has a status before anything is known of it', async () => {
    await put({ url: URL_ })
    expect((await admin('GET', 'acme/servers/crm/status')).body).toEqual({
      name: 'crm',
      url: URL_,
      enabled: true,
      eras: { session: null, stateless: null },
      protocol_version: null,
      server_info: null,
      last_success_at: null,
      successes: 0,
      failures: 0,
      last_failure: null,
      last_scan: null,
      breaker: 'closed',
      tools: 0,
      catalogue_at: null,
      drift: [],
      drift_total: 0,
      flags: [],
      names: { renamed: {}, left_out: [] },
    })
  })

  test('is refused with every problem of its document', async () => {
    const answer = await put({ url: 'ftp://x', era: 'old', headers: { host: 'x' } })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([422, 'application/problem+json'])
    expect(problemsOf(answer)).toHaveLength(3)
    expect(answer.body?.detail).toMatch(/\(and 2 more: see problems\)$/)
  })

  test.each([
    ['text/plain', '{}', 415, 'Content-Type is "text/plain"; allowed: application/json.'],
    ['application/json', '{', 400, 'The body is not valid JSON.'],
    [
      'application/json',
      `${'['.repeat(65)}${']'.repeat(65)}`,
      400,
      'The JSON is nested deeper than 64 levels.',
    ],
    [
      'application/json',
      JSON.stringify('x'.repeat(1_048_576)),
      413,
      'The body is larger than 1048576 bytes.',
    ],
  ])('a body of %s %#', async (type, body, status, detail) => {
    const { send } = await import('../support/gateway.ts')
    const answer = await send('PUT', '/api/v1/tenants/acme/servers/crm', ROOT, { 'content-type': type }, body)
    expect([answer.status, answer.body?.detail]).toEqual([status, detail])
  })

  test('more than a hundred are too many', async () => {
    for (let i = 0; i < 100; i++) {
      expect((await put({ url: URL_ }, `s${i}`)).status).toBe(201)
    }
    const answer = await put({ url: URL_ }, 'one-more')
    expect([answer.status, answer.body?.detail]).toEqual([
      409,
      'found 100 servers already; allowed: at most 100',
    ])
    expect((await put({ url: URL_, era: 'session' }, 's7')).status).toBe(200)
  })
})

describe('header values', () => {
  const SECRET = 'Bearer hunter2-is-the-secret'
  const sealedOf = async (header = 'authorization') => {
    const [row] = await tenantRows<{ headers: string }>('acme', 'SELECT headers FROM servers')
    return (JSON.parse(row?.headers ?? '{}') as Record<string, string>)[header] ?? ''
  }

  test('are never shown again, and stored sealed', async () => {
    const answers = [
      await put({ url: URL_, headers: { Authorization: SECRET } }),
      await admin('GET', 'acme/servers/crm'),
      await admin('GET', 'acme/servers'),
      await admin('GET', 'acme/servers/crm/status'),
      await admin('PUT', 'acme/grants/bot', {}),
      await put({ url: 'nonsense', headers: { authorization: SECRET, host: SECRET } }),
    ]
    expect(answers[0]?.body?.headers).toEqual({ authorization: '(set)' })
    expect(JSON.stringify(answers)).not.toContain('hunter2')
    const keys = secretKeys(env)
    if (keys === null) throw new Error('no keys')
    expect(await open(keys, await sealedOf(), 'acme/crm/authorization')).toBe(SECRET)
    const { runInDurableObject } = await import('cloudflare:test')
    for (const stub of [tenantObject('acme'), env.PRINCIPAL.getByName('acme/bot')] as DurableObjectStub[]) {
      const everything = await runInDurableObject(stub, (_, { storage: { sql } }) =>
        sql
          .exec<{ name: string }>(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
          )
          .toArray()
          .map(({ name }) => JSON.stringify(sql.exec(`SELECT * FROM ${name}`).toArray()))
          .join(),
      )
      expect(everything).toContain('v1.insecure-demo.')
      expect(everything).not.toContain('hunter2')
    }
  })

  test('stay when the document says "(set)", sealed anew', async () => {
    await put({ url: URL_, headers: { authorization: SECRET, 'x-team': 'blue' } })
    const before = await sealedOf()
    const again = await put({ url: `${URL_}/v2`, headers: { authorization: '(set)' } })
    expect(again.body?.headers).toEqual({ authorization: '(set)' })
    const keys = secretKeys(env)
    if (keys === null) throw new Error('no keys')
    expect(await sealedOf()).not.toBe(before)
    expect(await open(keys, await sealedOf(), 'acme/crm/authorization')).toBe(SECRET)
    expect(await sealedOf('x-team')).toBe('')
  })

  test('"(set)" keeps nothing that is not there, and sends nothing elsewhere', async () => {
    const nothing = await put({ url: URL_, headers: { 'x-key': '(set)' } })
    expect([nothing.status, problemsOf(nothing)]).toEqual([
      422,
      ["/headers/x-key: found (set), and no value is stored; allowed: the header's value"],
    ])
    await put({ url: URL_, headers: { authorization: SECRET } })
    const moved = await put({ url: 'https://elsewhere.example.com/mcp', headers: { authorization: '(set)' } })
    expect([moved.status, problemsOf(moved)]).toEqual([
      422,
      ["/headers/authorization: found (set), and the URL is of another origin; allowed: the header's value"],
    ])
  })

  test('cannot be given where there is no key to seal them with', async () => {
    const { runInDurableObject } = await import('cloudflare:test')
    await put({ url: URL_ }, 'erp')
    await runInDurableObject(tenantObject('acme'), (instance) => {
      Object.assign(instance, { env: { ...env, DEMO: 'false' } })
    })
    const refused = await put({ url: URL_, headers: { authorization: SECRET } })
    expect([refused.status, refused.body?.detail]).toEqual([
      409,
      '/headers: this deployment has no ENCRYPTION_KEYS to seal them with. Set that secret of the deployment first, or leave them out.',
    ])
    expect((await put({ url: URL_ })).status).toBe(201)
  })

  test('sent in the clear are warned of', async () => {
    await admin('PUT', 'acme', {})
    const answer = await put({ url: 'http://127.0.0.1:9/mcp', headers: { authorization: SECRET } })
    expect(answer.body?.warnings).toEqual(['The headers are sent to this server unencrypted.'])
  })

  test('are where a key belongs, and not in the query', async () => {
    await admin('PUT', 'acme', {})
    const { body } = await put({ url: `${URL_}?tenant=7` })
    expect(body?.warnings).toEqual([
      'The query of the URL is stored as it is; a key belongs into a header, which is sealed.',
    ])
  })
})

describe('addresses', () => {
  const resolver = (path: string) => `${inject('otherSide')}${path}/dns-query`
  const register = (url: string, RESOLVER_URL = resolver('/dns/93.184.216.34')) =>
    adminWith({ ALLOW_PRIVATE_UPSTREAMS: '', RESOLVER_URL }, 'PUT', 'acme/servers/crm', { url })

  test.each([
    'https://127.0.0.1/mcp',
    'https://10.1.2.3/mcp',
    'https://192.168.0.1/',
    'https://172.16.0.1/',
    'https://169.254.169.254/latest',
    'https://[::1]/',
    'https://[fd00::1]/',
    'https://[fe80::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://localhost/',
    'https://a.localhost/',
  ])('%s is refused as it is written', async (url) => {
    const answer = await register(url)
    expect(answer.status).toBe(422)
    expect(problemsOf(answer)).toEqual([
      expect.stringMatching(
        /^\/url: found that .+; allowed: a server at a public address, unless ALLOW_PRIVATE_UPSTREAMS is "true"$/,
      ),
    ])
  })

  test.each(['10.0.0.7', '127.0.0.1', '169.254.169.254', 'fd12::1', '::1'])(
    'a name that resolves to %s is refused, naming it',
    async (address) => {
      const answer = await register(
        'https://crm.example.com/',
        resolver(`/dns/${encodeURIComponent(address)}`),
      )
      expect(answer.status).toBe(422)
      expect(problemsOf(answer)).toEqual([
        expect.stringContaining(`/url: found that crm.example.com resolves to ${address}: `),
      ])
    },
  )

  test.each(['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'])(
    'a name of %s is taken',
    async (address) => {
      const answer = await register(
        'https://crm.example.com/',
        resolver(`/dns/${encodeURIComponent(address)}`),
      )
      expect(answer.status).toBe(201)
    },
  )

  test('a public address as written is not looked up', async () => {
    expect((await register('https://93.184.216.34/mcp', 'http://127.0.0.1:1/')).status).toBe(201)
  })

  test('a name that resolves to nothing is refused', async () => {
    const answer = await register('https://crm.example.com/', resolver('/dns/none'))
    expect([answer.status, answer.body?.detail]).toEqual([
      422,
      '/url: found that crm.example.com resolves to no address; allowed: a server at a public address, unless ALLOW_PRIVATE_UPSTREAMS is "true"',
    ])
  })

  test.each([
    ['/status/500', 'answered 500'],
    ['/redirect', 'answered 302'],
    ['/html', 'did not answer'],
    ['/keys', 'answered something that is no DNS answer'],
  ])('a resolver that answers %s: nothing is taken', async (path, what) => {
    const answer = await register('https://crm.example.com/', resolver(path))
    expect([answer.status, answer.body?.detail]).toEqual([
      503,
      `/url: what crm.example.com resolves to could not be found out: ${new URL(inject('otherSide')).host} ${what}`,
    ])
  })

  test('a resolver that cannot be reached, or hangs', async () => {
    const dead = await register('https://crm.example.com/', 'http://127.0.0.1:1/')
    expect([dead.status, dead.body?.detail]).toEqual([
      503,
      '/url: what crm.example.com resolves to could not be found out: 127.0.0.1:1 did not answer',
    ])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const hanging = register('https://crm.example.com/', resolver('/hang'))
    while (vi.getTimerCount() < 2) await scheduler.wait(1)
    vi.advanceTimersByTime(5_000)
    expect((await hanging).body?.detail).toContain('did not answer within 5 s')
  })
})

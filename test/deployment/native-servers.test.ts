/** A gateway whose deployment has not every native server: what it lists, answers, queues and warns of. */
import {
  createExecutionContext,
  evictDurableObject,
  runInDurableObject,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, test } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { admin, adminWith, makeGrant, tenantObject } from '../support/admin.ts'
import { envelope, fresh, type Json, post, request, rows, STATELESS, settled } from '../support/gateway.ts'

beforeEach(fresh)

/** Variables of a deployment that has nothing of Legiti's, and is no demo. */
const NOTHING: Partial<Env> = { DEMO: 'false' }
const SESSION = ['auth_login', 'auth_logout', 'auth_whoami']

interface Asked {
  readonly token: string
  readonly path?: string
  readonly bindings?: Partial<Env>
}

/** A request of the stateless era to a deployment with these variables. */
async function ask(
  method: string,
  params: Json,
  { token, path = '/mcp', bindings = NOTHING }: Asked,
): Promise<{ status: number; text: string; body: Json }> {
  const name = params.name === undefined ? {} : { 'mcp-name': String(params.name) }
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': STATELESS,
    'mcp-method': method,
    'cf-connecting-ip': '127.0.9.1',
    ...name,
  }
  const message = { ...request(method, { ...params, _meta: envelope }), id: 1 }
  const http = new Request(`http://127.0.0.1:8787${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(message),
  })
  const context = createExecutionContext()
  const response = await app.fetch(http, { ...env, ...bindings } as Env, context)
  const text = await response.text()
  await waitOnExecutionContext(context)
  return { status: response.status, text, body: JSON.parse(text) as Json }
}

interface Listed {
  readonly name: string
  readonly description: string
  readonly inputSchema: { readonly properties: Readonly<Record<string, { enum?: string[] }>> }
}
const list = async (asked: Asked) =>
  ((await ask('tools/list', {}, asked)).body.result as { tools: Listed[] }).tools
const names = async (asked: Asked) => (await list(asked)).map(({ name }) => name)
const call = (name: string, asked: Asked, args: Json = {}) =>
  ask('tools/call', { name, arguments: args }, asked)

describe('a deployment without Legiti', () => {
  test('lists none of its tools, and says nothing of it', async () => {
    const token = await makeGrant('acme', 'bot')
    expect(await names({ token })).toEqual(SESSION)
    expect(JSON.stringify(await list({ token }))).not.toContain('Legiti')
    const introduced = await ask('server/discover', {}, { token })
    expect(introduced.text).toContain('auth_login')
    expect(introduced.text).not.toContain('Legiti')
  })

  test('answers a call of one as that of any unknown tool, at every URL', async () => {
    const token = await makeGrant('acme', 'bot')
    const args = { account_id: 'ana' }
    const [off, unknown] = [
      await call('track_logout', { token }, args),
      await call('track_nothing', { token }, args),
    ]
    expect(off.status).toBe(unknown.status)
    expect(off.text.replace('track_logout', 'track_nothing')).toBe(unknown.text)
    for (const method of ['tools/list', 'server/discover', 'ping']) {
      const own = await ask(method, {}, { token, path: '/mcp/legiti' })
      const none = await ask(method, {}, { token, path: '/mcp/nobody' })
      expect([own.status, own.text]).toEqual([none.status, none.text])
      expect(own.status).toBe(404)
    }
    expect(await rows("SELECT server, tool FROM audit WHERE decision = 'refuse'", 'acme/bot')).toEqual([
      { server: '(unknown)', tool: '(unknown)' },
      { server: '(unknown)', tool: '(unknown)' },
    ])
    expect(await rows('SELECT 1 FROM outbox', 'acme/bot')).toEqual([])
  })

  test.each([
    ['one of its variables is enough to have it', { LEGITI_API_KEY: 'k' }, true],
    ['so is the other', { LEGITI_BASE_URL: 'https://legiti.example.com' }, true],
    ['an empty one is none', { LEGITI_BASE_URL: '', LEGITI_API_KEY: '' }, false],
    ['what says how it is spoken to is none', { LEGITI_PROFILE: 'collection' }, false],
    [
      'it can be left out all the same',
      { LEGITI_BASE_URL: 'https://legiti.example.com', LEGITI_API_KEY: 'k', NATIVE_SERVERS: 'session' },
      false,
    ],
  ])('%s', async (_, bindings, isOn) => {
    const token = await makeGrant('acme', 'bot')
    expect(await names({ token, bindings: { ...NOTHING, ...bindings } })).toHaveLength(isOn ? 21 : 3)
  })
})

test('a deployment can have no native server at all', async () => {
  const token = await makeGrant('acme', 'bot')
  const bindings = { NATIVE_SERVERS: 'none' }
  expect(await names({ token, bindings })).toEqual([])
  const introduced = await ask('server/discover', {}, { token, bindings })
  expect(introduced.text).not.toContain('auth_login')
  expect((await ask('tools/list', {}, { token, bindings, path: '/mcp/session' })).status).toBe(404)
  expect((await call('auth_whoami', { token, bindings })).text).toContain('Unknown tool: auth_whoami')
})

describe('auth_login', () => {
  const listed = async (identity: Json) => {
    await admin('PUT', 'acme', { identity })
    const token = await makeGrant('acme', 'bot')
    const login = (await list({ token })).find(({ name }) => name === 'auth_login')
    return { providers: login?.inputSchema.properties.provider?.enum, text: JSON.stringify(login) }
  }

  test.each([
    ['trusted alone', { trusted: true }, ['trusted']],
    [
      'an issuer alone',
      { jwt: [{ issuer: 'https://i.example.com', audience: ['a'], jwks: { keys: [{ kty: 'OKP' }] } }] },
      ['jwt'],
    ],
    ['nothing yet: those that need no other system', {}, ['trusted', 'jwt']],
  ])('speaks of %s', async (_, identity, providers) => {
    const login = await listed(identity)
    expect(login.providers).toEqual(providers)
    expect(login.text).not.toMatch(/magento|password|store/i)
  })

  test('speaks of a store’s customers where they may log in', async () => {
    const store = { name: 'shop', base_url: 'https://shop.example.com', customer: true }
    const login = await listed({ magento: [store] })
    expect(login.providers).toEqual(['magento-customer'])
    expect(login.text).not.toContain('account_id')
    expect(login.text).toContain('password')
  })

  test('is called as ever with a provider that is not listed, and says so', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const token = await makeGrant('acme', 'bot')
    const refused = await call('auth_login', { token }, { provider: 'jwt', token: 'x' })
    expect(refused.text).toContain('This tenant has no issuer configured')
  })
})

describe('the variable NATIVE_SERVERS', () => {
  const health = async (bindings: Partial<Env>) => {
    const response = await app.fetch(
      new Request('http://127.0.0.1/healthz'),
      { ...env, ...bindings } as Env,
      createExecutionContext(),
    )
    return { status: response.status, detail: ((await response.json()) as { detail?: string }).detail }
  }

  test.each([['session'], ['session, legiti'], ['legiti'], ['none'], [''], [' , ']])(
    '%j can be meant',
    async (NATIVE_SERVERS) => {
      expect((await health({ NATIVE_SERVERS })).status).toBe(200)
    },
  )

  test.each([
    [
      'magento',
      'NATIVE_SERVERS names "magento"; allowed: session, legiti, separated by commas, or none alone',
    ],
    [
      'none, session',
      'NATIVE_SERVERS names "none"; allowed: session, legiti, separated by commas, or none alone',
    ],
  ])('%j cannot', async (NATIVE_SERVERS, detail) => {
    expect(await health({ NATIVE_SERVERS })).toEqual({ status: 503, detail })
  })

  test('names Legiti only with its own variables', async () => {
    expect(await health({ DEMO: 'false', NATIVE_SERVERS: 'legiti' })).toMatchObject({
      status: 503,
      detail:
        'NATIVE_SERVERS names "legiti"; allowed: only with LEGITI_BASE_URL and LEGITI_API_KEY, which are not set',
    })
  })
})

describe('half of Legiti’s variables', () => {
  const health = async (bindings: Partial<Env>) => {
    const all = { ...env, ...NOTHING, ALLOW_PRIVATE_UPSTREAMS: '', IGNORE_JURISDICTION: '', ...bindings }
    const http = new Request('http://127.0.0.1/healthz')
    const response = await app.fetch(http, all as Env, createExecutionContext())
    return [response.status, ((await response.json()) as { detail?: string }).detail]
  }

  test.each([
    [{}, [200, undefined]],
    [{ LEGITI_API_KEY: 'k' }, [503, 'LEGITI_BASE_URL is not set, and LEGITI_API_KEY is']],
    [{ LEGITI_BASE_URL: 'https://l.example' }, [503, 'the secret LEGITI_API_KEY is not set']],
    [
      { LEGITI_BASE_URL: 'legiti', LEGITI_API_KEY: 'k' },
      [503, 'LEGITI_BASE_URL is not an https URL (http is allowed on loopback)'],
    ],
    [{ LEGITI_BASE_URL: 'https://l.example', LEGITI_API_KEY: 'k' }, [200, undefined]],
  ])('%j', async (bindings, answer) => {
    expect(await health(bindings)).toEqual(answer)
  })
})

test('/readyz says what is on', async () => {
  const ready = async (bindings: Partial<Env>) => {
    const http = new Request('http://127.0.0.1/readyz')
    const response = await app.fetch(http, { ...env, ...bindings } as Env, createExecutionContext())
    return ((await response.json()) as { native_servers?: Json }).native_servers
  }
  expect(await ready({})).toEqual({ session: 'on', legiti: 'on' })
  expect(await ready({ NATIVE_SERVERS: 'session' })).toEqual({ session: 'on', legiti: 'off' })
  expect(await ready({ NATIVE_SERVERS: 'none' })).toEqual({ session: 'off', legiti: 'off' })
})

describe('a policy that names tools in vain', () => {
  const POLICY = {
    version: '1',
    default: 'allow',
    hide: ['evaluate_sale', 'auth_whoami'],
    tools: { track_logout: { limits: [{ counter: 'c', window: 'day', max: 1, scope: 'grant' }] } },
  }

  test('is put with a warning', async () => {
    const put = await adminWith({ NATIVE_SERVERS: 'session' }, 'PUT', 'acme/policies/main', POLICY)
    expect(put.body?.warnings).toContain(
      'The policy names tools of the native server "legiti", which this deployment does not have (NATIVE_SERVERS does not name it): ' +
        'track_logout, evaluate_sale. Its entries for them have no effect.',
    )
    const on = await admin('PUT', 'acme/policies/main', { ...POLICY, description: 'on' })
    expect(JSON.stringify(on.body?.warnings)).not.toContain('native server')
  })

  test('is rolled back to with one', async () => {
    await admin('PUT', 'acme/policies/main', POLICY)
    await admin('PUT', 'acme/policies/main', { version: '1', default: 'deny' })
    const back = await adminWith({ NATIVE_SERVERS: 'none' }, 'POST', 'acme/policies/main/rollback', {
      version: 1,
    })
    expect(back.body?.warnings).toEqual([
      expect.stringContaining('"legiti"'),
      expect.stringContaining('"session"'),
    ])
  })

  test('warns the maker of a grant that has not the server', async () => {
    await admin('PUT', 'acme/policies/main', POLICY)
    const made = await admin('PUT', 'acme/grants/bot', { policy: 'main', servers: ['session'] })
    expect(made.body?.warnings).toEqual([
      'The policy main names tools of the native server "legiti", which this grant does not name in servers: track_logout, evaluate_sale.',
    ])
    const both = await admin('PUT', 'acme/grants/bot', { policy: 'main', servers: ['session', 'legiti'] })
    expect(both.body?.warnings).toEqual([])
  })
})

describe('a native server that the policy refuses', () => {
  const SESSION = ['auth_login', 'auth_logout', 'auth_whoami']
  const policies: [string, object, RegExp | null][] = [
    [
      'denied by default',
      { default: 'deny' },
      /policy main refuses auth_login \(denied by default\), auth_logout .* so that nobody can log in: allow/,
    ],
    [
      'hidden',
      { default: 'allow', hide: ['auth_login'] },
      /refuses auth_login \(hidden\), so that nobody can log in/,
    ],
    ['all hidden', { default: 'allow', hide: ['*'] }, /auth_login \(hidden\)/],
    [
      'denied by a rule',
      { default: 'allow', tools: { auth_login: { deny_if: [{ conditions: [] }] } } },
      /auth_login \(denied\)/,
    ],
    [
      'without a way out',
      { default: 'deny', tools: { auth_login: {} } },
      /refuses auth_logout \(denied by default\), so that nobody who logs in can log out/,
    ],
    ['allowed by name', { default: 'deny', tools: { auth_login: {}, auth_logout: {} } }, null],
    ['allowed by default', { default: 'allow' }, null],
    [
      'denied under a condition',
      {
        default: 'allow',
        tools: {
          auth_login: { deny_if: [{ conditions: [{ path: 'args.account', op: 'eq', value: 'x' }] }] },
        },
      },
      null,
    ],
    ['watched', { default: 'deny', mode: 'shadow' }, null],
  ]

  test.each(policies)('is warned of with the grant, and with the policy: %s', async (_, policy, says) => {
    await admin('PUT', 'acme/policies/main', { version: '1', ...policy })
    const expected = says === null ? [] : [expect.stringMatching(says)]
    const grant = async (name: string, servers: unknown) =>
      (await admin('PUT', `acme/grants/${name}`, { policy: 'main', servers })).body?.warnings
    expect(await grant('bot', ['session'])).toEqual(expected)
    expect(await grant('none', ['*'])).toEqual(
      Object.keys(policy).includes('tools')
        ? [expect.stringContaining('does not name in servers')]
        : expect.any(Array),
    )
    const again = await admin('PUT', 'acme/policies/main', { version: '1', description: 'again', ...policy })
    const { warnings } = again.body as { warnings: string[] }
    const under = warnings.filter((it) => it.includes('are under this policy'))
    expect(under).toEqual(
      says === null
        ? []
        : [
            expect.stringMatching(
              /^Grants that have the native server "session" are under this policy \(bot\), which refuses auth_/,
            ),
          ],
    )
  })

  test('is none where the deployment does not have it, and legiti is one where all of it is refused', async () => {
    await admin('PUT', 'acme/policies/main', {
      version: '1',
      default: 'deny',
      tools: Object.fromEntries(SESSION.map((it) => [it, {}])),
    })
    const document = { policy: 'main', servers: ['session', 'legiti'] }
    const { body } = await admin('PUT', 'acme/grants/bot', document)
    expect(body?.warnings).toEqual([
      expect.stringMatching(
        /"legiti", and its policy main refuses all of its tools, so that none can be called/,
      ),
    ])
    const off = await adminWith({ NATIVE_SERVERS: 'none' }, 'PUT', 'acme/grants/bot', document)
    expect(JSON.stringify(off.body?.warnings)).not.toContain('refuses')
  })
})

describe('the native servers of a grant', () => {
  /** The tenant's object as that of a deployment which is no demo. */
  const noDemo = () =>
    runInDurableObject(tenantObject('acme'), (instance) => {
      Object.assign(instance, { env: { ...env, DEMO: 'false' } })
    })
  const put = (servers: unknown, name = 'bot') =>
    admin('PUT', `acme/grants/${name}`, { policy: 'main', ...(servers === undefined ? {} : { servers }) })
  const LEGITI = { NATIVE_SERVERS: 'session, legiti' }

  beforeEach(async () => {
    await admin('PUT', 'acme/policies/main', { version: '1', default: 'allow' })
  })

  test.each([
    ['none where it names none', undefined, 0, {}],
    ['none under "*"', '*', 0, {}],
    ['those that it names', ['session'], 3, { session: 'on' }],
    ['those that it names beside "*"', ['*', 'legiti'], 18, { legiti: 'on' }],
    ['both', ['*', 'legiti', 'session'], 21, { session: 'on', legiti: 'on' }],
  ])('are %s', async (_, servers, tools, natives) => {
    await noDemo()
    const { body } = await put(servers)
    expect(body?.native_servers).toEqual(natives)
    expect(await names({ token: String(body?.token), bindings: LEGITI })).toHaveLength(tools)
  })

  test('are all under "*" in the demo, which has everything', async () => {
    const { body } = await put('*')
    expect(body?.native_servers).toEqual({ session: 'on', legiti: 'on' })
  })

  test('stay what they were for a grant from before they had to be named, however often it is written again', async () => {
    const token = String((await put('*')).body?.token)
    await runInDurableObject(tenantObject('acme'), (_, { storage: { sql } }) => {
      sql.exec('ALTER TABLE grants DROP COLUMN every_native; ALTER TABLE tenant DROP COLUMN is_said')
      sql.exec('ALTER TABLE servers DROP COLUMN last_scan')
      sql.exec('UPDATE schema_version SET version = version - 3')
    })
    await evictDurableObject(tenantObject('acme'))
    await noDemo()
    expect((await admin('GET', 'acme/grants/bot')).body).toMatchObject({
      servers: '*',
      native_servers: { session: 'on', legiti: 'on' },
    })
    expect(await names({ token, bindings: LEGITI })).toHaveLength(21)
    const again = await put('*')
    expect([again.status, again.body?.native_servers]).toEqual([200, { session: 'on', legiti: 'on' }])
    expect(await names({ token, bindings: LEGITI })).toHaveLength(21)
    expect((await put(['*'])).body?.native_servers).toEqual({})
    expect(await names({ token, bindings: LEGITI })).toEqual([])
    await admin('DELETE', 'acme/grants/bot')
    expect((await put('*')).body?.native_servers).toEqual({})
  })

  test('are another tenant’s affair in another tenant', async () => {
    await noDemo()
    const other = await makeGrant('globex', 'bot', undefined, { servers: ['session'] })
    const token = String((await put(['legiti'])).body?.token)
    expect(await names({ token: other, bindings: LEGITI })).toEqual(SESSION)
    expect(await names({ token, bindings: LEGITI })).toHaveLength(18)
  })

  test('reach every upstream server beside "*" in a list', async () => {
    await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp' })
    await put(['*', 'session'])
    const [row] = await rows<{ config: string }>('SELECT config FROM grants', 'acme/bot')
    expect(JSON.parse(row?.config ?? '')).toMatchObject({
      settings: { servers: ['session'] },
      upstreams: [{ name: 'crm' }],
    })
    await admin('PUT', 'acme/servers/erp', { url: 'https://erp.example.com/mcp' })
    const [later] = await rows<{ config: string }>('SELECT config FROM grants', 'acme/bot')
    expect(JSON.parse(later?.config ?? '')).toMatchObject({ upstreams: [{ name: 'crm' }, { name: 'erp' }] })
  })

  test('are warned of where the deployment does not have them', async () => {
    const document = { policy: 'main', servers: ['session', 'legiti'] }
    const { body } = await adminWith({ NATIVE_SERVERS: 'session' }, 'PUT', 'acme/grants/bot', document)
    expect(body?.native_servers).toEqual({ session: 'on', legiti: 'off' })
    expect(body?.warnings).toEqual([
      'The grant names the native server "legiti", which this deployment does not have (NATIVE_SERVERS does not name it): it has no tool of it.',
    ])
  })
})

test('an unknown token learns nothing of what is on', async () => {
  await settled()
  const refused = await post(request('tools/list'), { token: 'gh_acme_bot_nothing', path: '/mcp/legiti' })
  expect(refused.status).toBe(401)
})

describe('what is off', () => {
  const get = async (path: string, bindings: Partial<Env>) => {
    const http = new Request(`http://127.0.0.1${path}`)
    return app.fetch(http, { ...env, ...bindings } as Env, createExecutionContext())
  }

  test('is said by the description of the API, and only then', async () => {
    const off = { NATIVE_SERVERS: 'session' }
    expect(await (await get('/api/v1/openapi.json', off)).json()).toMatchObject({
      info: {
        description: expect.stringContaining('does not have the native servers legiti'),
        'x-gatehouse-native-servers': { session: 'on', legiti: 'off' },
      },
    })
    expect(await (await get('/api/v1/docs', off)).text()).toContain('native servers legiti')
    expect(await (await get('/api/v1/openapi.json', {})).text()).not.toContain('x-gatehouse-native-servers')
  })

  test('is among the tools that policies are checked against, for its names are reserved, and said to be off', async () => {
    await admin('PUT', 'acme', {})
    const servers = async (bindings: Partial<Env>) => {
      const { body } = await adminWith(bindings, 'GET', 'acme/tools')
      const { servers: listed = [] } = (body ?? {}) as { servers?: { name: string; off: string | null }[] }
      return listed.map(({ name, off }) => [name, off])
    }
    const off = 'NATIVE_SERVERS does not name it'
    expect(await servers({})).toEqual([
      ['session', null],
      ['legiti', null],
    ])
    expect(await servers({ NATIVE_SERVERS: 'session' })).toEqual([
      ['session', null],
      ['legiti', off],
    ])
    expect(await servers({ NATIVE_SERVERS: 'none' })).toEqual([
      ['session', off],
      ['legiti', off],
    ])
  })
})

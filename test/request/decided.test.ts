/** Every decision passes one place, once: whatever kind it is, and whoever made it. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { adminWith } from '../support/admin.ts'
import { BASE, envelope, fresh, type Json, request, rows, STATELESS } from '../support/gateway.ts'

const bindings = { ALLOW_PRIVATE_UPSTREAMS: 'true' }
const eras = ['session', 'stateless'] as const
type Era = (typeof eras)[number]

const servers = ['crm', 'limited', 'shared', 'denied', 'held', 'hidden']

/** Each test has a grant of its own in a tenant that all tests of a block share: to make the tenant takes longer than most of them. */
let grant = ''
let grants = 0
let token = ''
let isSuspended = false

async function put(path: string, body: unknown): Promise<Json> {
  const answer = await adminWith(bindings, 'PUT', path, body)
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body))
  return answer.body ?? {}
}

async function begin(): Promise<void> {
  await fresh()
  // The same server under several names, so that the policy can say something else of each.
  for (const name of servers)
    await put(`acme/servers/${name}`, { url: inject('upstream'), breaker: { failures: 1_000 } })
  const limits = [{ counter: 'calls', window: 'day', max: 1 }]
  await put('acme/policies/main', {
    version: '1',
    default: 'allow',
    hide: ['hidden__echo'],
    tools: {
      crm__echo: {},
      limited__echo: { limits },
      shared__echo: { limits: [{ ...limits[0], counter: 'shared', scope: 'tenant' }] },
      denied__echo: { deny_if: [{ conditions: [], on_deny: 'No.' }] },
      held__echo: { require_approval: [{ conditions: [] }] },
      auth_logout: { deny_if: [{ conditions: [], on_deny: 'No.' }] },
    },
    resources: { '*': {}, 'crm+file:///denied/*': { deny_if: [{ conditions: [], on_deny: 'No.' }] } },
  })
}

async function suspend(): Promise<void> {
  isSuspended = true
  await post('suspend')
}

async function post(what: 'suspend' | 'resume'): Promise<void> {
  const answer = await adminWith(bindings, 'POST', `acme/${what}`)
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
}

/** What is said of a decision, without what differs from run to run. */
type Said = Readonly<Record<'decision' | 'rule' | 'server' | 'tool' | 'era' | 'tenant' | 'grant', unknown>>

let spied: { readonly mock: { readonly calls: readonly unknown[][] }; mockClear(): unknown }
beforeAll(begin)
beforeEach(async () => {
  spied = vi.spyOn(console, 'info').mockImplementation(() => {})
  grants += 1
  grant = `bot-${grants}`
  const document = { policy: 'main', servers: [...servers, 'session'] }
  token = String((await put(`acme/grants/${grant}`, document)).token)
})
afterEach(async () => {
  vi.restoreAllMocks()
  if (!isSuspended) return
  isSuspended = false
  await post('resume')
})

/** The decisions since they were last asked for. */
function taken(): readonly (Said & { readonly request: string })[] {
  const lines = spied.mock.calls.map(([line]) => JSON.parse(String(line)) as Json)
  spied.mockClear()
  return lines.filter(({ event }) => event === 'decision') as unknown as ReturnType<typeof taken>
}

const short = (all: readonly Said[]) =>
  all.map(({ decision, rule, server, tool }) => [
    decision,
    rule,
    server === null ? null : `${server} ${tool}`,
  ])

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly token?: string | null
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

/** Sends a request to a deployment that logs all its decisions, and waits for what it does behind the answer. */
async function send(sent: Sent, more: Partial<Env> = {}): Promise<Response> {
  const { method = 'POST', path = '/mcp', token: own = token, headers = {}, body } = sent
  const init: RequestInit = {
    method,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(own === null ? {} : { authorization: `Bearer ${own}` }),
      ...headers,
    },
  }
  if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body)
  const execution = createExecutionContext()
  const all = { ...env, ...bindings, LOG_DECISIONS: 'all', ...more } as Env
  const response = await app.fetch(new Request(`${BASE}${path}`, init), all, execution)
  const text = response.headers.get('content-type')?.includes('stream') === true ? '' : await response.text()
  await waitOnExecutionContext(execution)
  return new Response(text, response)
}

let session: Record<string, string> = {}

async function open(version = '2025-11-25', path = '/mcp'): Promise<void> {
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 't', version: '1' } }
  const opened = await send({ path, body: request('initialize', params) })
  session = {
    'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
    ...(version < '2025-06-18' ? {} : { 'mcp-protocol-version': version }),
  }
  taken()
}

/** One request of an era. */
function inEra(era: Era, method: string, params: Json): Sent {
  if (era === 'session') return { headers: session, body: request(method, params) }
  const name = params.name ?? params.uri
  return {
    headers: {
      'mcp-protocol-version': STATELESS,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
    body: request(method, { ...params, _meta: envelope }),
  }
}

const call = (era: Era, name: string, args: Json = {}) => inEra(era, 'tools/call', { name, arguments: args })

describe.each(eras)('in the %s era', (era) => {
  // What the whole tenant has used is used up only once.
  beforeAll(begin)
  beforeEach(async () => {
    if (era === 'session') await open()
    // The isolate knows the grant, and the server's tools, from then on.
    await send(call(era, 'crm__echo'))
    taken()
  })

  test.each<[string, Json, string, string, string]>([
    ['auth_whoami', {}, 'allow', '(default allow)', 'session auth_whoami'],
    ['auth_whoami', { much: 1 }, 'refuse', '(arguments)', 'session auth_whoami'],
    ['auth_logout', {}, 'deny', '/tools/auth_logout/deny_if/0', 'session auth_logout'],
    ['no_such_tool', {}, 'refuse', '(unknown tool)', '(unknown) (unknown)'],
    ['nowhere__echo', {}, 'refuse', '(unknown tool)', '(unknown) (unknown)'],
    ['crm__echo', { secret: 'value-of-an-argument' }, 'allow', '/tools/crm__echo', 'crm echo'],
    ['denied__echo', {}, 'deny', '/tools/denied__echo/deny_if/0', 'denied echo'],
    ['hidden__echo', {}, 'deny', '(hidden)', 'hidden echo'],
    ['held__echo', {}, 'approval', '/tools/held__echo/require_approval/0', 'held echo'],
  ])('a call of %s with %j is one', async (name, args, decision, rule, what) => {
    await send(call(era, name, args))
    const all = taken()
    expect(short(all)).toEqual([[decision, rule, what]])
    expect(all[0]).toMatchObject({ tenant: 'acme', grant, era })
    expect(JSON.stringify(all)).not.toContain('value-of-an-argument')
  })

  test.each(['limited__echo', 'shared__echo'])(
    'a call of %s is one, within its limit and beyond',
    async (name) => {
      const what = name.replace('__', ' ')
      for (const decision of ['allow', 'limit', 'limit']) {
        await send(call(era, name))
        expect(short(taken())).toEqual([[decision, expect.any(String), what]])
      }
    },
  )

  test('whatever a policy decides of reading is one', async () => {
    const ref = { type: 'ref/prompt', name: 'crm__draft' }
    const argument = { name: 'tone', value: 'r' }
    for (const [method, params, said] of [
      ['resources/read', { uri: 'crm+file:///a' }, ['allow', expect.any(String), 'crm resource']],
      ['resources/read', { uri: 'crm+file:///denied/a' }, ['deny', expect.any(String), 'crm resource']],
      ['resources/read', { uri: 'nowhere+file:///a' }, ['refuse', '(unknown server)', '(unknown) (unknown)']],
      ['prompts/get', { name: 'crm__draft' }, ['allow', expect.any(String), 'crm prompt']],
      ['completion/complete', { ref, argument }, ['allow', expect.any(String), 'crm prompt']],
    ] as const) {
      await send(inEra(era, method, params))
      expect(short(taken())).toEqual([said])
    }
  })

  test('what the audit trail has of calls and of reading is what passes, one for one', async () => {
    for (const name of [
      'crm__echo',
      'denied__echo',
      'limited__echo',
      'limited__echo',
      'held__echo',
      'auth_whoami',
      'no',
    ])
      await send(call(era, name))
    await send(inEra(era, 'resources/read', { uri: 'crm+file:///a' }))
    const said = taken().map(({ request: id, decision, rule }) => [id, decision, rule])
    const kept = await rows<{ request_id: string; decision: string; rule: string }>(
      "SELECT request_id, decision, rule FROM audit WHERE decision <> 'end' ORDER BY seq",
      `acme/${grant}`,
    )
    expect(said).toHaveLength(8)
    expect(kept.slice(-8).map(({ request_id: id, decision, rule }) => [id, decision, rule])).toEqual(said)
  })

  test('a call that a person must approve is one each time: asked for, and then approved, or denied', async () => {
    for (const [decision, then] of [
      ['approve', 'allow'],
      ['deny', 'deny'],
    ] as const) {
      const held = call(era, 'held__echo', { text: decision })
      await send(held)
      expect(short(taken())).toEqual([['approval', '/tools/held__echo/require_approval/0', 'held echo']])
      const [waits] = await rows<{ approval: string }>(
        "SELECT approval FROM audit WHERE decision = 'approval' ORDER BY seq DESC LIMIT 1",
        `acme/${grant}`,
      )
      const path = `acme/approvals/${waits?.approval}`
      expect((await adminWith(bindings, 'POST', path, { decision })).status).toBe(200)
      taken()
      await send(held)
      expect(short(taken())).toEqual([[then, '/tools/held__echo/require_approval/0', 'held echo']])
    }
  })

  test('what no policy has a say in is none', async () => {
    for (const method of ['tools/list', 'prompts/list', 'resources/list']) await send(inEra(era, method, {}))
    expect(taken()).toEqual([])
  })

  test('a call or a list while the tenant is suspended is one refusal', async () => {
    await suspend()
    for (const name of ['crm__echo', 'auth_whoami', 'crm__new']) {
      await send(call(era, name))
      expect(short(taken())).toEqual([['refuse', '(suspended)', expect.any(String)]])
    }
    await send(inEra(era, 'tools/list', {}))
    expect(short(taken())).toEqual([['refuse', '(suspended)', null]])
  })

  test('a call whose principal cannot be asked is one', async () => {
    const PRINCIPAL = { getByName: () => ({ admit: () => Promise.reject(new Error('gone')) }) } as never
    vi.spyOn(console, 'error').mockImplementation(() => {})
    await send(call(era, 'crm__echo'), { PRINCIPAL })
    expect(short(taken())).toEqual([['refuse', '(unavailable)', 'crm echo']])
  })

  test('a call that names a session which is not live is one', async () => {
    const dead = 'ses_00000000-0000-0000-0000-000000000000'
    await send(call(era, 'crm__echo', { session: dead }))
    expect(short(taken())).toEqual([['refuse', '(session ended)', 'crm echo']])
  })

  test.each([
    ['a wrong token', { token: 'gh_acme_GRANT_wrong-secret-of-a-test' }, '(token)', 'acme'],
    ['what is no token', { token: 'none' }, '(token)', null],
    ['no token', { token: null }, '(no token)', null],
    ['a page of another site', { headers: { origin: 'https://evil.example' } }, '(origin)', null],
    ['headers without end', { headers: { 'x-large': 'x'.repeat(20_000) } }, '(request)', null],
  ] as const)('%s is one refusal', async (_, changed, rule, tenant) => {
    const sent = call(era, 'crm__echo')
    const headers = { ...sent.headers, ...('headers' in changed ? changed.headers : {}) }
    // Of this very grant, with another secret.
    const own = 'token' in changed ? { token: changed.token?.replace('GRANT', grant) ?? null } : {}
    await send({ ...sent, ...own, headers })
    const all = taken()
    expect(short(all)).toEqual([['refuse', rule, null]])
    expect(all[0]).toMatchObject({ tenant, era })
  })

  test.each<[string, Sent, string, string | null]>([
    ['a body that is no JSON', { body: '{' }, '(request)', null],
    ['no JSON-RPC', { body: { hello: 1 } }, '(request)', null],
    [
      'a call without a name',
      { body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: {} } },
      '(request)',
      '(unknown) (unknown)',
    ],
    ['a method that is not passed on', { path: '/mcp/crm', body: request('no/such') }, '(request)', null],
    ['a server that there is not', { path: '/mcp/nowhere', body: request('ping') }, '(unknown server)', null],
    ['a method of HTTP that there is not', { method: 'PUT', body: {} }, '(request)', null],
  ])('%s is one refusal', async (_, sent, rule, what) => {
    const own = call(era, 'crm__echo').headers
    const { method } = (sent.body ?? {}) as { method?: string }
    const named = era === 'stateless' && method !== undefined ? { 'mcp-method': method, 'mcp-name': '' } : {}
    const body =
      era === 'stateless' && method !== undefined
        ? { ...(sent.body as Json), params: { ...(sent.body as { params?: Json }).params, _meta: envelope } }
        : sent.body
    await send({ ...sent, headers: { ...own, ...named }, ...(body === undefined ? {} : { body }) })
    expect(short(taken())).toEqual([['refuse', rule, what]])
  })
})

describe('in a batch', () => {
  test('each message is one, and so is a batch that is refused as a whole', async () => {
    await open('2025-03-26')
    const called = (name: string) => request('tools/call', { name, arguments: {} })
    await send({
      headers: session,
      body: [called('crm__echo'), called('denied__echo'), request('tools/list')],
    })
    expect(taken().map(({ decision, request: id }) => [decision, id.split('.')[1]])).toEqual([
      ['allow', '0'],
      ['deny', '1'],
    ])
    await send({ headers: session, body: Array.from({ length: 51 }, () => called('crm__echo')) })
    expect(short(taken())).toEqual([['refuse', '(batch)', '(unknown) (unknown)']])
    await send({ headers: session, body: Array.from({ length: 51 }, () => request('ping')) })
    expect(short(taken())).toEqual([['refuse', '(request)', null]])
    await suspend()
    await send({ headers: session, body: [called('crm__echo')] })
    expect(short(taken())).toEqual([['refuse', '(suspended)', '(unknown) (unknown)']])
    await send({ headers: session, body: [request('ping')] })
    expect(short(taken())).toEqual([['refuse', '(suspended)', null]])
  })

  test('of a later revision it is one refusal', async () => {
    await open()
    await send({ headers: session, body: [request('tools/call', { name: 'crm__echo', arguments: {} })] })
    expect(short(taken())).toEqual([['refuse', '(batch)', '(unknown) (unknown)']])
  })
})

describe('in the session era alone', () => {
  test('a call in a session that is over, or in none, is one, and so is a stream', async () => {
    await open()
    const gone = { ...session, 'mcp-session-id': 'gone' }
    await send({ headers: gone, body: request('tools/call', { name: 'crm__echo', arguments: {} }) })
    expect(short(taken())).toEqual([['refuse', '(session ended)', expect.anything()]])
    await send({ body: request('tools/call', { name: 'crm__echo', arguments: {} }) })
    expect(short(taken())).toEqual([['refuse', '(session required)', '(unknown) (unknown)']])
    for (const path of ['/mcp', '/mcp/session', '/mcp/crm']) {
      await send({ method: 'GET', path, headers: { ...gone, accept: 'text/event-stream' } })
      expect(short(taken())).toEqual([['refuse', '(session ended)', null]])
    }
    await send({ method: 'DELETE', headers: gone })
    expect(short(taken())).toEqual([['refuse', '(session ended)', null]])
  })
})

describe('LOG_DECISIONS', () => {
  test.each([
    [undefined, []],
    ['none', []],
    ['refused', ['deny', 'refuse']],
    ['all', ['allow', 'deny', 'refuse']],
  ])('%s logs %j', async (LOG_DECISIONS, logged) => {
    await open()
    const more = { LOG_DECISIONS } as Partial<Env>
    await send(call('session', 'crm__echo'), more)
    await send(call('session', 'denied__echo'), more)
    await send({ token: null, body: request('ping') }, more)
    expect(taken().map(({ decision }) => decision)).toEqual(logged)
  })
})

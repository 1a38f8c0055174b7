/** Sessions as administrators see them: listed, and ended from outside. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { PrincipalObject } from '../../src/principal/object.ts'
import { admin, makeGrant, makePerson, tenantRows } from '../support/admin.ts'
import {
  connect,
  DEMO_TOKEN,
  fresh,
  type Json,
  open,
  received,
  rows,
  type SessionClient,
  settled,
  statelessCall,
} from '../support/gateway.ts'

beforeEach(fresh)

const trusting = { identity: { trusted: true } }

async function setUp(tenant: string, ...grants: string[]): Promise<string[]> {
  await admin('PUT', tenant, trusting)
  const tokens: string[] = []
  for (const grant of grants) tokens.push(await makeGrant(tenant, grant))
  return tokens
}

async function loggedIn(token: string, account: string): Promise<SessionClient> {
  const client = await connect({ token })
  await client.login(account)
  return client
}

interface Listed {
  readonly id: string
  readonly grant: string
  readonly account: string | null
}

async function list(path: string): Promise<{ items: Listed[]; next: string | null }> {
  const { status, body } = await admin('GET', path)
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body as unknown as { items: Listed[]; next: string | null }
}

/** All pages. */
async function all(path: string): Promise<Listed[]> {
  const items: Listed[] = []
  for (let after = ''; ; ) {
    const page = await list(`${path}${path.includes('?') ? '&' : '?'}limit=2${after}`)
    expect(page.items.length).toBeLessThanOrEqual(2)
    items.push(...page.items)
    if (page.next === null) return items
    after = `&after=${encodeURIComponent(page.next)}`
  }
}

const logouts = async () =>
  (await received()).filter(({ body }) => body.action === 'logout').map(({ body }) => body.account_id)

describe('the list', () => {
  test('of a grant has its live sessions, page by page', async () => {
    const [token = ''] = await setUp('acme', 'one')
    const clients = []
    for (const account of ['ana', 'bea', 'ana', 'cid', 'ana']) clients.push(await loggedIn(token, account))
    await clients[1]?.delete()
    const items = await all('acme/grants/one/sessions')
    expect(items.map(({ account }) => account)).toEqual(['ana', 'ana', 'cid', 'ana'])
    expect(items[0]).toEqual({
      id: expect.stringMatching(/^ses_/),
      grant: 'one',
      account: 'ana',
      provider: 'trusted',
      started_at: expect.any(String),
      last_seen_at: expect.any(String),
      idle_expires_at: expect.any(String),
      expires_at: expect.any(String),
      protocol_version: '2025-11-25',
    })
    expect((await all('acme/grants/one/sessions?account=ana')).map(({ account }) => account)).toEqual([
      'ana',
      'ana',
      'ana',
    ])
  })

  test('of an account has its sessions in every grant, and of no other tenant', async () => {
    const tokens = await setUp('acme', 'one', 'two', 'three')
    const [other = ''] = await setUp('other', 'one')
    for (const token of [...tokens, other])
      for (const account of ['ana', 'bea', 'ana']) await loggedIn(token, account)
    const items = await all('acme/sessions?account=ana')
    expect(items.map(({ grant }) => grant)).toEqual(['one', 'one', 'three', 'three', 'two', 'two'])
    expect(new Set(items.map(({ id }) => id)).size).toBe(6)
    expect(await all('acme/sessions')).toHaveLength(9)
  })

  test('goes over more grants than one page asks', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `bot-${String(i).padStart(2, '0')}`)
    const tokens = await setUp('acme', ...names)
    await loggedIn(tokens.at(-1) ?? '', 'ana')
    const first = await list('acme/sessions?account=ana')
    expect([first.items, first.next]).toEqual([[], 'bot-50:0'])
    expect((await list(`acme/sessions?account=ana&after=${first.next}`)).items).toMatchObject([
      { grant: 'bot-59' },
    ])
  }, 20_000)

  test.each<[string, number]>([
    ['acme/grants/nothing/sessions', 404],
    ['acme/grants/a_b/sessions', 404],
    ['acme/grants/one/sessions?after=x', 400],
    ['acme/sessions?after=one', 400],
    ['acme/sessions?account=', 400],
  ])('%s is %i', async (path, status) => {
    await setUp('acme', 'one')
    expect((await admin('GET', path)).status).toBe(status)
  })

  test('of a tenant that is not there is refused, and stores nothing', async () => {
    expect(await admin('GET', 'nobody/sessions')).toMatchObject({
      status: 404,
      body: { detail: 'There is no tenant nobody.' },
    })
    expect(await tenantRows('nobody', 'SELECT name FROM sqlite_master')).toEqual([])
  })
})

describe('an administrator', () => {
  test('ends one session: its agent goes on without an account, its stream stays, and Legiti is told once', async () => {
    const [token = ''] = await setUp('acme', 'one')
    const [gone, stays] = [await loggedIn(token, 'ana'), await loggedIn(token, 'ana')]
    const stream = await open('GET', '/mcp', token, { ...gone.headers, accept: 'text/event-stream' })
    const [first] = await all('acme/grants/one/sessions')
    const path = `acme/grants/one/sessions/${first?.id}`
    expect((await admin('DELETE', path)).body).toEqual({ ended: 1, pending: 0 })
    expect((await gone.call('auth_whoami')).structured.account).toBeNull()
    expect((await stays.call('auth_whoami')).structured.account).toBe('ana')
    await stream.body?.cancel()
    expect((await admin('DELETE', path)).status).toBe(404)
    await settled('acme/one')
    expect(await logouts()).toEqual(['ana'])
    expect(await rows('SELECT end_reason FROM sessions WHERE ended_at IS NOT NULL', 'acme/one')).toEqual([
      { end_reason: 'administrator' },
    ])
  })

  test('ends an account’s sessions in all grants, and no others', async () => {
    const [one = '', two = ''] = await setUp('acme', 'one', 'two')
    const [other = ''] = await setUp('other', 'one')
    const gone = [await loggedIn(one, 'ana'), await loggedIn(two, 'ana')]
    const stays = [await loggedIn(one, 'bea'), await loggedIn(other, 'ana')]
    const end = () => admin('POST', 'acme/sessions/end', { account: 'ana' })
    expect((await end()).body).toEqual({ ended: 2, pending: 0 })
    expect((await end()).body).toEqual({ ended: 0, pending: 0 })
    const accountOf = async (client: SessionClient) => (await client.call('auth_whoami')).structured.account
    expect(await Promise.all(gone.map(accountOf))).toEqual([null, null])
    expect(await Promise.all(stays.map(accountOf))).toEqual(['bea', 'ana'])
    await Promise.all(['acme/one', 'acme/two'].map((name) => settled(name)))
    expect(await logouts()).toEqual(['ana', 'ana'])
  })

  test('ends all sessions of a grant, or those of one account in it', async () => {
    const [one = '', two = ''] = await setUp('acme', 'one', 'two')
    for (const account of ['ana', 'ana', 'bea']) await loggedIn(one, account)
    const stays = await loggedIn(two, 'ana')
    const end = (body: Json) => admin('POST', 'acme/grants/one/sessions/end', body)
    expect((await end({ account: 'ana' })).body).toEqual({ ended: 2, pending: 0 })
    expect((await end({})).body).toEqual({ ended: 1, pending: 0 })
    expect(await all('acme/grants/one/sessions')).toEqual([])
    expect((await stays.request('ping')).status).toBe(200)
  })

  test('ends sessions of the stateless era, too', async () => {
    const [token = ''] = await setUp('acme', 'one')
    const login = await statelessCall('auth_login', { provider: 'trusted', account_id: 'ana' }, { token })
    await admin('POST', 'acme/sessions/end', { account: 'ana' })
    const session = login.structured.session
    const whoami = await statelessCall('auth_whoami', { session }, { token })
    expect(whoami.code).toBe('session_ended')
  })

  test('is told of a grant that could not be asked; it is asked by alarm', async () => {
    const [one = ''] = await setUp('acme', 'one')
    await loggedIn(one, 'ana')
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const broken = vi
      .spyOn(PrincipalObject.prototype, 'endSessions')
      .mockRejectedValue(new Error('told to fail'))
    expect((await admin('POST', 'acme/sessions/end', { account: 'ana' })).body).toEqual({
      ended: 0,
      pending: 1,
    })
    broken.mockRestore()
    expect(await tenantRows('acme', 'SELECT grant_name, tries FROM logout_targets')).toEqual([
      { grant_name: 'one', tries: 1 },
    ])
  })

  test('leaves a record of who did it', async () => {
    const [one = ''] = await setUp('acme', 'one')
    await loggedIn(one, 'ana')
    await admin('POST', 'acme/sessions/end', { account: 'ana' })
    await admin('POST', 'acme/grants/one/sessions/end', {})
    const found = "SELECT actor, subject, detail FROM changes WHERE action = 'session.end' ORDER BY seq"
    expect(await tenantRows('acme', found)).toEqual([
      { actor: 'root', subject: 'account/ana', detail: '{}' },
      { actor: 'root', subject: 'grant/one', detail: '{}' },
    ])
  })

  test('can do the same in the demo', async () => {
    const client = await loggedIn(DEMO_TOKEN, 'ana')
    expect(await all('demo/sessions?account=ana')).toMatchObject([{ grant: 'agent' }])
    expect((await admin('POST', 'demo/sessions/end', { account: 'ana' })).body).toEqual({
      ended: 1,
      pending: 0,
    })
    expect((await client.call('auth_whoami')).structured.account).toBeNull()
  })

  test('of another tenant is nobody here, and who may only look ends nothing', async () => {
    const [one = ''] = await setUp('acme', 'one')
    await setUp('other', 'one')
    const client = await loggedIn(one, 'ana')
    const { items } = await list('acme/grants/one/sessions')
    const stranger = await makePerson('other', 'eve', 'admin')
    const viewer = await makePerson('acme', 'bea', 'viewer')
    const manager = await makePerson('acme', 'cid', 'policy_manager')
    for (const [method, path, body] of [
      ['DELETE', `acme/grants/one/sessions/${items[0]?.id}`, undefined],
      ['POST', 'acme/sessions/end', { account: 'ana' }],
      ['POST', 'acme/grants/one/sessions/end', {}],
    ] as const) {
      expect((await admin(method, path, body, stranger)).status).toBe(401)
      for (const token of [viewer, manager]) expect((await admin(method, path, body, token)).status).toBe(403)
    }
    for (const path of ['acme/sessions', 'acme/grants/one/sessions']) {
      expect((await admin('GET', path, undefined, viewer)).status).toBe(200)
      expect((await admin('GET', path, undefined, stranger)).status).toBe(401)
    }
    expect((await client.request('ping')).status).toBe(200)
  })

  test('needs a token', async () => {
    await setUp('acme', 'one')
    for (const [method, path] of [
      ['GET', 'acme/sessions'],
      ['GET', 'acme/grants/one/sessions'],
      ['DELETE', 'acme/grants/one/sessions/x'],
      ['POST', 'acme/sessions/end'],
      ['POST', 'acme/grants/one/sessions/end'],
    ] as const) {
      expect((await admin(method, path, undefined, 'wrong')).status).toBe(401)
    }
  })
})

/**
 * Whose a call is, in every era, under every setting of the grant, named or not, with two clients at once: what the agent is
 * told, what the audit says, and what Legiti hears must be the same.
 */

import { runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { adminWith } from '../../support/admin.ts'
import { listen } from '../../support/events.ts'
import {
  connect,
  envelope,
  fresh,
  type Json,
  post,
  principal,
  received,
  request,
  rows,
  STATELESS,
  settled,
  stateless,
  statelessCall,
  type ToolAnswer,
} from '../../support/gateway.ts'
import { PATIENT } from '../../support/patient.ts'

const bindings = { ALLOW_PRIVATE_UPSTREAMS: 'true' }
const GRANT = 'acme/bot'
type Mode = 'auto' | 'one' | 'many'
type Era = 'session' | 'stateless'

let token = ''

const put = async (path: string, body: unknown) =>
  (await adminWith(bindings, 'PUT', path === '' ? 'acme' : `acme/${path}`, body)).body

/** Changes the setting of the grant, as an administrator does. */
const set = (sessions: Mode) => put('grants/bot', { policy: 'main', sessions })

async function makeGrant(sessions: Mode): Promise<void> {
  await put('', { identity: { trusted: true } })
  await put('servers/crm', { url: inject('upstream'), breaker: { failures: 1_000 } })
  await put('policies/main', { version: '1', default: 'allow' })
  token = String((await set(sessions))?.token)
}

/** A client of one of the eras. */
interface Client {
  readonly call: (name: string, args?: Json, session?: string) => Promise<ToolAnswer>
}

async function clientOf(era: Era): Promise<Client> {
  const named = (args: Json, session?: string) => (session === undefined ? args : { ...args, session })
  if (era === 'stateless')
    return { call: (name, args = {}, session) => statelessCall(name, named(args, session), { token }) }
  const connected = await connect({ token })
  return { call: (name, args = {}, session) => connected.call(name, named(args, session)) }
}

const login = async (client: Client, account: string, session?: string) =>
  (await client.call('auth_login', { provider: 'trusted', account_id: account }, session)).structured as {
    session: string
    ended: string | null
  }
/** The account that a call is answered for; null for nobody's, and why it was refused where it was. */
const whoami = async (client: Client, session?: string) => {
  const { structured, code } = await client.call('auth_whoami', {}, session)
  return code ?? (structured.logged_in === true ? structured.account : null)
}
const logouts = async () => {
  await settled(GRANT)
  return (await received()).filter(({ body }) => body.action === 'logout').map(({ body }) => body.account_id)
}
const live = () =>
  rows<{ account: string }>('SELECT account FROM sessions WHERE ended_at IS NULL ORDER BY rowid', GRANT)
/** The last call of a notification of Legiti's: whose the audit says it was. */
const onRecord = async (client: Client, session?: string) => {
  const { code } = await client.call('track_account', { action: 'create', account_id: 'x' }, session)
  const [row] = await rows<{ account: string | null; session_id: string | null; decision: string }>(
    "SELECT account, session_id, decision FROM audit WHERE tool = 'track_account' ORDER BY seq DESC LIMIT 1",
    GRANT,
  )
  return code ?? row?.account
}

beforeEach(fresh)

/** What each of two clients is after both have logged in, the second without a handle after the first. */
const expected: readonly [Era, Mode, 'named' | 'unnamed', string | null, string | null][] = [
  ['session', 'auto', 'unnamed', 'ana', 'bea'],
  ['session', 'auto', 'named', 'ana', 'bea'],
  ['session', 'one', 'unnamed', 'bea', 'bea'],
  ['session', 'one', 'named', 'session_ended', 'bea'],
  ['session', 'many', 'unnamed', null, null],
  ['session', 'many', 'named', 'ana', 'bea'],
  ['stateless', 'auto', 'unnamed', 'bea', 'bea'],
  ['stateless', 'auto', 'named', 'session_ended', 'bea'],
  ['stateless', 'one', 'unnamed', 'bea', 'bea'],
  ['stateless', 'one', 'named', 'session_ended', 'bea'],
  ['stateless', 'many', 'unnamed', null, null],
  ['stateless', 'many', 'named', 'ana', 'bea'],
]

test.each(expected)('%s era, %s, %s: %s and %s', async (era, mode, naming, first, second) => {
  await makeGrant(mode)
  const [one, two] = [await clientOf(era), await clientOf(era)]
  const sessions = [(await login(one, 'ana')).session, (await login(two, 'bea')).session]
  const [mine, other] = naming === 'named' ? sessions : []
  expect(await Promise.all([whoami(one, mine), whoami(two, other)])).toEqual([first, second])
  expect([await onRecord(one, mine), await onRecord(two, other)]).toEqual([first, second])
  const before = await logouts()
  expect(before).toEqual((await live()).length === 1 ? ['ana'] : [])

  const out = [await one.call('auth_logout', {}, mine), await two.call('auth_logout', {}, other)]
  if (mode === 'many' && naming === 'unnamed') {
    for (const { isError, code, text } of out) {
      expect([isError, code]).toEqual([true, 'session_required'])
      expect(text).toContain('2 sessions of this grant are live; pass the handle')
      for (const session of sessions) expect(text).not.toContain(session)
    }
    expect(await logouts()).toEqual([])
    expect((await one.call('auth_whoami')).structured).toMatchObject({ logged_in: false, live_sessions: 2 })
    return
  }
  expect(await live()).toEqual([])
  // Each account once, however often somebody has tried.
  expect((await logouts()).toSorted()).toEqual(['ana', 'bea'])
})

describe('what is passed on to servers', () => {
  test.each<[Mode, string | null]>([
    ['auto', 'ana'],
    ['one', 'ana'],
    ['many', null],
  ])('stateless, %s: the audit row of an unnamed call says %s', async (mode, account) => {
    await makeGrant(mode)
    await login(await clientOf('stateless'), 'ana')
    await stateless('tools/call', { name: 'crm__ok', arguments: { a: 1 } }, { token })
    const row = await vi.waitFor(async () => {
      const [found] = await rows("SELECT account, outcome FROM audit WHERE server = 'crm'", GRANT)
      expect(found).toBeDefined()
      return found
    }, PATIENT)
    expect(row).toMatchObject({ account })
  })
})

describe('one account at a time for the grant', () => {
  test('whatever the connection or era: a login anywhere replaces it, a logout anywhere ends it', async () => {
    await makeGrant('one')
    const [old, young, none] = [
      await clientOf('session'),
      await clientOf('session'),
      await clientOf('stateless'),
    ]
    const first = await login(old, 'ana')
    expect(await Promise.all([old, young, none].map((it) => whoami(it)))).toEqual(['ana', 'ana', 'ana'])
    expect((await login(none, 'bea')).ended).toBe(first.session)
    expect(await Promise.all([old, young, none].map((it) => whoami(it)))).toEqual(['bea', 'bea', 'bea'])
    expect((await young.call('auth_logout')).structured).toMatchObject({ ended: true })
    expect(await Promise.all([old, young, none].map((it) => whoami(it)))).toEqual([null, null, null])
    expect(await logouts()).toEqual(['ana', 'bea'])
  })

  test('a client that closes its connection after every command stays logged in', async () => {
    await makeGrant('one')
    const first = await connect({ token })
    await first.login('ana')
    await first.delete()
    const second = await connect({ token })
    expect((await second.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    expect(await logouts()).toEqual([])
  })

  test('two logins at once leave one session, and the other has ended properly', async () => {
    await makeGrant('one')
    const clients = await Promise.all([clientOf('session'), clientOf('stateless'), clientOf('session')])
    await Promise.all(clients.map((client, i) => login(client, `a${i}`)))
    expect(await live()).toHaveLength(1)
    expect(await logouts()).toHaveLength(2)
  })
})

describe('a setting that changes', () => {
  test('holds from the next request, and no call becomes another account’s by it', async () => {
    await makeGrant('auto')
    const [one, two] = [await clientOf('session'), await clientOf('stateless')]
    const ana = (await login(one, 'ana')).session
    await set('many')
    expect([await whoami(one), await whoami(one, ana), await whoami(two, ana)]).toEqual([null, 'ana', 'ana'])
    const bea = (await login(two, 'bea')).session
    expect(await whoami(two)).toBeNull()
    await set('auto')
    expect([await whoami(one), await whoami(two)]).toEqual(['ana', 'bea'])
    await set('one')
    expect([await whoami(one), await whoami(two), await whoami(one, ana)]).toEqual(['bea', 'bea', 'ana'])
    await one.call('auth_logout')
    expect([await whoami(one), await whoami(two), await whoami(two, bea)]).toEqual([
      null,
      null,
      'session_ended',
    ])
    expect((await logouts()).toSorted()).toEqual(['ana', 'bea'])
  })

  test('does not bring an older session back when the youngest of several ends', async () => {
    await makeGrant('many')
    const client = await clientOf('stateless')
    for (const account of ['ana', 'bea', 'cid']) await login(client, account)
    await set('auto')
    expect(await whoami(client)).toBe('cid')
    expect((await client.call('auth_logout')).structured).toMatchObject({ ended: true })
    expect(await whoami(client)).toBeNull()
    expect((await logouts()).toSorted()).toEqual(['ana', 'bea', 'cid'])
  })
})

describe('open streams', () => {
  const loginsOfStreams = () =>
    runInDurableObject(principal(GRANT), (_, state) =>
      state.getWebSockets('feed').map((socket) => socket.deserializeAttachment().login as string | null),
    )

  test('hear at once of a setting by which their requests are another’s', async () => {
    await makeGrant('auto')
    const client = await connect({ token })
    const { session } = (await client.login('ana')).structured
    const events = await listen(client)
    expect(await loginsOfStreams()).toEqual([session])
    await set('many')
    await vi.waitFor(async () => expect(await loginsOfStreams()).toEqual([null]), PATIENT)
    await set('auto')
    await vi.waitFor(async () => expect(await loginsOfStreams()).toEqual([session]), PATIENT)
    await events.close()
  })
})

describe('a handle', () => {
  test('of another grant is of nobody here', async () => {
    await makeGrant('auto')
    const mine = await clientOf('stateless')
    const { session } = await login(mine, 'ana')
    const other = String((await put('grants/other', { policy: 'main' }))?.token)
    const answer = await statelessCall('auth_whoami', { session }, { token: other })
    expect(answer.code).toBe('session_ended')
    expect((await statelessCall('auth_logout', { session }, { token: other })).code).toBe('session_ended')
    expect(await whoami(mine)).toBe('ana')
  })

  test('in _meta is obeyed by everything that is asked, and what cannot be one names nobody', async () => {
    await makeGrant('auto')
    const { session } = await login(await clientOf('stateless'), 'ana')
    const client = await connect({ token })
    const who = (handle: unknown) =>
      client.request('tools/call', {
        name: 'auth_whoami',
        arguments: {},
        _meta: { 'gatehouse/session': handle },
      })
    expect((await who(session)).body).toMatchObject({ result: { structuredContent: { account: 'ana' } } })
    for (const handle of ['ses_none', '', 7, null, ['x']])
      expect((await who(handle)).body).toMatchObject({ result: { isError: true } })
    const listed = await client.request('tools/list', { _meta: { 'gatehouse/session': 'ses_none' } })
    expect(listed.body).toMatchObject({ error: { code: -32602 } })
  })
})

test('two handles in one call that differ name no session, and null among the arguments is none', async () => {
  await makeGrant('many')
  const client = await clientOf('stateless')
  const [ana, bea] = [(await login(client, 'ana')).session, (await login(client, 'bea')).session]
  const connected = await connect({ token })
  const who = (named: unknown, meta: string) =>
    connected.request('tools/call', {
      name: 'auth_whoami',
      arguments: { session: named },
      _meta: { 'gatehouse/session': meta },
    })
  for (const [named, meta] of [
    [ana, bea],
    [bea, ana],
  ] as const)
    expect((await who(named, meta)).body).toMatchObject({
      result: { isError: true, structuredContent: { error: { code: 'session_ended' } } },
    })
  expect((await who(ana, ana)).body).toMatchObject({ result: { structuredContent: { account: 'ana' } } })
  expect((await who(null, bea)).body).toMatchObject({ result: { structuredContent: { account: 'bea' } } })
  expect((await client.call('auth_whoami', { session: null })).structured).toMatchObject({ logged_in: false })
})

test('of twenty logouts at once one ends the session, in either era, and Legiti hears it once', async () => {
  await makeGrant('auto')
  for (const era of ['session', 'stateless'] as const) {
    const client = await clientOf(era)
    await login(client, era)
    const all = await Promise.all(Array.from({ length: 20 }, () => client.call('auth_logout')))
    expect(all.filter(({ structured }) => structured.ended === true)).toHaveLength(1)
    expect(all.every(({ isError }) => !isError)).toBe(true)
  }
  expect((await logouts()).toSorted()).toEqual(['session', 'stateless'])
})

test('a session whose time is over when the next login comes has ended of that, once', async () => {
  await makeGrant('auto')
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const client = await connect({ token })
    await client.login('ana')
    vi.setSystemTime(Date.now() + 30 * 60_000)
    expect((await client.login('bea')).structured).toMatchObject({ account: 'bea', ended: null })
    expect(await rows('SELECT account, end_reason FROM sessions ORDER BY rowid', GRANT)).toEqual([
      { account: 'ana', end_reason: 'idle' },
      { account: 'bea', end_reason: null },
    ])
    await principal(GRANT).drain()
    expect(await logouts()).toEqual(['ana'])
  } finally {
    vi.useRealTimers()
  }
})

test('an agent of the stateless era that was nobody for a while is somebody from its login to its logout, each time', async () => {
  await makeGrant('auto')
  const client = await clientOf('stateless')
  expect([await whoami(client), await whoami(client)]).toEqual([null, null])
  for (const account of ['ana', 'bea']) {
    await login(client, account)
    expect([await whoami(client), await onRecord(client)]).toEqual([account, account])
    await client.call('auth_logout')
    expect([await whoami(client), await onRecord(client)]).toEqual([null, null])
  }
  await login(client, 'cem')
  // A login on a transport is another's.
  await login(await clientOf('session'), 'dan')
  expect(await whoami(client)).toBe('cem')
  expect(await logouts()).toEqual(['ana', 'bea'])
})

describe('a call that reaches nothing is on record as of the login that it names', () => {
  const SESSION = 'gatehouse/session'
  type Call = (session: string) => Json
  /** What the client sends: params of another shape, no id, names of nothing. */
  const calls: readonly [string, string, Call, path?: string][] = [
    ['without a name', '(request)', (session) => ({ arguments: { session } })],
    ['with a name that is none', '(request)', (session) => ({ name: 7, arguments: { session } })],
    [
      'with arguments that are none',
      '(request)',
      (session) => ({ name: 'x', arguments: 7, _meta: { [SESSION]: session } }),
    ],
    ['of no server', '(unknown tool)', (session) => ({ name: 'nothing', arguments: { session } })],
    [
      'of a server that is gone',
      '(unknown tool)',
      (session) => ({ name: 'gone__x', arguments: { session } }),
    ],
    ['of no tool of a server', '(unknown tool)', (session) => ({ name: 'crm__x', arguments: { session } })],
    [
      'of no tool of a server, alone',
      '(unknown tool)',
      (session) => ({ name: 'x', arguments: { session } }),
      '/mcp/crm',
    ],
    [
      'of a server that is gone, named in _meta',
      '(unknown tool)',
      (session) => ({ name: 'gone__x', arguments: {}, _meta: { [SESSION]: session } }),
    ],
  ]
  const last = async () => {
    const [row] = await rows<{ rule: string; account: string | null }>(
      "SELECT rule, account FROM audit WHERE decision <> 'end' ORDER BY seq DESC LIMIT 1",
      GRANT,
    )
    return row
  }

  test.each<[Era, Mode]>([
    ['session', 'auto'],
    ['session', 'many'],
    ['stateless', 'many'],
  ])('%s era, %s', async (era, mode) => {
    await makeGrant(mode)
    const ana = (await login(await clientOf(era), 'ana')).session
    const bea = await clientOf(era)
    await login(bea, 'bea')
    const connections = new Map<string, Awaited<ReturnType<typeof connect>>>()
    const send = async (it: Json, path = '/mcp') => {
      if (era === 'stateless') {
        const headers = {
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': STATELESS,
          'mcp-method': 'tools/call',
          ...(typeof it.name === 'string' ? { 'mcp-name': it.name } : {}),
        }
        const params = { ...it, _meta: { ...envelope, ...(it._meta as Json | undefined) } }
        return post(request('tools/call', params), { token, path, headers })
      }
      const client = connections.get(path) ?? (await connect({ token, path }))
      connections.set(path, client)
      if (connections.size === 1) await client.login('cem')
      return client.request('tools/call', it)
    }
    for (const [what, rule, call, path] of calls) {
      await send(call(ana), path)
      expect([what, await last()]).toEqual([what, { rule, account: 'ana' }])
    }
    // One that is over is nobody's, and stands for no other.
    await (await clientOf(era)).call('auth_logout', {}, ana)
    for (const [what, , call, path] of calls) {
      await send(call(ana), path)
      expect([what, (await last())?.account]).toEqual([what, null])
    }
    // What is no handle names nobody: then it is whose it would be anyway.
    for (const it of [
      { arguments: { session: 'no handle' } },
      { name: 'gone__x', arguments: { session: 'x' } },
    ]) {
      await send(it)
      expect((await last())?.account).toBe(mode === 'many' ? null : 'cem')
    }
  })
})

/** Clients that open a connection, and log in, for every command: an approval is good for the next one. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { judgedApproval } from '../../src/approvals/judged.ts'
import { holdCall } from '../../src/principal/tables/approvals.ts'
import { WITHOUT_CONTENTS } from '../principal/earlier-schema.ts'
import { admin, makeGrant } from '../support/admin.ts'
import { listen } from '../support/events.ts'
import {
  connect,
  fresh,
  type Json,
  post,
  principal,
  request,
  rows,
  SessionClient,
  statelessCall,
} from '../support/gateway.ts'
import { ASKS, decide, errorOf, told, track } from './support.ts'

const NAME = 'acme/bot'
const ARGS = { account_id: 'acct_0815_next' }
let token = ''

beforeEach(async () => {
  await fresh()
  await admin('PUT', 'acme', { identity: { trusted: true } })
  token = await makeGrant('acme', 'bot', ASKS)
})
afterEach(() => told())

const made = async () => (await rows("SELECT 1 FROM outbox WHERE id LIKE 'evt_%'", NAME)).length
const approvals = () =>
  rows<{ id: string; state: string }>('SELECT id, state FROM approvals ORDER BY seq', NAME)
/** One process: a connection, perhaps a login, one call, and DELETE, as clients for the command line do it. */
async function process(account: string | null = null, args: Json = ARGS) {
  const client = await connect({ token })
  if (account !== null) await client.login(account)
  const answer = await client.call('track_logout', args)
  await client.delete()
  return answer
}
const pending = async (account: string | null = null) => errorOf(await process(account)).approval

describe('a call that was asked for by an earlier process', () => {
  test.each([null, 'ana'])('is made by the next, once (account %s)', async (account) => {
    const id = await pending(account)
    expect(await pending(account)).toBe(id)
    await decide(id, 'approve')
    expect((await process(account)).isError).toBe(false)
    expect(await made()).toBe(1)
    const again = errorOf(await process(account))
    expect([again.code, again.approval === id, await made()]).toEqual(['approval_required', false, 1])
  })

  test.each([null, 'ana'])('is denied to the next (account %s)', async (account) => {
    const id = await pending(account)
    await decide(id, 'deny', 'Not today.')
    expect(errorOf(await process(account))).toMatchObject({
      code: 'approval_denied',
      approval: id,
      reason: 'Not today.',
    })
    expect(await made()).toBe(0)
  })

  test('is told that it may be asked for in a later session', async () => {
    expect((await process()).text).toContain(
      'A later session of this client may do so, too, without logging in.',
    )
    expect((await process('ana')).text).toContain('may do so, too, logged in to the same account.')
  })

  test('is whose account it is: not another account’s, and not nobody’s', async () => {
    const id = await pending('ana')
    await decide(id, 'approve')
    const others = [await pending('bea'), await pending(null), await pending('Ana')]
    expect(new Set([id, ...others]).size).toBe(4)
    expect(await made()).toBe(0)
    expect((await process('ana')).isError).toBe(false)
  })

  test('is nobody’s where nobody is logged in: an account has none of it', async () => {
    const id = await pending(null)
    await decide(id, 'approve')
    expect(await pending('ana')).not.toBe(id)
    expect((await process(null)).isError).toBe(false)
  })

  test('denied to one account is not denied to another', async () => {
    const id = await pending('ana')
    await decide(id, 'deny')
    expect(errorOf(await process('bea')).code).toBe('approval_required')
    expect(errorOf(await process(null)).code).toBe('approval_required')
  })

  test('is found by whoever has logged out and in again on one connection', async () => {
    const client = await connect({ token })
    await client.login('ana')
    const { approval: id } = errorOf(await client.call('track_logout', ARGS))
    await decide(id, 'approve')
    await client.call('auth_logout')
    expect(errorOf(await client.call('track_logout', ARGS)).code).toBe('approval_required')
    await client.login('ana')
    expect((await client.call('track_logout', ARGS)).isError).toBe(false)
    expect(await made()).toBe(1)
  })

  test('is found in the other era', async () => {
    const id = await pending()
    expect(errorOf(await track(token, ARGS)).approval).toBe(id)
    await decide(id, 'approve')
    expect((await track(token, ARGS)).isError).toBe(false)
    expect(errorOf(await process()).code).toBe('approval_required')
  })

  test('is not another grant’s of the same account', async () => {
    const id = await pending('ana')
    await decide(id, 'approve')
    const two = await makeGrant('acme', 'two', ASKS)
    const client = await connect({ token: two })
    await client.login('ana')
    expect(errorOf(await client.call('track_logout', ARGS)).approval).not.toBe(id)
    await told('acme/two')
  })
})

describe('whose a call is', () => {
  const login = async (account: string, of: string) =>
    String(
      (await statelessCall('auth_login', { provider: 'trusted', account_id: account }, { token: of }))
        .structured.session,
    )
  const call = (of: string, session?: string) =>
    statelessCall('track_logout', session === undefined ? ARGS : { ...ARGS, session }, { token: of })

  test('is said by the session that it names, where a client has many', async () => {
    const many = await makeGrant('acme', 'many', ASKS, { sessions: 'many' })
    const [ana, bea, again] = [await login('ana', many), await login('bea', many), await login('ana', many)]
    const { approval: id } = errorOf(await call(many, ana))
    expect(errorOf(await call(many, bea)).approval).not.toBe(id)
    expect(errorOf(await call(many)).approval).not.toBe(id)
    expect(errorOf(await call(many, again)).approval).toBe(id)
    await decide(id, 'approve')
    expect((await call(many, bea)).isError).toBe(true)
    expect((await call(many, again)).isError).toBe(false)
    expect((await call(many, ana)).isError).toBe(true)
    await told('acme/many')
  })

  test('is said by the grant’s one login, on whichever connection', async () => {
    const one = await makeGrant('acme', 'one', ASKS, { sessions: 'one' })
    const first = await connect({ token: one })
    await first.login('ana')
    const { approval: id } = errorOf(await first.call('track_logout', ARGS))
    await first.delete()
    await decide(id, 'approve')
    const second = await connect({ token: one })
    expect((await second.call('track_logout', ARGS)).isError).toBe(false)
    await told('acme/one')
  })
})

describe('at once', () => {
  test('from several connections and in both eras, one waits', async () => {
    const clients = await Promise.all([connect({ token }), connect({ token }), connect({ token })])
    const answers = await Promise.all([
      ...clients.map((client) => client.call('track_logout', ARGS)),
      track(token, ARGS),
      track(token, ARGS),
    ])
    expect(new Set(answers.map((answer) => errorOf(answer).approval)).size).toBe(1)
    expect(await approvals()).toHaveLength(1)
  })

  test('from several connections and in both eras, one is made', async () => {
    await decide(await pending(), 'approve')
    const clients = await Promise.all([connect({ token }), connect({ token }), connect({ token })])
    const answers = await Promise.all([
      ...clients.map((client) => client.call('track_logout', ARGS)),
      track(token, ARGS),
      track(token, ARGS),
    ])
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(1)
    expect([await made(), await approvals()]).toMatchObject([1, [{ state: 'used' }, { state: 'pending' }]])
  })
})

describe('once somebody has decided', () => {
  const linked = async () => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: { url: {} } },
      clientInfo: { name: 'mcporter', version: '0.7.3' },
    }
    const answer = await post(request('initialize', params), { token })
    return new SessionClient(answer.headers.get('mcp-session-id') ?? '', token, '2025-11-25', '/mcp')
  }
  const asked = async (client: SessionClient) => {
    const { body } = await client.request('tools/call', { name: 'track_logout', arguments: ARGS })
    const error = body?.error as { data: { elicitations: { elicitationId: string }[] } }
    return error.data.elicitations[0]?.elicitationId ?? ''
  }
  const over = () => admin('DELETE', 'acme/grants/bot')

  test('every connection that has asked hears of it, once, and no other', async () => {
    const clients = [await linked(), await linked(), await linked()] as const
    const streams = await Promise.all(clients.map(listen))
    const id = await asked(clients[0])
    expect([await asked(clients[1]), await asked(clients[1])]).toEqual([id, id])
    await evictDurableObject(principal(NAME))
    await decide(id, 'approve')
    await over()
    const complete = expect.objectContaining({ params: { elicitationId: id } })
    const [first, second, third] = streams
    expect([await first?.next(), await second?.next(), await third?.next()]).toEqual([
      complete,
      complete,
      null,
    ])
    expect([await first?.next(), await second?.next()]).toEqual([null, null])
  })

  test('a connection whose login is another by then does not', async () => {
    const [left, stayed] = [await linked(), await linked()]
    for (const client of [left, stayed]) await client.login('ana')
    const streams = [await listen(left), await listen(stayed)]
    const id = await asked(left)
    expect(await asked(stayed)).toBe(id)
    await left.login('bea')
    await decide(id, 'approve')
    await over()
    const heard = async (stream: (typeof streams)[number] | undefined) => {
      const all: unknown[] = []
      for (let event = await stream?.next(); event != null; event = await stream?.next())
        all.push(event.method)
      return all.filter((method) => method === 'notifications/elicitation/complete')
    }
    expect([await heard(streams[0]), await heard(streams[1])]).toEqual([
      [],
      ['notifications/elicitation/complete'],
    ])
  })

  test('what remembers who asked does not grow without end', async () => {
    const id = await asked(await linked())
    for (let i = 0; i < 25; i++) await asked(await linked())
    const [row] = await rows<{ askers: string }>('SELECT askers FROM approvals', NAME)
    expect(JSON.parse(row?.askers ?? '')).toHaveLength(20)
    expect((await judgedApproval(env, 'acme', id))?.approval).toMatchObject({
      revision: 1,
      client: { name: 'mcporter', version: '0.7.3' },
    })
  })
})

test('a server that is registered again under its name is another', async () => {
  await track(token)
  const hold = (incarnation: string) =>
    runInDurableObject(principal(NAME), (_, { storage }) => {
      const context = {
        grant: 'bot',
        configVersion: 'v',
        expiresInMs: 60_000,
        grantEndsMs: null,
        nowMs: Date.now(),
      }
      const asked = { digests: ['d'], rule: '/r', message: 'm', base: null, continues: null, isEarly: false }
      const call = { server: 'crm', tool: 'pay', argumentNames: [], argumentsHmac: null }
      const nowhere = { transport: null, sessionId: null, account: null, client: null }
      const held = holdCall(
        { ...context, sql: storage.sql, newId: () => crypto.randomUUID() },
        { ...nowhere, incarnation, call, asked },
      )
      return held.kind === 'held' ? held.approval.id : held.kind
    })
  const id = await hold('one')
  await decide(id, 'approve')
  expect(await hold('two')).not.toBe('approved')
  expect(await hold('one')).toBe('approved')
})

describe('after an upgrade', () => {
  async function upgraded() {
    await told()
    await runInDurableObject(principal(NAME), (_, { storage }) => {
      storage.sql.exec(WITHOUT_CONTENTS)
    })
    await evictDurableObject(principal(NAME))
  }

  test('what waited goes on: its values are kept once it is asked for again', async () => {
    const id = await pending('ana')
    await upgraded()
    expect(await judgedApproval(env, 'acme', id)).toMatchObject({
      absent: 'not_kept',
      approval: { client: null },
    })
    expect(await pending('ana')).toBe(id)
    expect(await judgedApproval(env, 'acme', id)).toMatchObject({ content: { arguments: ARGS } })
    await decide(id, 'approve')
    expect((await process('ana')).isError).toBe(false)
  })

  test('what was approved is made by the next process, and the connection that asked hears of what waited', async () => {
    const client = await connect({ token })
    const { approval: id } = errorOf(await client.call('track_logout', ARGS))
    await decide(id, 'approve')
    await upgraded()
    expect(await rows('SELECT askers FROM approvals', NAME)).toEqual([
      { askers: JSON.stringify([{ transport: client.id, session: null }]) },
    ])
    expect((await process()).isError).toBe(false)
    expect(await made()).toBe(1)
  })
})

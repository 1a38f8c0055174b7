/** Sessions upstream: whose they are, that of two only one counts, and that each is ended where it was opened. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { identity } from '../../../src/base/version.ts'
import { tenantConfig } from '../../../src/contract/config.ts'
import { writeCredential } from '../../../src/contract/credential.ts'
import type {
  AdmitRequest,
  BindRequest,
  ClaimRequest,
  Preference,
  PreferenceRequest,
  Settled,
  UpstreamSession,
} from '../../../src/contract/principal.ts'
import type { UpstreamConfig } from '../../../src/contract/upstream.ts'
import { MOST_WATCHED } from '../../../src/principal/tables/upstream-preferences.ts'
import { OPENING_MS } from '../../../src/principal/work/openings.ts'
import { headerContext, seal, secretKeys } from '../../../src/secrets/seal.ts'
import { shown } from '../../support/credential.ts'
import { behave, fresh, principal, received, rows } from '../../support/gateway.ts'
import { PATIENT } from '../../support/patient.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const SECOND = 1_000
const MINUTE = 60 * SECOND
const NAME = 'acme/bot'
const CLIENT = '{"capabilities":{"sampling":{}},"clientInfo":{"name":"té","version":"1"}}'

/** Each test talks to a place of its own on the other side. */
let place = 0

beforeEach(async () => {
  await fresh()
  place += 1
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const at = (ms: number) => vi.setSystemTime(START + ms)
const hash = async (secret: string) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)))

/** A server whose answer to everything is `status`. */
function server(status: number | 'hang', more: Partial<UpstreamConfig> = {}): UpstreamConfig {
  return {
    name: 'crm',
    url: `${inject('otherSide')}/heard/p${place}/${status}/mcp`,
    headers: {},
    responseSeconds: 30,
    idleSeconds: 120,
    callSeconds: 900,
    maxResponseBytes: 1_000,
    maxConcurrent: 1,
    breakerFailures: 5,
    breakerSeconds: 30,
    eras: { session: true, stateless: null },
    withheld: {},
    renamed: {},
    seen: [],
    catalogue: null,
    ...more,
  }
}

/** Where the servers are, by name. */
const configured = new Map<string, string>()

async function install(
  upstreams: readonly UpstreamConfig[] = [server(200)],
  expiresAtMs: number | null = null,
) {
  for (const { name, url } of upstreams) configured.set(name, url)
  const config = await tenantConfig({ identity: { trusted: true } }, { version: '1', default: 'allow' })
  await principal(NAME).installGrant({
    tenant: 'acme',
    name: 'bot',
    label: 'Bot',
    secretHash: await hash('s'),
    config: { ...config, upstreams } as typeof config,
    expiresAtMs,
  })
}

async function admit(more: Partial<AdmitRequest> = {}) {
  const ask = { tenant: 'acme', grant: 'bot', credential: await shown('s'), requestId: crypto.randomUUID() }
  const none = { transport: null, handle: null, configVersion: null, upstream: null, settled: [] }
  const answer = await principal(NAME).admit({ ...ask, ...none, intent: { kind: 'check' }, ...more })
  return answer.kind === 'admitted' ? answer.admitted : answer.kind
}

async function openTransport(): Promise<string> {
  const admitted = await admit({ intent: { kind: 'open', protocolVersion: '2025-11-25', client: CLIENT } })
  if (typeof admitted === 'string' || admitted.outcome.kind !== 'opened') throw new Error('not opened')
  return admitted.outcome.transport
}

async function bind(more: Partial<BindRequest> & { id?: string | null }) {
  const { id = 'up-1', ...rest } = more
  return principal(NAME).bindUpstream({
    credential: await shown('s'),
    transport: null,
    owner: null,
    login: null,
    server: 'crm',
    url: configured.get(more.server ?? 'crm') ?? server(200).url,
    replaces: undefined,
    session: { id, protocolVersion: '2025-11-25' },
    ...rest,
  })
}

const bound = (id: string | null) => ({
  kind: 'bound',
  session: { server: 'crm', id, protocolVersion: '2025-11-25', tag: expect.stringMatching(/^[0-9a-f]{16}$/) },
})
const upstreamOf = async (ask: Partial<AdmitRequest>): Promise<UpstreamSession | null | string> => {
  const admitted = await admit({ upstream: { server: 'crm', owner: null }, ...ask })
  return typeof admitted === 'string' ? admitted : admitted.upstream
}
const close = (transport: string) => admit({ transport, intent: { kind: 'close' } })
const call = (requestId: string, work: object = { kind: 'none' }, more: Partial<AdmitRequest> = {}) =>
  admit({
    ...more,
    requestId,
    intent: {
      kind: 'call',
      call: { server: 'crm', tool: 'find', argumentNames: [], argumentsHmac: null },
      rule: 'r',
      charges: [],
      shadow: [],
      assumed: null,
      approval: null,
      begunBy: null,
      work: work as { kind: 'none' },
    },
  })
const claim = async (more: Partial<ClaimRequest>) =>
  principal(NAME).claimUpstream({
    credential: await shown('s'),
    transport: null,
    owner: null,
    login: null,
    server: 'crm',
    url: configured.get('crm') ?? server(200).url,
    replaces: undefined,
    ...more,
  })
const wish = async (transport: string, it: Preference, more: Partial<PreferenceRequest> = {}) =>
  principal(NAME).wishUpstream({
    credential: await shown('s'),
    transport,
    server: 'crm',
    incarnation: '',
    url: server(200).url,
    wish: it,
    ...more,
  })
const stored = () =>
  rows('SELECT owner, server, upstream_id, ended_at, tries FROM upstream_sessions ORDER BY seq', NAME)
const heard = async (kind = 'p') => {
  const response = await fetch(`${inject('otherSide')}/heard/${kind}${place}`)
  return (await response.json()) as { method: string; url: string; headers: Record<string, string> }[]
}
const gone = () => vi.waitUntil(async () => (await stored()).length === 0, PATIENT)
const drain = () => principal(NAME).drain()
/** Rings the alarm and waits for what it left running. */
const ring = async () => {
  await runDurableObjectAlarm(principal(NAME))
  await drain()
}

describe('binding', () => {
  test('a session upstream belongs to one session of the gateway and is found with the next request', async () => {
    await install()
    const [mine, other] = [await openTransport(), await openTransport()]
    expect(await upstreamOf({ transport: mine })).toBeNull()
    expect(await bind({ transport: mine })).toEqual(bound('up-1'))
    expect(await upstreamOf({ transport: mine })).toEqual(bound('up-1').session)
    expect(await upstreamOf({ transport: other })).toBeNull()
    expect(await upstreamOf({ transport: mine, upstream: { server: 'erp', owner: null } })).toBeNull()
    expect(
      await upstreamOf({ transport: mine, upstream: { server: 'crm', owner: 'stateless:a' } }),
    ).toBeNull()
    expect(await upstreamOf({})).toBeNull()
  })

  test('a key of the stateless era has its own, and one that the upstream keeps none for has no id', async () => {
    await install()
    expect(await bind({ owner: 'stateless:a', id: null })).toEqual(bound(null))
    expect(await upstreamOf({ upstream: { server: 'crm', owner: 'stateless:a' } })).toEqual(
      bound(null).session,
    )
    expect(await upstreamOf({ upstream: { server: 'crm', owner: 'stateless:b' } })).toBeNull()
  })

  test('it survives an eviction right after it was answered', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    await evictDurableObject(principal(NAME))
    expect(await upstreamOf({ transport })).toEqual(bound('up-1').session)
  })

  test('of two at once one counts, and both are told which', async () => {
    await install()
    const transport = await openTransport()
    const answers = await Promise.all([bind({ transport, id: 'a' }), bind({ transport, id: 'b' })])
    expect(answers[1]).toEqual(answers[0])
    expect(await upstreamOf({ transport })).toEqual((answers[0] as { session: UpstreamSession }).session)
    expect(await stored()).toHaveLength(1)
  })

  test('the forgotten one is replaced once, by whoever is first', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport, id: 'old' })
    const answers = await Promise.all([
      bind({ transport, id: 'new-1', replaces: 'old' }),
      bind({ transport, id: 'new-2', replaces: 'old' }),
    ])
    expect(answers[1]).toEqual(answers[0])
    // Who is late names one that is gone already, and does not drive out its successor.
    expect(await bind({ transport, id: 'late', replaces: 'old' })).toEqual(answers[0])
    expect(await bind({ transport, id: 'unaware' })).toEqual(answers[0])
    expect(await stored()).toHaveLength(1)
  })

  test('null replaces one without an id, and no other', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport, id: null })
    expect(await bind({ transport, id: 'a', replaces: null })).toEqual(bound('a'))
    expect(await bind({ transport, id: 'b', replaces: null })).toEqual(bound('a'))
  })

  test('one that replaces what has gone meanwhile is kept', async () => {
    await install()
    expect(await bind({ owner: 'stateless:a', replaces: 'old' })).toEqual(bound('up-1'))
  })

  test('needs the secret, and a live session where it is for one', async () => {
    await install()
    const transport = await openTransport()
    expect(await bind({ transport, credential: await shown('other') })).toEqual({ kind: 'unauthorized' })
    expect(await bind({})).toEqual({ kind: 'dead_session' })
    expect(await bind({ transport: 'unknown' })).toEqual({ kind: 'dead_session' })
    await close(transport)
    expect(await bind({ transport })).toEqual({ kind: 'dead_session' })
    await principal(NAME).revoke()
    expect(await bind({ transport })).toEqual({ kind: 'unauthorized' })
    expect(await stored()).toEqual([])
  })

  test.each([
    ['id', { id: 'x'.repeat(2_049) }],
    ['owner', { owner: 'x'.repeat(129) }],
    ['server', { server: 'x'.repeat(65) }],
  ])('what is too long is refused by name: %s', async (name, more) => {
    await install()
    const stub = principal(NAME)
    const message = await runInDurableObject(stub, async (object) =>
      object
        .bindUpstream({
          credential: await shown('s'),
          transport: null,
          owner: 'o',
          login: null,
          server: 'crm',
          url: 'https://crm.example.com/mcp',
          replaces: undefined,
          ...more,
          session: { id: 'id' in more ? more.id : 'a', protocolVersion: '1' },
        })
        .then(() => '', String),
    )
    expect(message).toContain(`upstream session: ${name} has`)
    expect(await stored()).toEqual([])
  })
})

describe('what a client said of itself', () => {
  test('comes with every request of its session, also after a login in another account', async () => {
    await install()
    const transport = await openTransport()
    expect(await admit({ transport })).toMatchObject({ client: CLIENT })
    for (const account of ['ana', 'bea'])
      expect(
        await call(account, { kind: 'login', provider: 'trusted', account }, { transport }),
      ).toMatchObject({
        client: CLIENT,
      })
    expect(await admit()).toMatchObject({ client: null })
  })

  test('comes with a feed, whatever it is written in', async () => {
    await install()
    const transport = await openTransport()
    const ask = {
      tenant: 'acme',
      grant: 'bot',
      requestId: 'r',
      transport,
      configVersion: null,
      upstream: null,
    }
    const response = await principal(NAME).fetch('http://principal/feed', {
      headers: {
        upgrade: 'websocket',
        'x-gatehouse-admit': JSON.stringify({
          ...ask,
          settled: [],
          intent: { kind: 'check' },
          credential: writeCredential(await shown('s')),
        }),
      },
    })
    expect(response.status).toBe(101)
    const admitted = JSON.parse(response.headers.get('x-gatehouse-admitted') ?? '') as object
    expect(admitted).toMatchObject({
      label: 'Bot',
      client: CLIENT,
      protocolVersion: '2025-11-25',
    })
    response.webSocket?.accept()
    response.webSocket?.close()
  })
})

const loginIn = (admitted: Awaited<ReturnType<typeof admit>>) =>
  typeof admitted === 'string' ? null : (admitted.session?.id ?? null)

describe('ending', () => {
  test('the upstream is told with what it needs to know, and nothing is left', async () => {
    const keys = secretKeys(env)
    if (keys === null) throw new Error('no keys')
    const authorization = await seal(
      keys,
      'Bearer of-the-tenant',
      headerContext('acme', 'crm', 'authorization'),
    )
    await install([server(200, { headers: { authorization } })])
    const transport = await openTransport()
    await bind({ transport })
    expect(await close(transport)).toMatchObject({ drain: true })
    await drain()
    const [told, ...more] = await heard()
    expect(told).toMatchObject({
      method: 'DELETE',
      url: `/heard/p${place}/200/mcp`,
      headers: {
        'mcp-session-id': 'up-1',
        'mcp-protocol-version': '2025-11-25',
        'user-agent': `${identity.name}/${identity.version}`,
        authorization: 'Bearer of-the-tenant',
      },
    })
    expect(more).toEqual([])
    expect(await stored()).toEqual([])
  })

  test('is part of the transaction that ends the session, whatever happens next', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    await close(transport)
    await evictDurableObject(principal(NAME))
    expect(await stored()).toMatchObject([{ upstream_id: 'up-1', ended_at: START }])
    at(2 * SECOND)
    await runDurableObjectAlarm(principal(NAME))
    await gone()
    expect(await heard()).toHaveLength(1)
  })

  test.each([
    ['logout', async (transport: string) => call('out', { kind: 'logout' }, { transport })],
    [
      'rotation',
      async (transport: string) =>
        call('in', { kind: 'login', provider: 'trusted', account: 'bea' }, { transport }),
    ],
    ['revocation', async () => principal(NAME).revoke()],
    ['expiry', async () => at(31 * MINUTE)],
  ])('comes with every end: %s', async (_, finish) => {
    await install()
    const transport = await openTransport()
    const first = await call('first', { kind: 'login', provider: 'trusted', account: 'ana' }, { transport })
    await bind({ transport, login: loginIn(first) })
    await finish(transport)
    await ring()
    expect((await heard()).map(({ headers }) => headers['mcp-session-id'])).toEqual(['up-1'])
    expect(await stored()).toEqual([])
    await ring()
    expect(await heard()).toHaveLength(1)
  })

  test('a session that ended is ended upstream once, however many drains there are', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    await close(transport)
    await Promise.all([drain(), drain(), runDurableObjectAlarm(principal(NAME)), drain()])
    await gone()
    expect(await heard()).toHaveLength(1)
  })

  test('of a stateless owner comes after half an hour without use', async () => {
    await install()
    await bind({ owner: 'stateless:a' })
    const use = () => upstreamOf({ upstream: { server: 'crm', owner: 'stateless:a' } })
    const usedAt = async () =>
      (await rows<{ at: number }>('SELECT last_used_at AS at FROM upstream_sessions', NAME))[0]?.at
    at(59 * SECOND)
    await use()
    // Once a minute is often enough to write it down.
    expect(await usedAt()).toBe(START)
    at(20 * MINUTE)
    await use()
    expect(await usedAt()).toBe(START + 20 * MINUTE)
    at(49 * MINUTE)
    await ring()
    expect(await use()).not.toBeNull()
    at(80 * MINUTE)
    await ring()
    expect(await heard()).toHaveLength(1)
    expect(await use()).toBeNull()
    expect(await bind({ owner: 'stateless:a', id: 'up-2' })).toEqual(bound('up-2'))
  })

  test('nobody is told where the upstream keeps no session', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport, id: null })
    await close(transport)
    await drain()
    expect([await heard(), await stored()]).toEqual([[], []])
  })

  test('a session is of no use where its server has moved to; told is the place where it was opened', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    await install([{ ...server(200), url: `${server(200).url}/moved` }])
    expect(await upstreamOf({ transport })).toBeNull()
    expect(await bind({ transport, id: 'up-2' })).toEqual(bound('up-2'))
    expect(await upstreamOf({ transport })).toEqual(bound('up-2').session)
    await close(transport)
    await drain()
    const told = (await heard()).map(({ url, headers }) => [url, headers['mcp-session-id']])
    expect(told.sort()).toEqual([
      [`/heard/p${place}/200/mcp`, 'up-1'],
      [`/heard/p${place}/200/mcp/moved`, 'up-2'],
    ])
    expect(await stored()).toEqual([])
  })

  test('nobody is told of a server that has moved to another origin: its headers of now are not for the old one', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    await install([{ ...server(200), url: 'https://elsewhere.example.com/mcp' }])
    await close(transport)
    await drain()
    expect([await heard(), await stored()]).toEqual([[], []])
  })

  test('of many clients of the stateless era eight have a session with a server; the one used least ends', async () => {
    await install()
    for (let i = 0; i < 10; i++) {
      at(i * SECOND)
      await bind({ owner: `stateless:${i}`, id: `up-${i}` })
    }
    const transport = await openTransport()
    await bind({ transport, id: 'own' })
    await ring()
    expect((await heard()).map(({ headers }) => headers['mcp-session-id']).sort()).toEqual(['up-0', 'up-1'])
    expect((await stored()).map(({ upstream_id }) => upstream_id)).toEqual([
      ...[2, 3, 4, 5, 6, 7, 8, 9].map((i) => `up-${i}`),
      'own',
    ])
  })

  test('nobody is told of a server that is no longer configured', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    await install([server(200, { name: 'erp' })])
    await close(transport)
    await drain()
    expect([await heard(), await stored()]).toEqual([[], []])
  })

  test.each([404, 405, 302, 401])('an upstream that answers %i has heard', async (status) => {
    await install([server(status)])
    const transport = await openTransport()
    await bind({ transport })
    await close(transport)
    await drain()
    expect([(await heard()).length, await stored()]).toEqual([1, []])
  })

  test('an upstream that fails is told three times, a minute apart, and no more', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await install([server(503)])
    const transport = await openTransport()
    await bind({ transport })
    await close(transport)
    for (const [minute, times] of [
      [0, 1],
      [0.9, 1],
      [1, 2],
      [1.9, 2],
      [2, 3],
      [4, 3],
    ] as const) {
      at(minute * MINUTE)
      await ring()
      expect([minute, (await heard()).length]).toEqual([minute, times])
    }
    expect(await stored()).toEqual([])
    expect(warned.mock.calls.map(([line]) => JSON.parse(String(line)) as object)).toMatchObject([
      { event: 'upstream.session_not_ended', principal: NAME, server: 'crm', reason: 'http_503' },
    ])
    expect(JSON.stringify(warned.mock.calls)).not.toContain('up-1')
  })

  test('a failing upstream is asked for few of many, and another server’s are not held up', async () => {
    const failing = server(503).url.replace('/heard/p', '/heard/failing')
    await install([server(200), server(200, { name: 'failing', url: failing })])
    for (let n = 0; n < 40; n++) {
      await bind({ owner: `o${n}`, server: n % 2 === 0 ? 'crm' : 'failing', id: `up-${n}` })
    }
    at(31 * MINUTE)
    await ring()
    expect(await heard()).toHaveLength(20)
    expect((await heard('failing')).length).toBeLessThanOrEqual(6)
    const left = await stored()
    expect(left).toHaveLength(20)
    expect(left.every((row) => row.server === 'failing' && row.tries === 1)).toBe(true)
  })

  test('headers that do not open count as a failure, and nothing is sent without them', async () => {
    await install([server(200, { headers: { authorization: 'v1.other.AAAA.AAAA' } })])
    const transport = await openTransport()
    await bind({ transport })
    await close(transport)
    await drain()
    expect(await heard()).toEqual([])
    expect(await stored()).toMatchObject([{ tries: 1 }])
  })

  test('a slow upstream keeps nothing from Legiti, and is left after five seconds', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await behave('ok')
    await install([server('hang')])
    const transport = await openTransport()
    await call('in', { kind: 'login', provider: 'trusted', account: 'ana' }, { transport })
    await drain()
    await bind({ transport })
    await close(transport)
    const from = performance.now()
    const drained = drain()
    await vi.waitUntil(async () => (await received()).some(({ body }) => body.action === 'logout'), PATIENT)
    expect(performance.now() - from).toBeLessThan(4_000)
    expect(await stored()).toHaveLength(1)
    await drained
    expect(await stored()).toMatchObject([{ tries: 1, ended_at: START }])
  }, 15_000)
})

describe('how calls ended', () => {
  const outcomes = () =>
    rows('SELECT request_id, decision, outcome, upstream_status, latency_ms FROM audit ORDER BY seq', NAME)
  const ended = (requestId: string, more: Partial<Settled> = {}): Settled => ({
    requestId,
    outcome: 'result',
    upstreamStatus: 200,
    latencyMs: 12.4,
    ...more,
  })

  test('comes with a later request, whatever that one is, and is written once', async () => {
    await install()
    for (const id of ['a', 'b', 'c']) await call(id)
    await admit({ settled: [ended('a')] })
    await call('d', { kind: 'none' }, { settled: [ended('b', { outcome: 'timeout', upstreamStatus: null })] })
    await admit({ transport: 'dead', settled: [ended('c', { outcome: 'rpc_error' })] })
    await admit({ settled: [ended('a', { outcome: 'broken' }), ended('unknown'), ended('')] })
    expect(await outcomes()).toEqual([
      { request_id: 'a', decision: 'allow', outcome: 'result', upstream_status: 200, latency_ms: 12 },
      { request_id: 'b', decision: 'allow', outcome: 'timeout', upstream_status: null, latency_ms: 12 },
      { request_id: 'c', decision: 'allow', outcome: 'rpc_error', upstream_status: 200, latency_ms: 12 },
      { request_id: 'd', decision: 'allow', outcome: null, upstream_status: null, latency_ms: null },
    ])
  })

  test('comes by itself when there is no later request, and survives an eviction', async () => {
    await install()
    await call('a')
    await principal(NAME).settle([ended('a', { outcome: 'cancelled', upstreamStatus: null })])
    await evictDurableObject(principal(NAME))
    expect(await outcomes()).toMatchObject([{ outcome: 'cancelled' }])
  })

  test('is not said of ends of sessions, which have no request', async () => {
    await install()
    const transport = await openTransport()
    const work = { kind: 'login', provider: 'trusted', account: 'ana' }
    await call('in', work, { transport })
    await close(transport)
    await principal(NAME).settle([ended('')])
    expect(await outcomes()).toMatchObject([{}, { decision: 'end', outcome: null }])
  })

  test('an object without a grant writes nothing', async () => {
    await principal('acme/none').settle([ended('a')])
    expect(await rows('SELECT name FROM sqlite_master', 'acme/none')).toEqual([])
  })

  test('with a wrong secret nothing is written', async () => {
    await install()
    await call('a')
    expect(await admit({ credential: await shown('other'), settled: [ended('a')] })).toBe('unauthorized')
    expect(await outcomes()).toMatchObject([{ outcome: null }])
  })
})

describe('a session that no login keeps', () => {
  /** Opens an event stream of the transport. */
  const listening = async (transport: string) => {
    const ask = {
      tenant: 'acme',
      grant: 'bot',
      requestId: 'r',
      transport,
      configVersion: null,
      upstream: null,
    }
    const credential = writeCredential(await shown('s'))
    const asked = { ...ask, settled: [], intent: { kind: 'check' }, credential }
    const { webSocket } = await principal(NAME).fetch('http://principal/feed', {
      headers: { upgrade: 'websocket', 'x-gatehouse-admit': JSON.stringify(asked) },
    })
    webSocket?.accept()
    return webSocket
  }

  test('ends when its connection has not used it for half an hour, and the next request opens another', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    at(20 * MINUTE)
    expect(await upstreamOf({ transport })).toMatchObject({ id: 'up-1' })
    at(49 * MINUTE)
    await ring()
    expect(await stored()).toMatchObject([{ upstream_id: 'up-1', ended_at: null }])
    at(50 * MINUTE)
    await ring()
    await gone()
    expect((await heard()).map(({ method, headers }) => [method, headers['mcp-session-id']])).toEqual([
      ['DELETE', 'up-1'],
    ])
    // The connection itself goes on.
    expect(await upstreamOf({ transport })).toBeNull()
    expect(await bind({ transport, id: 'up-2' })).toEqual(bound('up-2'))
    expect(await upstreamOf({ transport })).toMatchObject({ id: 'up-2' })
  })

  test('that began after a login had ended ends as well, and that of a login with the login alone', async () => {
    await install()
    const [transport, other] = [await openTransport(), await openTransport()]
    const work = { kind: 'login', provider: 'trusted', account: 'ana' }
    const first = loginIn(await call('in', work, { transport: other }))
    await bind({ transport: other, login: first, id: 'of-login' })
    const second = loginIn(await call('in too', work, { transport }))
    await principal(NAME).endSessions({ kind: 'session', id: second ?? '' })
    await bind({ transport, id: 'behind' })
    for (const minutes of [15, 29]) {
      at(minutes * MINUTE)
      await admit({ transport: other })
    }
    at(31 * MINUTE)
    await ring()
    await vi.waitUntil(async () => (await stored()).length === 1, PATIENT)
    expect(await stored()).toMatchObject([{ upstream_id: 'of-login', ended_at: null }])
  })

  test('stays while its connection has an event stream, and half an hour longer', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    const stream = await listening(transport)
    for (const minutes of [31, 62, 90]) {
      at(minutes * MINUTE)
      await ring()
      expect(await stored()).toMatchObject([{ ended_at: null }])
    }
    at(100 * MINUTE)
    stream?.close()
    // Waiting moves the clock on by some milliseconds.
    const used = async () =>
      Number((await rows('SELECT last_used_at AS at FROM upstream_sessions', NAME))[0]?.at)
    await vi.waitFor(async () => expect(await used()).toBeGreaterThanOrEqual(START + 100 * MINUTE), PATIENT)
    const end = (await used()) + 30 * MINUTE
    vi.setSystemTime(end - 1)
    await ring()
    expect(await stored()).toMatchObject([{ ended_at: null }])
    vi.setSystemTime(end)
    await ring()
    await gone()
  })

  test.each([
    ['as long as a call may take, for one may be under way', { callSeconds: 7_200 }, {}],
    ['as long as a login of the tenant may', {}, { sessions: { idle_seconds: 7_230 } }],
  ])('stays %s', async (_, more, settings) => {
    await install([server(200, more)])
    const config = await tenantConfig(
      { identity: { trusted: true }, ...settings },
      { version: '1', default: 'allow' },
    )
    await principal(NAME).installGrant({
      ...{ tenant: 'acme', name: 'bot', label: 'Bot', secretHash: await hash('s'), expiresAtMs: null },
      config: { ...config, upstreams: [server(200, more)] } as typeof config,
    })
    const transport = await openTransport()
    await bind({ transport })
    at(120 * MINUTE)
    await ring()
    expect(await stored()).toMatchObject([{ ended_at: null }])
    at(121 * MINUTE)
    await ring()
    await gone()
  })
})

describe('the opening of a session', () => {
  test('is for one of several that need it, and the others get that one', async () => {
    await install()
    const transport = await openTransport()
    expect(await claim({ transport })).toEqual({ kind: 'open' })
    const others = [claim({ transport }), claim({ transport })]
    // Another server, and another client, wait for nobody.
    expect(await claim({ transport, server: 'erp' })).toEqual({ kind: 'open' })
    expect(await claim({ owner: 'stateless:' })).toEqual({ kind: 'open' })
    await bind({ transport })
    expect(await Promise.all(others)).toEqual([bound('up-1'), bound('up-1')])
    expect(await claim({ transport })).toEqual(bound('up-1'))
  })

  test('is not done again for one that another request has replaced already', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    expect(await claim({ transport, replaces: 'up-1' })).toEqual({ kind: 'open' })
    await bind({ transport, replaces: 'up-1', id: 'up-2' })
    expect(await claim({ transport, replaces: 'up-1' })).toEqual(bound('up-2'))
    expect(await claim({ transport, replaces: 'up-2' })).toEqual({ kind: 'open' })
  })

  test('is everybody’s own where the first could not, or is not heard of', async () => {
    await install()
    const transport = await openTransport()
    await claim({ transport })
    const waiting = [claim({ transport }), claim({ transport })]
    await principal(NAME).giveUpUpstream({
      credential: await shown('s'),
      transport,
      owner: null,
      login: null,
      server: 'crm',
      url: server(200).url,
      replaces: undefined,
    })
    expect(await Promise.all(waiting)).toEqual([{ kind: 'open' }, { kind: 'open' }])
    expect(OPENING_MS).toBeLessThan(30_000)
  })

  test(
    'is over where its connection or login ends meanwhile: those that wait hear so at once',
    async () => {
      await install()
      const transport = await openTransport()
      const work = { kind: 'login', provider: 'trusted', account: 'ana' }
      const loggedIn = await call('in', work, { transport })
      const login = typeof loggedIn === 'string' ? null : (loggedIn.session?.id ?? null)
      expect(login).not.toBeNull()
      const over = { kind: 'dead_session' }
      await claim({ transport, login })
      await claim({ transport })
      const ofLogin = claim({ transport, login })
      const ofNobody = claim({ transport })
      await principal(NAME).endSessions({ kind: 'session', id: login ?? '' })
      await bind({ transport, login })
      expect(await ofLogin).toEqual(over)
      await close(transport)
      const credential = await shown('s')
      const url = configured.get('crm') ?? server(200).url
      await principal(NAME).giveUpUpstream({
        ...{ credential, transport, owner: null, login: null, server: 'crm', url, replaces: undefined },
      })
      expect(await ofNobody).toEqual(over)
    },
    OPENING_MS / 2,
  )

  test('is nobody’s without the right secret or a live session', async () => {
    await install()
    const transport = await openTransport()
    expect(await claim({ transport, credential: await shown('x') })).toEqual({ kind: 'unauthorized' })
    await close(transport)
    expect(await claim({ transport })).toEqual({ kind: 'dead_session' })
  })

  test('is needed again once the server has ended what there was', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    const credential = await shown('s')
    const which = { credential, transport, owner: null, server: 'crm' }
    await principal(NAME).forgetUpstream({ ...which, id: 'another' })
    await principal(NAME).forgetUpstream({ ...which, credential: await shown('x'), id: 'up-1' })
    expect(await upstreamOf({ transport })).toMatchObject({ id: 'up-1' })
    await principal(NAME).forgetUpstream({ ...which, id: 'up-1' })
    expect(await upstreamOf({ transport })).toBeNull()
    await drain()
    // Whoever ended it is not told.
    expect(await heard()).toEqual([])
  })
})

describe('a message about what a server has asked', () => {
  const loggedIn = async (transport: string, account: string, requestId: string = crypto.randomUUID()) => {
    const admitted = await call(requestId, { kind: 'login', provider: 'trusted', account }, { transport })
    return typeof admitted === 'string' ? admitted : (admitted.session?.id ?? '')
  }
  const opened = async (transport: string, login: string | null, id: string) => {
    const answer = await bind({ transport, login, id })
    return answer.kind === 'bound' ? (answer.session.tag ?? '') : answer.kind
  }
  const about = async (transport: string, asker: string, more: Partial<AdmitRequest> = {}) => {
    const admitted = await admit({ transport, upstream: { server: 'crm', owner: null, asker }, ...more })
    return typeof admitted === 'string'
      ? admitted
      : [admitted.session?.account ?? null, admitted.upstream?.id ?? null]
  }

  test('belongs to the login of the session that has asked, whoever is meant without it', async () => {
    await install()
    const [transport, other] = [await openTransport(), await openTransport()]
    const ana = await loggedIn(transport, 'ana')
    const bea = await loggedIn(other, 'bea')
    const [ofAna, ofBea] = [await opened(transport, ana, 'a'), await opened(transport, bea, 'b')]
    const elsewhere = await opened(other, bea, 'c')
    expect(await about(transport, ofAna)).toEqual(['ana', 'a'])
    expect(await about(transport, ofBea)).toEqual(['bea', 'b'])
    expect(await about(other, elsewhere)).toEqual(['bea', 'c'])
    // A tag is good on its own transport alone, for its own server, and with no other handle.
    for (const tag of [ofAna, ofBea, '', 'x', '%']) expect(await about(other, tag)).toEqual([null, null])
    expect(await about(transport, elsewhere)).toEqual([null, null])
    expect(await about(transport, ofBea, { handle: bea })).toEqual(['bea', 'b'])
    expect(await about(transport, ofBea, { handle: ana })).toEqual(['ana', null])
    expect(await about(transport, ofBea, { handle: 'ses_none' })).toBe('dead_handle')
    const erp = { server: 'erp', owner: null, asker: ofAna }
    expect(await about(transport, ofAna, { upstream: erp })).toEqual([null, null])
  })

  test.each([
    ['it has ended', (login: string) => principal(NAME).endSessions({ kind: 'session', id: login })],
    // Nobody has noticed that yet.
    ['its time is over', () => at(31 * MINUTE)],
  ])('is for nobody once %s', async (_, end) => {
    await install()
    const transport = await openTransport()
    await opened(transport, null, 'n')
    const ana = await loggedIn(transport, 'ana')
    const tag = await opened(transport, ana, 'a')
    await end(ana)
    const nobodys = await opened(transport, null, 'n')
    expect(await about(transport, tag)).toEqual([null, null])
    expect(await about(transport, nobodys)).toEqual([null, 'n'])
    const bea = await loggedIn(transport, 'bea')
    await opened(transport, bea, 'b')
    expect(await about(transport, tag)).toEqual([null, null])
  })

  test('is for nobody once the session was renewed, forgotten or opened elsewhere', async () => {
    await install()
    const transport = await openTransport()
    const first = await opened(transport, null, 'a')
    const again = await bind({ transport, id: 'b', replaces: 'a' })
    const second = again.kind === 'bound' ? (again.session.tag ?? '') : again.kind
    expect(second).not.toBe(first)
    expect(await about(transport, first)).toEqual([null, null])
    expect(await about(transport, second)).toEqual([null, 'b'])
    const which = { credential: await shown('s'), transport, owner: null, server: 'crm', id: 'b' }
    await principal(NAME).forgetUpstream(which)
    expect(await about(transport, second)).toEqual([null, null])
    const third = await opened(transport, null, 'c')
    expect(third).not.toBe(second)
    await install([server(200, { url: 'https://elsewhere.example/mcp' })])
    expect(await about(transport, third)).toEqual([null, null])
  })

  test('keeps the login alive, as any request of it does', async () => {
    await install()
    const [transport, other] = [await openTransport(), await openTransport()]
    const ana = await loggedIn(other, 'ana')
    const tag = await opened(transport, ana, 'a')
    at(20 * MINUTE)
    expect(await about(transport, tag)).toEqual(['ana', 'a'])
    at(40 * MINUTE)
    expect(await about(transport, tag)).toEqual(['ana', 'a'])
  })

  test('or about the client itself, has all sessions of the transport that are live', async () => {
    await install()
    const [transport, other] = [await openTransport(), await openTransport()]
    const logins = [await loggedIn(transport, 'ana'), await loggedIn(other, 'bea')]
    const over = await loggedIn(await openTransport(), 'cem')
    for (const [id, login] of [
      ['a', logins[0]],
      ['b', logins[1]],
      ['c', over],
      ['n', null],
    ] as const)
      await opened(transport, login ?? null, id)
    await opened(other, null, 'o')
    await principal(NAME).endSessions({ kind: 'session', id: over })
    const upstream = { server: 'crm', owner: null, isForAll: true }
    const admitted = await admit({ transport, upstream })
    const all = typeof admitted === 'string' ? [] : (admitted.upstreams ?? [])
    expect(all.map(({ id }) => id).toSorted()).toEqual(['a', 'b', 'n'])
    at(31 * MINUTE)
    const later = await admit({ transport, upstream })
    expect(typeof later === 'string' ? later : later.upstreams).toMatchObject([{ id: 'n' }])
  })
})

describe('what a client has asked of a server', () => {
  const wished = async (transport: string, id: string, more: Partial<BindRequest> = {}) => {
    const answer = await bind({ transport, id, ...more })
    return answer.kind === 'bound' ? answer.wishes : answer.kind
  }

  test('is told to a session that replaces another, as it is now', async () => {
    await install()
    const transport = await openTransport()
    expect(await wished(transport, 'up-1')).toBeUndefined()
    await wish(transport, { kind: 'level', level: 'debug' })
    await wish(transport, { kind: 'level', level: 'error' })
    for (const uri of ['a:1', 'a:2', 'a:2']) await wish(transport, { kind: 'resource', uri, isWatched: true })
    await wish(transport, { kind: 'resource', uri: 'a:1', isWatched: false })
    await wish(transport, { kind: 'resource', uri: 'b:1', isWatched: true }, { server: 'erp' })
    await wish(transport, { kind: 'resource', uri: 'c:1', isWatched: true }, { credential: await shown('x') })
    expect(await wished(transport, 'up-2', { replaces: 'up-1' })).toEqual({ level: 'error', uris: ['a:2'] })
    // One that came second is told nothing, for it does not count.
    expect(await wished(transport, 'up-3', { replaces: 'up-1' })).toBeUndefined()
    const other = await openTransport()
    expect(await wished(other, 'up-4')).toBeUndefined()
    const owner = 'stateless:'
    expect(await wished(transport, 'up-5', { transport: null, owner })).toBeUndefined()
  })

  test('of all of them is told to each, unless it was asked for something else since', async () => {
    await install([server(200), server(200, { name: 'erp' })])
    const transport = await openTransport()
    await wish(transport, { kind: 'level', level: 'info' })
    await wish(transport, { kind: 'level', level: 'warning' }, { server: null })
    expect(await wished(transport, 'up-1')).toEqual({ level: 'warning', uris: [] })
    await wish(transport, { kind: 'level', level: 'debug' })
    expect(await wished(transport, 'up-2', { replaces: 'up-1' })).toEqual({ level: 'debug', uris: [] })
    expect(await wished(transport, 'e-1', { server: 'erp' })).toEqual({ level: 'warning', uris: [] })
  })

  const loggedIn = async (transport: string, account: string) => {
    const work = { kind: 'login', provider: 'trusted', account }
    const admitted = await call(crypto.randomUUID(), work, { transport })
    return typeof admitted === 'string' ? admitted : (admitted.session?.id ?? '')
  }
  const watching = (uri: string, isWatched = true) => ({ kind: 'resource', uri, isWatched }) as const
  const inRows = () =>
    rows('SELECT session, kind, value FROM upstream_wishes ORDER BY session, kind, value', NAME)

  test('in a login is told to the sessions of that login alone, and ends with it', async () => {
    await install()
    const [transport, other] = [await openTransport(), await openTransport()]
    await wish(transport, watching('all:1'))
    await wish(transport, { kind: 'level', level: 'info' })
    // One is the connection's own, the other is named by its handle.
    const ana = await loggedIn(transport, 'ana')
    const bea = await loggedIn(other, 'bea')
    for (const [login, uri, level] of [
      [ana, 'ana:1', 'debug'],
      [bea, 'bea:1', 'error'],
    ] as const) {
      await wish(transport, watching(uri), { login })
      await wish(transport, { kind: 'level', level }, { login })
    }
    expect(await wished(transport, 'a-1', { login: ana })).toEqual({
      level: 'debug',
      uris: ['all:1', 'ana:1'],
    })
    expect(await wished(transport, 'b-1', { login: bea })).toEqual({ level: 'error', uris: ['bea:1'] })
    expect(await wished(transport, 'n-1')).toEqual({ level: 'info', uris: ['all:1'] })
    expect(await wished(other, 'b-2', { login: bea })).toBeUndefined()
    await principal(NAME).endSessions({ kind: 'session', id: bea })
    await loggedIn(transport, 'cem')
    // What comes behind the end of its login is not kept.
    await wish(transport, watching('late:1'), { login: ana })
    expect(await inRows()).toEqual([
      { session: '', kind: 'level', value: 'info' },
      { session: '', kind: 'resource', value: 'all:1' },
    ])
  })

  test('in a login that is the connection’s own is taken back for the connection, too, but by no other', async () => {
    await install()
    const [transport, other] = [await openTransport(), await openTransport()]
    for (const uri of ['all:1', 'all:2']) await wish(transport, watching(uri))
    const ana = await loggedIn(transport, 'ana')
    const bea = await loggedIn(other, 'bea')
    for (const login of [ana, bea]) await wish(transport, watching('both:1'), { login })
    await wish(transport, watching('all:1', false), { login: bea })
    await wish(transport, watching('all:2', false), { login: ana })
    await wish(transport, watching('both:1', false), { login: ana })
    expect((await inRows()).map(({ value }) => value)).toEqual(['all:1', 'both:1'])
    expect(await wished(transport, 'a-1', { login: ana })).toEqual({ level: null, uris: ['all:1'] })
    expect(await wished(transport, 'b-1', { login: bea })).toEqual({ level: null, uris: ['both:1'] })
  })

  test('of all servers in a login is a word for that login', async () => {
    await install([server(200), server(200, { name: 'erp' })])
    const transport = await openTransport()
    await wish(transport, { kind: 'level', level: 'info' }, { server: null })
    await wish(transport, { kind: 'level', level: 'notice' })
    const ana = await loggedIn(transport, 'ana')
    await wish(transport, { kind: 'level', level: 'error' }, { login: ana, server: null })
    expect(await wished(transport, 'a-1', { login: ana })).toEqual({ level: 'error', uris: [] })
    expect(await wished(transport, 'n-1')).toEqual({ level: 'notice', uris: [] })
    await wish(transport, { kind: 'level', level: 'debug' }, { login: ana })
    expect(await wished(transport, 'a-2', { login: ana, replaces: 'a-1' })).toEqual({
      level: 'debug',
      uris: [],
    })
    expect(await wished(transport, 'e-1', { login: ana, server: 'erp' })).toEqual({
      level: 'error',
      uris: [],
    })
  })

  test('by nobody is told to no login where every request must name one', async () => {
    await install()
    const transport = await openTransport()
    const ana = await loggedIn(transport, 'ana')
    const config = await tenantConfig({ identity: { trusted: true } }, { version: '1', default: 'allow' })
    await principal(NAME).installGrant({
      ...{ tenant: 'acme', name: 'bot', label: 'Bot', secretHash: await hash('s'), expiresAtMs: null },
      config: {
        ...config,
        upstreams: [server(200)],
        settings: { ...config.settings, session_mode: 'many' },
      } as typeof config,
    })
    await wish(transport, watching('all:1'))
    await wish(transport, watching('ana:1'), { login: ana })
    expect(await wished(transport, 'a-1', { login: ana })).toEqual({ level: null, uris: ['ana:1'] })
    expect(await wished(transport, 'n-1')).toEqual({ level: null, uris: ['all:1'] })
  })

  test('is not told to a server that was registered anew', async () => {
    await install()
    const transport = await openTransport()
    await wish(transport, { kind: 'resource', uri: 'a:1', isWatched: true }, { incarnation: 'before' })
    expect(await wished(transport, 'up-1', { incarnation: 'now' })).toBeUndefined()
    await wish(transport, { kind: 'level', level: 'info' }, { server: null })
    expect(await wished(transport, 'up-2', { incarnation: 'now', replaces: 'up-1' })).toEqual({
      level: 'info',
      uris: [],
    })
  })

  test('is not told to a server that has moved', async () => {
    await install()
    const transport = await openTransport()
    const url = 'https://before.example/mcp'
    for (const it of [
      { kind: 'resource', uri: 'a:1', isWatched: true },
      { kind: 'level', level: 'info' },
    ] as const)
      await wish(transport, it, { url })
    expect(await wished(transport, 'up-1')).toBeUndefined()
    expect(await wished(transport, 'up-2', { url, replaces: 'up-1' })).toEqual({
      level: 'info',
      uris: ['a:1'],
    })
  })

  test('is bounded, lasts as long as the connection, and goes with it', async () => {
    await install()
    const transport = await openTransport()
    await bind({ transport })
    await Promise.all(
      Array.from({ length: MOST_WATCHED + 5 }, (_, i) =>
        wish(transport, { kind: 'resource', uri: `a:${i}`, isWatched: true }),
      ),
    )
    await call('in', { kind: 'login', provider: 'trusted', account: 'ada' }, { transport })
    await call('in again', { kind: 'login', provider: 'trusted', account: 'bea' }, { transport })
    await evictDurableObject(principal(NAME))
    const wishes = await wished(transport, 'up-2')
    expect(typeof wishes === 'object' ? wishes.uris.length : wishes).toBe(MOST_WATCHED)
    await close(transport)
    expect(await rows('SELECT * FROM upstream_wishes', NAME)).toEqual([])
    await wish(transport, { kind: 'level', level: 'info' })
    expect(await rows('SELECT * FROM upstream_wishes', NAME)).toEqual([])
  })
})

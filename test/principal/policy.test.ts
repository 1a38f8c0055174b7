/** The policy engine at work: what a client is told, what is counted and what is written down. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { counted, inLog } from '../support/decision-log.ts'
import {
  connect,
  fresh,
  installGrant,
  principal,
  rows,
  send,
  settled,
  stateless,
  statelessCall,
  toolNames,
} from '../support/gateway.ts'
import { WITHOUT_UPSTREAMS } from './earlier-schema.ts'

const START = Date.parse('2030-01-01T10:00:00Z')

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => vi.useRealTimers())

const onTrack = (rules: unknown, more: Record<string, unknown> = {}) => ({
  version: '1',
  default: 'allow',
  tools: { track_logout: rules },
  ...more,
})
const install = (policy: unknown) => installGrant('acme', 'bot', { policy })
const track = (token: string, args: Record<string, unknown> = {}) =>
  statelessCall('track_logout', { account_id: 'a', ...args }, { token })
const audit = () =>
  rows<{ decision: string; rule: string; shadow: string }>(
    'SELECT decision, rule, shadow FROM audit ORDER BY seq',
    'acme/bot',
  )

describe('conditions', () => {
  test('on arguments decide before anything is charged, and the client is told the rule', async () => {
    const token = await install(
      onTrack({
        require: [{ path: 'args.account_id', op: 'regex', value: '^acct_', on_deny: 'Not one of ours.' }],
        limits: [{ counter: 'c', window: 'minute', max: 1 }],
      }),
    )
    const denied = await track(token)
    expect(denied.structured.error).toMatchObject({ code: 'denied', rule: '/tools/track_logout/require/0' })
    expect(denied.text).toContain('Not one of ours.')
    expect((await track(token, { account_id: 'acct_1' })).isError).toBe(false)
    expect((await track(token, { account_id: 'acct_1' })).code).toBe('rate_limited')
  })

  test('on what a tool says of itself', async () => {
    const token = await install({
      version: '1',
      default: 'allow',
      all_tools: { require: [{ path: 'tool.annotations.readOnlyHint', op: 'eq', value: true }] },
    })
    expect((await statelessCall('auth_whoami', {}, { token })).isError).toBe(false)
    expect((await track(token)).code).toBe('denied')
  })

  test('on the clock', async () => {
    const token = await install(
      onTrack({ deny_if: [{ conditions: [{ path: 'time.hour@America/Sao_Paulo', op: 'lt', value: 8 }] }] }),
    )
    expect((await track(token)).code).toBe('denied')
    vi.setSystemTime(START + 3_600_000)
    expect((await track(token)).isError).toBe(false)
  })

  const anaOnly = onTrack({ require: [{ path: 'session.account', op: 'eq', value: 'ana' }] })

  test('on the account of the session, which holds for the very next call', async () => {
    const client = await connect({ token: await install(anaOnly) })
    const call = () => client.call('track_logout', { account_id: 'a' })
    expect((await call()).code).toBe('denied')
    await client.login('ana')
    expect((await call()).isError).toBe(false)
    await client.login('bo')
    expect((await call()).code).toBe('denied')
    await client.login('ana')
    expect((await call()).isError).toBe(false)
    await client.call('auth_logout')
    const after = await call()
    expect([after.status, after.code]).toEqual([200, 'denied'])
  })

  test('on the account of a handle, and never on what a client claims', async () => {
    const settings = { identity: { trusted: true }, session_mode: 'many' }
    const token = await installGrant('acme', 'bot', { policy: anaOnly, settings })
    const login = async (account: string) => {
      const answer = await statelessCall(
        'auth_login',
        { provider: 'trusted', account_id: account },
        { token },
      )
      return answer.structured.session as string
    }
    const [ana, bo] = [await login('ana'), await login('bo')]
    expect((await track(token, { session: ana })).isError).toBe(false)
    expect((await track(token, { session: bo })).code).toBe('denied')
    expect((await track(token, { session: ana })).isError).toBe(false)
    expect((await track(token)).code).toBe('denied')
    expect(
      (await audit())
        .filter(({ decision }) => decision === 'allow' || decision === 'deny')
        .map(({ decision }) => decision),
    ).toEqual(['allow', 'allow', 'allow', 'deny', 'allow', 'deny'])
  })

  test('on the label of the grant', async () => {
    const policy = (label: string) => onTrack({ require: [{ path: 'grant.label', op: 'eq', value: label }] })
    expect((await track(await install(policy('bot of acme')))).isError).toBe(false)
    expect((await track(await install(policy('another')))).code).toBe('denied')
  })
})

describe('limits', () => {
  test('answer with the fields of the RateLimit draft, and say when to try again', async () => {
    const token = await install(onTrack({ limits: [{ counter: 'c', window: 'minute', max: 2 }] }))
    vi.setSystemTime(START + 15_000)
    const first = await track(token)
    expect(first.headers.get('ratelimit-policy')).toBe('"/tools/track_logout/limits/0";q=2;w=60')
    expect(first.headers.get('ratelimit')).toBe('"/tools/track_logout/limits/0";r=1;t=45')
    await track(token)
    const refused = await track(token)
    expect(refused.headers.get('ratelimit')).toBe('"/tools/track_logout/limits/0";r=0;t=45')
    expect(refused.headers.get('retry-after')).toBe('45')
    expect((await statelessCall('auth_whoami', {}, { token })).headers.get('ratelimit')).toBeNull()
  })

  test('add up decimals exactly, and say when a call can never pass', async () => {
    const limit = { counter: 'weight', window: 'day', max: '1', increment: '0.4', on_deny: 'Enough.' }
    const token = await install(onTrack({ limits: [limit] }))
    expect([(await track(token)).isError, (await track(token)).isError]).toEqual([false, false])
    const refused = await track(token)
    expect(refused.structured.error).toMatchObject({ limit: 1, remaining: 0.2, amount: 0.4 })
    expect(refused.text).toContain('at most 1 of "weight" per day for this grant')
    expect(await counted('acme/bot')).toMatchObject([{ used: '0.8' }])

    const never = await track(
      await install(onTrack({ limits: [{ ...limit, counter: 'd', max: '0.4', strict: true }] })),
    )
    expect(never.text).toContain('less than 0.4 of "d" per day for this grant. This call alone would add 0.4')
    expect(never.structured.error).not.toHaveProperty('resets_at')
    expect(never.headers.get('retry-after')).toBeNull()
  })

  test('slide: no burst at the turn of the minute', async () => {
    const token = await install(onTrack({ limits: [{ counter: 'c', window: 60, sliding: true, max: 2 }] }))
    vi.setSystemTime(START + 59_000)
    await track(token)
    await track(token)
    vi.setSystemTime(START + 61_000)
    expect((await track(token)).text).toContain('at most 2 calls per any minute for this grant')
    vi.setSystemTime(START + 120_000)
    expect((await track(token)).isError).toBe(false)
  })

  test('count by account, over all its sessions', async () => {
    const token = await install(
      onTrack({ limits: [{ counter: 'c', window: 'minute', max: 1, scope: 'account' }] }),
    )
    const clients = [await connect({ token }), await connect({ token }), await connect({ token })]
    const accounts = ['ana', 'ana', 'bo']
    const codes: (string | undefined)[] = []
    for (const [i, client] of clients.entries()) {
      await client.login(accounts[i] as string)
      codes.push((await client.call('track_logout', { account_id: 'a' })).code)
    }
    expect(codes).toEqual([undefined, 'rate_limited', undefined])
  })

  test('go on from what was counted before counters were decimals', async () => {
    const token = await install(onTrack({ limits: [{ counter: 'c', window: 'minute', max: 3 }] }))
    await track(token)
    await settled('acme/bot')
    await runInDurableObject(principal('acme/bot'), (_, state) => {
      inLog(state.storage, (log) => log.save())
      state.storage.sql.exec(`
        ${WITHOUT_UPSTREAMS}
        CREATE TABLE old (key TEXT NOT NULL, window_start INTEGER NOT NULL, used INTEGER NOT NULL,
          window_end INTEGER NOT NULL, PRIMARY KEY (key, window_start));
        INSERT INTO old SELECT key, window_start, 2, window_end FROM counters;
        DROP TABLE counters;
        ALTER TABLE old RENAME TO counters;
        CREATE INDEX counters_end ON counters (window_end);
        ALTER TABLE audit DROP COLUMN shadow;
        UPDATE schema_version SET version = 1;
      `)
    })
    await evictDurableObject(principal('acme/bot'))
    expect((await track(token)).isError).toBe(false)
    expect((await track(token)).code).toBe('rate_limited')
    expect(await counted('acme/bot')).toMatchObject([{ used: '3' }])
  })
})

describe('actions', () => {
  test('a call that a person must approve is refused, charged nothing and written down as that', async () => {
    const token = await install(
      onTrack({
        require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }],
        limits: [{ counter: 'c', window: 'minute', max: 1 }],
      }),
    )
    for (let i = 0; i < 2; i++) {
      const refused = await track(token)
      expect(refused.structured.error).toMatchObject({
        code: 'approval_required',
        rule: '/tools/track_logout/require_approval/0',
      })
    }
    expect((await audit()).map(({ decision }) => decision)).toEqual(['approval', 'approval'])
    expect(await counted('acme/bot')).toEqual([])
  })

  test('a rule in shadow changes nothing and is written down', async () => {
    const token = await install(
      onTrack({
        deny_if: [{ conditions: [], shadow: true }],
        limits: [{ counter: 'c', window: 'minute', max: 1, shadow: true }],
      }),
    )
    for (let i = 0; i < 2; i++) expect((await track(token)).isError).toBe(false)
    expect((await audit()).map(({ decision, shadow }) => [decision, JSON.parse(shadow)])).toEqual([
      ['allow', [['deny', '/tools/track_logout/deny_if/0']]],
      [
        'allow',
        [
          ['deny', '/tools/track_logout/deny_if/0'],
          ['deny', '/tools/track_logout/limits/0'],
        ],
      ],
    ])
  })

  test('a policy in shadow hides and denies nothing, and says what it would have done', async () => {
    const token = await install({ version: '1', mode: 'shadow', default: 'deny', hide: ['track_logout'] })
    expect(toolNames(await stateless('tools/list', {}, { token }))).toContain('track_logout')
    expect((await track(token)).isError).toBe(false)
    expect(await audit()).toEqual([{ decision: 'allow', rule: '(shadow)', shadow: '[["deny","(hidden)"]]' }])
  })
})

describe('every dialect', () => {
  test('of rules, as YAML text, is what a grant can have', async () => {
    const token = await install(`
version: "1"
description: As its author wrote it
tools:
  track_logout:
    rules:
      - name: one a minute
        rate_limit: 1/minute
        on_deny: Slow down.
`)
    await track(token)
    const refused = await track(token)
    expect(refused.structured.error).toMatchObject({
      code: 'rate_limited',
      rule: '/tools/track_logout/rules/0',
    })
    expect(refused.text).toMatch(/^Slow down\./)
  })

  test('that is short, too', async () => {
    const token = await install({ tools: { track_logout: { action: 'deny', reason: 'Never.' } } })
    expect((await track(token)).text).toContain('Never.')
  })

  test('is refused when it does not load, with line and column', async () => {
    const broken = 'version: "1"\ntools:\n  t:\n    rulse: []\n'
    await expect(install(broken)).rejects.toThrow('line 4, column 5: /tools/t/rulse')
  })
})

describe('the JSON Schemas of the dialects', () => {
  test.each(['hosted', 'rule', 'short'])('of %s is public', async (dialect) => {
    const { status, headers, body } = await send('GET', `/schemas/policy-${dialect}.json`, null)
    expect([status, headers.get('content-type'), headers.get('access-control-allow-origin')]).toEqual([
      200,
      'application/schema+json',
      '*',
    ])
    expect(body).toMatchObject({ title: `Gatehouse policy, ${dialect} dialect`, type: 'object' })
  })

  test.each(['policy-other.json', 'constructor'])('there is none of the name %s', async (name) => {
    expect((await send('GET', `/schemas/${name}`, null)).status).toBe(404)
  })
})

/** A limit of N lets N through, never one more: under concurrency, across eviction, at the window's turn. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { counted } from '../support/decision-log.ts'
import {
  connect,
  fresh,
  installGrant,
  principal,
  rows,
  stateless,
  statelessCall,
  toolNames,
} from '../support/gateway.ts'

const START = Date.parse('2030-01-01T10:00:00Z')

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => vi.useRealTimers())

/** The policy of the origin document, letter by letter. */
const origin = {
  version: '1',
  default: 'deny',
  tools: {
    track_logout: {
      limits: [{ counter: 'track_logout_rate', window: 'minute', max: 30, scope: 'grant' }],
    },
  },
}
const limited = (max: number, window = 'minute', scope = 'grant') => ({
  version: '1',
  default: 'allow',
  tools: { track_logout: { limits: [{ counter: 'c', window, max, scope }] } },
})
const track = (token?: string, more: Record<string, unknown> = {}) =>
  statelessCall('track_logout', { account_id: 'a', ...more }, token === undefined ? {} : { token })

describe('the origin document’s policy for track_logout', () => {
  test('thirty calls in a minute pass; the thirty-first is told the rule, the limit and when to retry', async () => {
    vi.setSystemTime(START + 12_345)
    const token = await installGrant('acme', 'bot', { policy: origin })
    for (let i = 0; i < 30; i++) expect((await track(token)).structured).toMatchObject({ status: 'accepted' })
    const refused = await track(token)
    expect([refused.status, refused.isError]).toEqual([200, true])
    expect(refused.structured.error).toMatchObject({
      code: 'rate_limited',
      rule: '/tools/track_logout/limits/0',
      limit: 30,
      window: 'minute',
      scope: 'grant',
      remaining: 0,
      retry_after_seconds: 48,
      resets_at: '2030-01-01T10:01:00.000Z',
    })
    for (const part of ['/tools/track_logout/limits/0', '30', 'minute', '48 s'])
      expect(refused.text).toContain(part)
    vi.setSystemTime(START + 59_999)
    expect((await track(token)).code).toBe('rate_limited')
    vi.setSystemTime(START + 60_000)
    expect((await track(token)).isError).toBe(false)
  })

  test('everything else is denied, and not even listed', async () => {
    const token = await installGrant('acme', 'bot', { policy: origin })
    expect(toolNames(await stateless('tools/list', {}, { token }))).toEqual(['track_logout'])
    for (const name of ['auth_login', 'auth_logout', 'auth_whoami', 'get_decision', 'track_login']) {
      const refused = await statelessCall(name, {}, { token })
      expect(refused.structured.error).toMatchObject({ code: 'default_deny', rule: '(default deny)' })
    }
  })
})

describe('exactness', () => {
  test('of a hundred calls at once, thirty pass', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => track()))
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(30)
    expect(answers.filter(({ code }) => code === 'rate_limited')).toHaveLength(70)
    expect(await counted()).toMatchObject([{ used: '30' }])
  })

  test('eviction in between changes nothing', async () => {
    for (let i = 0; i < 29; i++) await track()
    await evictDurableObject(principal())
    expect((await track()).isError).toBe(false)
    await evictDurableObject(principal())
    expect((await track()).code).toBe('rate_limited')
  })

  test.each([
    ['minute', START + 60_000],
    ['hour', START + 3_600_000],
    ['day', Date.parse('2030-01-02T00:00:00Z')],
  ])('a limit per %s holds to the end of its calendar window, in UTC', async (window, turn) => {
    const token = await installGrant('acme', 'bot', { policy: limited(2, window) })
    await track(token)
    await track(token)
    vi.setSystemTime(turn - 1)
    expect((await track(token)).code).toBe('rate_limited')
    vi.setSystemTime(turn)
    expect((await track(token)).isError).toBe(false)
  })

  test('a clock that steps back finds the window as it was', async () => {
    const token = await installGrant('acme', 'bot', { policy: limited(1) })
    await track(token)
    vi.setSystemTime(START + 60_000)
    await track(token)
    await runDurableObjectAlarm(principal('acme/bot'))
    vi.setSystemTime(START + 1_000)
    expect((await track(token)).code).toBe('rate_limited')
  })

  test('a limit of nothing lets nothing through', async () => {
    const token = await installGrant('acme', 'bot', { policy: limited(0) })
    expect((await track(token)).code).toBe('rate_limited')
  })

  test('several limits: all are charged, or none', async () => {
    const policy = {
      version: '1',
      default: 'allow',
      all_tools: { limits: [{ counter: 'all', window: 'hour', max: 3, scope: 'grant' }] },
      tools: {
        track_logout: {
          limits: [
            { counter: 'm', window: 'minute', max: 2, scope: 'grant', on_deny: 'Slow down, please.' },
            { counter: 'd', window: 'day', max: 100, scope: 'grant' },
          ],
        },
      },
    }
    const token = await installGrant('acme', 'bot', { policy })
    await track(token)
    await track(token)
    const refused = await track(token)
    expect(refused.structured.error).toMatchObject({ rule: '/tools/track_logout/limits/0' })
    expect(refused.text).toMatch(/^Slow down, please\./)
    const used = await counted('acme/bot')
    expect(used.map((row) => row.used)).toEqual(['2', '2', '2'])
    expect((await statelessCall('auth_whoami', {}, { token })).isError).toBe(false)
    expect((await statelessCall('auth_whoami', {}, { token })).structured.error).toMatchObject({
      rule: '/all_tools/limits/0',
    })
  })

  test('a call that is refused for its arguments is not charged', async () => {
    const token = await installGrant('acme', 'bot', { policy: limited(1) })
    await statelessCall('track_logout', { account_id: 5 }, { token })
    await track(token, { session: 'ses_dead' })
    await track(token, { user_agent: '4111 1111 1111 1111' })
    expect((await track(token)).isError).toBe(false)
  })
})

describe('scope', () => {
  test('grant: all sessions of a grant count together, other grants apart', async () => {
    const [one, two] = [
      await installGrant('acme', 'one', { policy: limited(1) }),
      await installGrant('acme', 'two', { policy: limited(1) }),
    ]
    const [a, b] = [await connect({ token: one }), await connect({ token: one })]
    expect((await a.call('track_logout', { account_id: 'a' })).isError).toBe(false)
    expect((await b.call('track_logout', { account_id: 'a' })).code).toBe('rate_limited')
    expect((await track(two)).isError).toBe(false)
  })

  test('session: each counts by itself, and calls without one share one allowance', async () => {
    const token = await installGrant('acme', 'bot', { policy: limited(1, 'minute', 'session') })
    const [a, b] = [await connect({ token }), await connect({ token })]
    expect((await a.call('track_logout', { account_id: 'a' })).isError).toBe(false)
    expect((await a.call('track_logout', { account_id: 'a' })).code).toBe('rate_limited')
    expect((await b.call('track_logout', { account_id: 'a' })).isError).toBe(false)
    expect((await track(token)).isError).toBe(false)
    expect((await track(token)).code).toBe('rate_limited')
  })
})

describe('a changed policy', () => {
  test('holds for the very next request, and keeps what was counted', async () => {
    const token = await installGrant('acme', 'bot', { policy: limited(1) })
    await track(token)
    expect((await track(token)).code).toBe('rate_limited')
    await installGrant('acme', 'bot', { policy: limited(2) })
    expect((await track(token)).isError).toBe(false)
    expect((await track(token)).code).toBe('rate_limited')
    await installGrant('acme', 'bot', { policy: { version: '1', default: 'allow', hide: ['track_logout'] } })
    expect((await track(token)).structured.error).toMatchObject({ code: 'hidden', rule: '(hidden)' })
    expect(toolNames(await stateless('tools/list', {}, { token }))).not.toContain('track_logout')
  })

  test('a policy that does not load is not installed: the old one stays', async () => {
    const token = await installGrant('acme', 'bot', { policy: limited(1) })
    const broken = { version: '1', default: 'allow', tools: { track_logout: { limit: [] } } }
    await expect(installGrant('acme', 'bot', { policy: broken })).rejects.toThrow('/tools/track_logout/limit')
    await track(token)
    expect((await track(token)).code).toBe('rate_limited')
  })

  test('a grant without a policy may do nothing', async () => {
    const token = await installGrant('acme', 'bot', { policy: null })
    expect((await track(token)).structured.error).toMatchObject({ code: 'no_policy', rule: '(no policy)' })
    expect(toolNames(await stateless('tools/list', {}, { token }))).toEqual([])
  })

  test('an unconditional denial gives its own message', async () => {
    const policy = {
      version: '1',
      default: 'allow',
      tools: { track_logout: { deny_if: [{ conditions: [], on_deny: 'Ask the fraud team.' }] } },
    }
    const token = await installGrant('acme', 'bot', { policy })
    const refused = await track(token)
    expect(refused.structured.error).toMatchObject({ code: 'denied', rule: '/tools/track_logout/deny_if/0' })
    expect(refused.text).toContain('Ask the fraud team.')
  })
})

describe('the record of decisions', () => {
  test('has a row for every call, with names of arguments and never a value', async () => {
    const token = await installGrant('acme', 'bot', { policy: limited(1) })
    await track(token, { user_agent: 'very-secret-agent' })
    await track(token)
    await statelessCall('track_logout', { 'very-secret-name': 'very-secret-value' }, { token })
    await statelessCall('very-secret-tool', {}, { token })
    const audit = await rows<Record<string, string>>('SELECT * FROM audit ORDER BY seq', 'acme/bot')
    expect(audit.map(({ decision, rule }) => [decision, rule])).toEqual([
      ['allow', '/tools/track_logout'],
      ['limit', '/tools/track_logout/limits/0'],
      ['refuse', '(arguments)'],
      ['refuse', '(unknown tool)'],
    ])
    expect(audit[0]).toMatchObject({
      server: 'legiti',
      tool: 'track_logout',
      argument_names: '["account_id","user_agent"]',
    })
    expect(audit[2]).toMatchObject({ argument_names: '["(unknown)"]' })
    expect(JSON.stringify(audit)).not.toContain('very-secret')
  })
})

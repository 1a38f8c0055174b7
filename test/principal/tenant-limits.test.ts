/** Limits with scope `tenant`: all of a tenant's grants count together, exactly. */

import {
  createExecutionContext,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import {
  envelope,
  fresh,
  installGrant,
  principal,
  request,
  rows,
  STATELESS,
  statelessCall,
} from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'

const START = Date.parse('2030-01-01T10:00:00Z')

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => vi.useRealTimers())

const ofTenant = (max: number, more: object[] = []) => ({
  version: '1',
  default: 'allow',
  tools: { track_signup: { limits: [{ counter: 'c', window: 'minute', max, scope: 'tenant' }, ...more] } },
})
const counters = (tenant: string) => env.TENANT_COUNTERS.getByName(tenant)
const used = (tenant: string) =>
  runInDurableObject(counters(tenant), (_, state) =>
    state.storage.sql
      .exec<{ used: string }>('SELECT used FROM counters')
      .toArray()
      .map((row) => row.used),
  )
const track = (token: string, more = {}) =>
  statelessCall('track_signup', { account_id: 'a', ...more }, { token })

/** Calls with a binding of the test's own, and lets everything behind the answer happen. */
async function trackWith(bindings: Partial<Env>, token: string) {
  const message = request('tools/call', {
    name: 'track_signup',
    arguments: { account_id: 'a' },
    _meta: envelope,
  })
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'tools/call',
    'mcp-name': 'track_signup',
  }
  const context = createExecutionContext()
  const http = new Request('http://127.0.0.1:8787/mcp', {
    method: 'POST',
    headers,
    body: JSON.stringify(message),
  })
  const response = await app.fetch(http, { ...env, ...bindings } as Env, context)
  await waitOnExecutionContext(context)
  const { result } = (await response.json()) as {
    result?: { structuredContent: { error?: { code: string } } }
  }
  return { status: response.status, code: result?.structuredContent.error?.code }
}

describe('a limit of a tenant', () => {
  test('lets its maximum through, over all grants and under any concurrency', async () => {
    const tokens = await Promise.all(
      ['one', 'two', 'three'].map((grant) => installGrant('acme', grant, { policy: ofTenant(10) })),
    )
    const answers = await Promise.all(Array.from({ length: 45 }, (_, i) => track(tokens[i % 3] ?? '')))
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(10)
    expect(answers.filter(({ code }) => code === 'rate_limited')).toHaveLength(35)
    expect(await used('acme')).toEqual(['10'])
  })

  test('says so like any other, and begins anew with the window', async () => {
    const token = await installGrant('acme', 'bot', { policy: ofTenant(1) })
    const first = await track(token)
    expect(first.headers.get('ratelimit')).toContain('r=0')
    const refused = await track(token)
    expect(refused.structured.error).toMatchObject({
      code: 'rate_limited',
      rule: '/tools/track_signup/limits/0',
      scope: 'tenant',
      retry_after_seconds: 60,
    })
    expect(refused.headers.get('retry-after')).toBe('60')
    const audit = await rows<{ decision: string }>('SELECT decision FROM audit ORDER BY seq', 'acme/bot')
    expect(audit.map(({ decision }) => decision)).toEqual(['allow', 'limit'])
    vi.setSystemTime(START + 60_000)
    expect((await track(token)).isError).toBe(false)
  })

  test('survives the eviction of its object', async () => {
    const token = await installGrant('acme', 'bot', { policy: ofTenant(1) })
    await track(token)
    await evictDurableObject(counters('acme'))
    expect((await track(token)).code).toBe('rate_limited')
  })

  test('of one tenant is nothing to another', async () => {
    const [acme, other] = [
      await installGrant('acme', 'bot', { policy: ofTenant(1) }),
      await installGrant('other', 'bot', { policy: ofTenant(1) }),
    ]
    await track(acme)
    expect((await track(other)).isError).toBe(false)
  })

  test('is given back when the principal does not admit the call', async () => {
    const grantLimit = { counter: 'g', window: 'day', max: 1, scope: 'grant' }
    const token = await installGrant('acme', 'bot', { policy: ofTenant(10, [grantLimit]) })
    await track(token)
    expect((await track(token)).structured.error).toMatchObject({ rule: '/tools/track_signup/limits/1' })
    expect((await track(token, { session: 'ses_dead' })).code).toBe('session_ended')
    await principal('acme/bot').revoke()
    expect((await track(token)).status).toBe(401)
    await vi.waitFor(async () => expect(await used('acme')).toEqual(['1']), PATIENT)
  })

  test('is not charged for arguments that are wrong, nor by a token that was never good', async () => {
    const token = await installGrant('acme', 'bot', { policy: ofTenant(10) })
    await statelessCall('track_signup', {}, { token })
    await track('gh_acme_bot_not-the-right-secret')
    expect(
      await runInDurableObject(counters('acme'), (_, state) =>
        state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'counters'").toArray(),
      ),
    ).toEqual([])
  })

  test('fails closed when its counters cannot be asked', async () => {
    const token = await installGrant('acme', 'bot', { policy: ofTenant(10) })
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const broken = { getByName: () => ({ reserve: () => Promise.reject(new Error('gone')) }) }
    const answer = await trackWith({ TENANT_COUNTERS: broken as unknown as Env['TENANT_COUNTERS'] }, token)
    expect(answer).toEqual({ status: 200, code: 'unavailable' })
    expect(await rows("SELECT seq FROM outbox WHERE tool = 'track_signup'", 'acme/bot')).toEqual([])
    vi.restoreAllMocks()
  })

  test('in shadow refuses nothing, even when its counters cannot be asked', async () => {
    const policy = ofTenant(10)
    Object.assign(policy.tools.track_signup.limits[0] ?? {}, { shadow: true })
    const token = await installGrant('acme', 'bot', { policy })
    await track(token)
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const broken = { getByName: () => ({ reserve: () => Promise.reject(new Error('gone')) }) }
    const answer = await trackWith({ TENANT_COUNTERS: broken as unknown as Env['TENANT_COUNTERS'] }, token)
    expect(answer).toEqual({ status: 200, code: undefined })
    vi.restoreAllMocks()
  })

  test('keeps its charge when nobody knows what became of the call', async () => {
    const token = await installGrant('acme', 'bot', { policy: ofTenant(10) })
    await track(token)
    vi.spyOn(console, 'error').mockImplementation(() => {})
    // The principal does the work, and its answer is lost on the way.
    const lossy = {
      getByName: (name: string) => ({
        admit: async (ask: Parameters<ReturnType<typeof principal>['admit']>[0]) => {
          await principal(name).admit(ask)
          throw new Error('connection lost')
        },
      }),
    }
    const answer = await trackWith({ PRINCIPAL: lossy as unknown as Env['PRINCIPAL'] }, token)
    expect(answer.status).toBe(503)
    expect(await used('acme')).toEqual(['2'])
    vi.restoreAllMocks()
  })

  test('is asked by no call that is not under one', async () => {
    const token = await installGrant('acme', 'bot')
    // Once, so that the isolate knows the policy of this test.
    await track(token)
    const untouchable = { getByName: () => expect.unreachable('asked') }
    expect(
      await trackWith({ TENANT_COUNTERS: untouchable as unknown as Env['TENANT_COUNTERS'] }, token),
    ).toEqual({
      status: 200,
      code: undefined,
    })
  })

  test('forgets windows a day after they ended, and then sleeps', async () => {
    const token = await installGrant('acme', 'bot', { policy: ofTenant(1) })
    await track(token)
    vi.setSystemTime(START + 23 * 3_600_000)
    await runDurableObjectAlarm(counters('acme'))
    expect(await used('acme')).toEqual(['1'])
    vi.setSystemTime(START + 25 * 3_600_000)
    await runDurableObjectAlarm(counters('acme'))
    const tables = "SELECT name FROM sqlite_master WHERE name = 'counters'"
    expect(
      await runInDurableObject(counters('acme'), (_, state) => state.storage.sql.exec(tables).toArray()),
    ).toEqual([])
    expect(await runInDurableObject(counters('acme'), (_, state) => state.storage.getAlarm())).toBeNull()
  })

  test('in shadow refuses nothing and says in the record what it would have done', async () => {
    const policy = ofTenant(0)
    Object.assign(policy.tools.track_signup.limits[0] ?? {}, { shadow: true })
    const token = await installGrant('acme', 'bot', { policy })
    expect((await track(token)).isError).toBe(false)
    const [row] = await rows<{ shadow: string }>('SELECT shadow FROM audit', 'acme/bot')
    expect(row?.shadow).toContain('/tools/track_signup/limits/0')
  })
})

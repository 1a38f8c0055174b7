/** A tenant's life: created by root, suspended, resumed, and deleted so that nothing of it is left. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { jurisdictionOf, tenantObject as placedObject, principalObject } from '../../src/contract/objects.ts'
import { admin, makeGrant, makePerson, ROOT, remains, tenantObject, tenantRows } from '../support/admin.ts'
import { behave, connect, fresh, open, post, principal, received, request, rows } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(async () => {
  await behave('ok')
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const counters = (tenant: string) => env.TENANT_COUNTERS.getByName(tenant)
const pinging = async (token: string, headers: Record<string, string> = {}) =>
  post(request('ping'), { token, headers })
const NOTHING = { tables: [], alarm: null }

describe('suspension', () => {
  test('refuses every agent from the next request on, and resuming ends it', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const token = await makeGrant('acme', 'bot')
    const client = await connect({ token })
    await client.login('ana')
    const suspended = await admin('POST', 'acme/suspend?reason=unpaid')
    expect([suspended.status, suspended.body]).toMatchObject([
      200,
      { suspended_at: expect.any(String), pending: 0 },
    ])
    for (const answer of [
      await client.request('tools/list'),
      await client.request('tools/call', { name: 'auth_whoami', arguments: {} }),
      await post(request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} }), {
        token,
      }),
      await client.delete(),
    ])
      expect([answer.status, (answer.body?.error as { message?: string })?.message]).toEqual([
        403,
        'This tenant is suspended',
      ])
    expect((await pinging(`${token}x`)).status).toBe(401)
    const again = await admin('POST', 'acme/suspend')
    expect(again.body?.suspended_at).toBe(suspended.body?.suspended_at)
    await admin('POST', 'acme/resume')
    expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
    expect(
      await tenantRows('acme', "SELECT action, detail FROM changes WHERE subject = 'tenant' ORDER BY seq"),
    ).toMatchObject([
      { action: 'tenant.create' },
      { action: 'tenant.suspend', detail: '{"reason":"unpaid"}' },
      { action: 'tenant.resume' },
    ])
  })

  test('holds for a grant that is made meanwhile, and closes open streams', async () => {
    const token = await makeGrant('acme', 'bot')
    const client = await connect({ token })
    const stream = await open('GET', '/mcp', token, { ...client.headers, accept: 'text/event-stream' })
    await admin('POST', 'acme/suspend')
    expect(await stream.text()).toBeDefined()
    const other = await makeGrant('acme', 'other')
    expect((await pinging(other)).status).toBe(403)
    const refused = await open('GET', '/mcp', token, { ...client.headers, accept: 'text/event-stream' })
    expect([refused.status, await refused.text()]).toEqual([403, expect.stringContaining('is suspended')])
  })

  test.each([
    ['PUT', 'acme', {}],
    ['PUT', 'acme/people/ana', { role: 'admin' }],
    ['POST', 'acme/people/ana/token', {}],
    ['PUT', 'acme/secrets/crm', { value: 'k-123', origins: ['https://crm.example.com'] }],
    ['PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp' }],
    ['PUT', 'acme/policies/bot', { version: '1', default: 'deny' }],
    ['POST', 'acme/policies/bot/rollback', { version: 1 }],
    ['PUT', 'acme/grants/bot', { policy: 'bot' }],
    ['POST', 'acme/grants/bot/rotate', {}],
    ['PUT', 'acme/webhooks/ops', { url: 'https://ops.example.com/', events: ['tool.drift'] }],
  ])('is said by %s %s, which helps no agent meanwhile', async (method, path, body) => {
    await makeGrant('acme', 'bot')
    await admin('PUT', 'acme/people/ana', { role: 'admin' })
    const says = expect.stringContaining('The tenant acme is suspended: its agents are refused until')
    await admin('POST', 'acme/suspend')
    expect((await admin(method, path, body)).body?.warnings).toContainEqual(says)
    await admin('POST', 'acme/resume')
    expect((await admin(method, path, body)).body?.warnings).not.toContainEqual(says)
  })

  test('of a tenant that is not there is none', async () => {
    expect((await admin('POST', 'ghost/suspend')).status).toBe(404)
    expect(await remains(tenantObject('ghost'))).toEqual(NOTHING)
  })
})

describe('deletion', () => {
  async function tenant() {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const limit = { counter: 'c', window: 'hour', max: 9, scope: 'tenant' }
    const token = await makeGrant('acme', 'bot', {
      version: '1',
      default: 'allow',
      tools: { auth_whoami: { limits: [limit] } },
    })
    const person = await makePerson('acme', 'ana', 'admin')
    await admin('PUT', 'acme/secrets/crm', { value: 'k-123', origins: ['https://crm.example.com'] })
    await admin('PUT', 'acme/servers/crm', {
      url: 'https://crm.example.com/mcp',
      headers: { 'x-key': { secret: 'crm' } },
    })
    await makeGrant('acme', 'gone')
    await admin('DELETE', 'acme/grants/gone')
    const client = await connect({ token })
    await client.login('ana')
    await client.call('auth_whoami')
    return { token, person, client }
  }
  const logouts = async () => (await received()).filter(({ body }) => body.action === 'logout').length
  const allGone = async () => [
    await remains(tenantObject('acme')),
    await remains(counters('acme')),
    await remains(principal('acme/bot')),
    await remains(principal('acme/gone')),
  ]

  test('ends sessions, delivers their logouts, and leaves nothing anywhere', async () => {
    const { token, person } = await tenant()
    const before = await logouts()
    const went = await admin('DELETE', 'acme')
    expect([went.status, went.body]).toEqual([200, { deleted: true, events_lost: 0 }])
    expect((await logouts()) - before).toBe(1)
    expect(await allGone()).toEqual([NOTHING, NOTHING, NOTHING, NOTHING])
    expect((await pinging(token)).status).toBe(401)
    expect((await admin('GET', 'acme', undefined, person)).status).toBe(401)
    expect((await admin('GET', 'acme')).status).toBe(404)
    expect((await admin('DELETE', 'acme')).status).toBe(404)
    expect(await allGone()).toEqual([NOTHING, NOTHING, NOTHING, NOTHING])
  })

  test('a tenant of the same name is another one', async () => {
    const { token, person } = await tenant()
    await admin('DELETE', 'acme')
    const again = await makeGrant('acme', 'bot')
    await makePerson('acme', 'ana', 'viewer')
    expect((await pinging(token)).status).toBe(401)
    expect((await admin('GET', 'acme', undefined, person)).status).toBe(401)
    expect((await pinging(again)).status).not.toBe(401)
    expect(await rows('SELECT count(*) AS n FROM sessions', 'acme/bot')).toEqual([{ n: 0 }])
  })

  test('waits for Legiti; until then nobody gets in and nothing can be changed', async () => {
    const { token, person } = await tenant()
    await principal('acme/bot').drain()
    await behave('fail')
    const before = await logouts()
    const went = await admin('DELETE', 'acme')
    expect([went.status, went.body]).toEqual([
      202,
      {
        deleted: false,
        deletion: { state: 'deleting', since: expect.any(String), by: expect.any(String), principals: 1 },
      },
    ])
    expect((await admin('GET', 'acme')).body).toMatchObject({ deletion: { principals: 1 } })
    expect((await pinging(token)).status).toBe(401)
    expect((await admin('GET', 'acme', undefined, person)).status).toBe(401)
    expect((await admin('PUT', 'acme/grants/new', {})).status).toBe(409)
    expect((await admin('PUT', 'acme', {})).status).toBe(409)
    await behave('ok')
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(Date.now() + 3_600_000)
    await runDurableObjectAlarm(principal('acme/bot'))
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await allGone()).toEqual([NOTHING, NOTHING, NOTHING, NOTHING])
    expect((await logouts()) - before).toBeGreaterThanOrEqual(1)
  })

  test('does not wait for longer than it was told, and says what is lost', async () => {
    const info = vi.spyOn(console, 'info').mockImplementation(() => {})
    await tenant()
    await principal('acme/bot').drain()
    await behave('fail')
    const went = await admin('DELETE', 'acme?wait_seconds=0')
    expect([went.status, went.body]).toEqual([200, { deleted: true, events_lost: 1 }])
    expect(info.mock.calls.map(String)).toEqual([
      expect.stringContaining(
        '"tenant":"acme","actor":"root","reason_given":false,"events_lost":1,"level":"info","event":"tenant.deleted"',
      ),
    ])
    expect(await allGone()).toEqual([NOTHING, NOTHING, NOTHING, NOTHING])
  })

  test('whoever asked for it first is named, even when it takes until later; their reason is not', async () => {
    const info = vi.spyOn(console, 'info').mockImplementation(() => {})
    await tenant()
    await principal('acme/bot').drain()
    await behave('fail')
    expect((await admin('DELETE', 'acme?reason=left-us')).status).toBe(202)
    await evictDurableObject(tenantObject('acme'))
    expect((await admin('DELETE', 'acme?wait_seconds=0')).status).toBe(200)
    const said = info.mock.calls.map(String).filter((line) => line.includes('tenant.deleted'))
    expect(said).toEqual([expect.stringContaining('"actor":"root","reason_given":true')])
    expect(said.join()).not.toContain('left-us')
  })

  /** Where the tenant's object can die: before and after each thing that it asks of another object. */
  const steps = ['revoke', 'leave', 'erase', 'erase counters'].flatMap((step) => [
    `before ${step}`,
    `after ${step}`,
  ])

  test.each(steps)('a crash %s only delays it', async (step) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    vi.spyOn(console, 'error').mockImplementation(() => {})
    await tenant()
    const before = await logouts()
    await runInDurableObject(tenantObject('acme'), (instance) => {
      const dying = (name: string, stub: DurableObjectStub) =>
        new Proxy(stub, {
          get(target, property) {
            const member = Reflect.get(target, property) as (...args: unknown[]) => Promise<unknown>
            return async (...args: unknown[]) => {
              const what = `${String(property)}${name}`
              if (step === `before ${what}`) throw new Error('died')
              const result = await Reflect.apply(member, target, args)
              if (step === `after ${what}`) throw new Error('died')
              return result
            }
          },
        })
      Object.assign(instance, {
        env: {
          ...env,
          PRINCIPAL: { getByName: (name: string) => dying('', env.PRINCIPAL.getByName(name)) },
          TENANT_COUNTERS: { getByName: (name: string) => dying(' counters', counters(name)) },
        },
      })
    })
    expect((await admin('DELETE', 'acme')).status).toBe(202)
    expect((await admin('PUT', 'acme/grants/new', {})).status).toBe(409)
    await runInDurableObject(tenantObject('acme'), (_, state) => state.storage.deleteAlarm())
    await evictDurableObject(tenantObject('acme'))
    // The object that wakes up has its alarm again.
    expect((await remains(tenantObject('acme'))).alarm).toEqual(expect.any(Number))
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await allGone()).toEqual([NOTHING, NOTHING, NOTHING, NOTHING])
    expect((await logouts()) - before).toBe(1)
  })

  test('a request that comes meanwhile brings nothing back', async () => {
    const { token, client } = await tenant()
    const asked = Array.from({ length: 20 }, () => client.call('auth_whoami').catch(() => null))
    const went = await admin('DELETE', 'acme')
    await Promise.all(asked)
    expect(went.status).toBe(200)
    await Promise.all(Array.from({ length: 5 }, () => pinging(token)))
    const [own, , ...principals] = await allGone()
    expect([own, ...principals]).toEqual([NOTHING, NOTHING, NOTHING])
    // What a late request was charged for goes by itself, a day after.
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(Date.now() + 26 * 3_600_000)
    await runDurableObjectAlarm(counters('acme'))
    expect(await remains(counters('acme'))).toEqual(NOTHING)
  })

  /** Answers of the tenant's object wait where it erases what `what` names, until `go` is called. */
  async function waiting(what: 'principal' | 'counters') {
    const asked: string[] = []
    let go = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    await runInDurableObject(tenantObject('acme'), (instance) => {
      const slow = (name: string, stub: DurableObjectStub, waits: boolean) =>
        new Proxy(stub, {
          get(target, property) {
            const member = Reflect.get(target, property) as (...args: unknown[]) => Promise<unknown>
            return async (...args: unknown[]) => {
              asked.push(`${String(property)} ${name}`)
              if (waits) await gate
              return Reflect.apply(member, target, args)
            }
          },
        })
      Object.assign(instance, {
        env: {
          ...env,
          PRINCIPAL: {
            getByName: (name: string) => slow(name, env.PRINCIPAL.getByName(name), what === 'principal'),
          },
          TENANT_COUNTERS: {
            getByName: (name: string) => slow('counters', counters(name), what === 'counters'),
          },
        },
      })
    })
    return { asked, go: () => runInDurableObject(tenantObject('acme'), () => go()) }
  }

  test('that is asked for twice at once, and by alarm, runs once', async () => {
    await tenant()
    const { asked, go } = await waiting('counters')
    const first = admin('DELETE', 'acme')
    while (!asked.includes('erase counters')) await scheduler.wait(1)
    const second = admin('DELETE', 'acme')
    const alarm = runDurableObjectAlarm(tenantObject('acme'))
    while ((await tenantRows('acme', "SELECT 1 FROM changes WHERE action = 'tenant.delete'")).length < 2)
      await scheduler.wait(1)
    await go()
    const answers = await Promise.all([first, second])
    await alarm
    expect(answers.map(({ body }) => body)).toEqual(Array(2).fill({ deleted: true, events_lost: 0 }))
    expect(asked.toSorted()).toEqual([
      'erase acme/bot',
      'erase acme/gone',
      'erase counters',
      'leave acme/bot',
      'leave acme/gone',
      'revoke acme/bot',
      'revoke acme/gone',
    ])
    expect(await allGone()).toEqual([NOTHING, NOTHING, NOTHING, NOTHING])
  })

  test.each(['principal', 'counters'] as const)(
    'that waits for a %s does not touch a tenant that was made meanwhile',
    async (what) => {
      await tenant()
      const { asked, go } = await waiting(what)
      const went = admin('DELETE', 'acme')
      while (!asked.some((it) => what === 'principal' || it === 'erase counters')) await scheduler.wait(1)
      await runInDurableObject(tenantObject('acme'), (_, { storage: { sql } }) => {
        sql.exec('DELETE FROM leaving')
        sql.exec('UPDATE tenant SET deleting_at = NULL, delete_by = NULL')
      })
      await go()
      expect((await went).status).toBe(404)
      expect((await admin('GET', 'acme')).body).not.toHaveProperty('deletion.state')
      expect((await remains(tenantObject('acme'))).tables).not.toEqual([])
      if (what === 'principal') expect(asked.filter((it) => it.startsWith('erase'))).toEqual([])
    },
  )

  test('is for root alone, and wants the state that was seen', async () => {
    const { person } = await tenant()
    expect((await admin('DELETE', 'acme', undefined, person)).status).toBe(403)
    expect((await admin('DELETE', 'acme', undefined, ROOT, { 'if-match': '"0"' })).status).toBe(412)
    expect((await admin('GET', 'acme')).status).toBe(200)
  })
})

describe('jurisdiction', () => {
  test('is part of the name', () => {
    expect([jurisdictionOf('acme'), jurisdictionOf('acme--eu'), jurisdictionOf('acme-eu')]).toEqual([
      null,
      'eu',
      null,
    ])
  })

  test('every object of such a tenant is of the namespace that stays there', () => {
    const asked: string[] = []
    const namespace = (of: string) => ({
      getByName: (name: string) => asked.push(`${of}:${name}`),
      jurisdiction: (j: string) => ({ getByName: (name: string) => asked.push(`${of}@${j}:${name}`) }),
    })
    const bindings = {
      PRINCIPAL: namespace('principal'),
      TENANT: namespace('tenant'),
    } as unknown as typeof env
    principalObject(bindings, 'acme--eu', 'bot')
    placedObject(bindings, 'acme--eu')
    placedObject(bindings, 'acme')
    expect(asked).toEqual(['principal@eu:acme--eu/bot', 'tenant@eu:acme--eu', 'tenant:acme'])
  })

  test('is never ignored but where that is said: the runtime here knows none, so it fails rather than misplaces', async () => {
    const deployed = { ...env, IGNORE_JURISDICTION: undefined } as unknown as typeof env
    expect(() => placedObject(deployed, 'acme--eu')).toThrow(/jurisdiction/i)
    const token = await makeGrant('acme--eu', 'bot')
    expect((await connect({ token })).id).toBeDefined()
    expect((await admin('DELETE', 'acme--eu')).body).toEqual({ deleted: true, events_lost: 0 })
    expect(await remains(tenantObject('acme--eu'))).toEqual(NOTHING)
    expect(await remains(principalObject(env, 'acme--eu', 'bot'))).toEqual(NOTHING)
  })

  test('a name that a host name could not hold is refused', async () => {
    const answer = await admin('PUT', 'ab--eu', {})
    expect([answer.status, answer.body?.problems]).toEqual([422, [expect.stringContaining('no -- after')]])
  })
})

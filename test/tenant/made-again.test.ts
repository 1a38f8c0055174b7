/** What is removed and made again under its name is another, and inherits nothing of the one before. */

import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { TenantConfig } from '../../src/contract/config.ts'
import { admin, makeGrant, makePerson, tenantObject, tenantRows } from '../support/admin.ts'
import { shown } from '../support/credential.ts'
import { connect, fresh, type Json, principal, rows, statelessCall } from '../support/gateway.ts'

const START = Date.parse('2030-01-01T10:00:00Z')

beforeEach(async () => {
  await fresh()
  // The clock stands still: whoever tells two lives apart by their times is found out.
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const tool = { name: 'find', description: 'Finds.', inputSchema: { type: 'object' } }
const register = () => admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp' })
const status = async () => (await admin('GET', 'acme/servers/crm/status')).body as Json

async function configured() {
  const [row] = await rows<{ config: string }>('SELECT config FROM grants', 'acme/bot')
  const config = JSON.parse(row?.config ?? 'null') as TenantConfig
  const [crm] = config.upstreams
  if (crm === undefined) throw new Error('no upstream')
  return { version: config.version, crm }
}

describe('a server', () => {
  test('is another to every principal', async () => {
    await register()
    await makeGrant('acme', 'bot', undefined, { servers: '*' })
    const before = await configured()
    await admin('DELETE', 'acme/servers/crm')
    await register()
    const after = await configured()
    expect(after.crm.incarnation).toMatch(/^[0-9a-f]{16}$/)
    expect(after.crm.incarnation).not.toBe(before.crm.incarnation)
    expect(after.version).not.toBe(before.version)
  })

  test('is not what an isolate has just found out about the one before', async () => {
    await register()
    await makeGrant('acme', 'bot', undefined, { servers: '*' })
    const { incarnation } = (await configured()).crm
    const object = tenantObject('acme')
    const listing = { digest: 'one', incarnation, toolsJson: JSON.stringify([tool]) }
    expect(await object.observe('crm', listing)).not.toBeNull()
    expect(await object.catalogue('crm', incarnation)).not.toBeNull()
    await admin('DELETE', 'acme/servers/crm')
    await register()
    // On their way while it was registered again.
    expect(await object.observe('crm', { ...listing, digest: 'two' })).toBeNull()
    await object.report('crm', { atMs: START, incarnation, successes: 3, eras: { session: true } })
    await object.report('crm', { atMs: START, incarnation, breaker: 'open', failures: 1 })
    expect(await object.catalogue('crm', incarnation)).toBeNull()
    expect(await status()).toMatchObject({
      tools: 0,
      successes: 0,
      failures: 0,
      breaker: 'closed',
      eras: { session: null, stateless: null },
    })
    expect(await tenantRows('acme', 'SELECT 1 FROM pins')).toEqual([])
    const { crm } = await configured()
    expect(await object.observe('crm', { ...listing, incarnation: crm.incarnation })).not.toBeNull()
    expect(await status()).toMatchObject({ tools: 1, drift_total: 0 })
  })

  test('has its pins under another number with every change of them, so that no comparison outlives it', async () => {
    await register()
    await makeGrant('acme', 'bot', undefined, { servers: '*' })
    const revisions: (number | undefined)[] = []
    const note = async () => revisions.push((await configured()).crm.pinsRevision)
    const observe = (digest: string, description: string) =>
      tenantObject('acme').observe('crm', { digest, toolsJson: JSON.stringify([{ ...tool, description }]) })
    await note()
    await observe('one', 'Finds.')
    await note()
    await observe('two', 'Finds, and tells.')
    await note()
    await admin('POST', 'acme/servers/crm/accept')
    await note()
    await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp', on_drift: 'hide' })
    await note()
    await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/elsewhere', on_drift: 'hide' })
    await note()
    await register()
    await note()
    expect(revisions).toEqual(revisions.toSorted((a, b) => (a ?? 0) - (b ?? 0)))
    expect(new Set(revisions).size).toBe(revisions.length)
  })

  test('of another life of the tenant is not flapping because that one was', async () => {
    await admin('PUT', 'acme', {})
    await register()
    const flap = async (times: number) => {
      for (let i = 0; i < times; i++)
        await tenantObject('acme').observe('crm', {
          digest: `${i}`,
          toolsJson: JSON.stringify([tool, { name: `t${i}` }]),
        })
    }
    await flap(30)
    expect((await admin('DELETE', 'acme?wait_seconds=0')).status).toBe(200)
    await admin('PUT', 'acme', {})
    await register()
    await makeGrant('acme', 'bot', undefined, { servers: '*' })
    await flap(1)
    // A flapping server's news waits for the alarm.
    expect((await configured()).crm.seen).toEqual(['0'])
  })
})

describe('a grant', () => {
  const limited = {
    version: '1',
    default: 'allow',
    tools: { track_logout: { limits: [{ counter: 'c', window: 'day', max: 2, scope: 'grant' }] } },
  }
  const track = (token: string) => statelessCall('track_logout', { account_id: 'a' }, { token })

  /** Its principal does not hear that it is deleted. */
  async function deletedUnheard(): Promise<void> {
    await runInDurableObject(tenantObject('acme'), (instance) => {
      const deaf = { getByName: () => ({ revoke: () => Promise.reject(new Error('away')) }) }
      Object.assign(instance, { env: { ...env, PRINCIPAL: deaf } })
    })
    expect((await admin('DELETE', 'acme/grants/bot')).body).toMatchObject({ pending: 1 })
    await runInDurableObject(tenantObject('acme'), (instance) => {
      Object.assign(instance, { env })
    })
  }

  test.each([
    ['heard of', async () => void (await admin('DELETE', 'acme/grants/bot'))],
    ['not heard of', deletedUnheard],
  ])('has neither sessions nor counters of one whose end was %s', async (_, remove) => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const before = await makeGrant('acme', 'bot', limited)
    const session = await connect({ token: before })
    expect((await session.login('acct-1')).isError).toBe(false)
    await track(before)
    await track(before)
    expect((await track(before)).code).toBe('rate_limited')
    await remove()
    const after = await makeGrant('acme', 'bot', limited)
    expect(await rows('SELECT end_reason FROM sessions WHERE account IS NOT NULL', 'acme/bot')).toEqual([
      { end_reason: 'revoked' },
    ])
    expect(await rows("SELECT count(*) AS n FROM outbox WHERE id LIKE 'logout:%'", 'acme/bot')).toEqual([
      { n: 1 },
    ])
    expect((await track(before)).status).toBe(401)
    expect((await track(after)).isError).toBe(false)
    expect((await track(after)).isError).toBe(false)
    expect((await track(after)).code).toBe('rate_limited')
  })

  test('gets nothing back that the one before was charged', async () => {
    const before = await makeGrant('acme', 'bot', limited)
    await track(before)
    const [{ request_id: charged } = { request_id: '' }] = await rows<{ request_id: string }>(
      "SELECT request_id FROM audit WHERE decision = 'allow'",
      'acme/bot',
    )
    await admin('DELETE', 'acme/grants/bot')
    const after = await makeGrant('acme', 'bot', limited)
    await track(after)
    await track(after)
    // The call of the one before turns out not to have happened.
    await principal('acme/bot').refund(charged)
    expect((await track(after)).code).toBe('rate_limited')
    const [{ request_id: own } = { request_id: '' }] = await rows<{ request_id: string }>(
      "SELECT request_id FROM audit WHERE decision = 'allow' ORDER BY seq DESC LIMIT 1",
      'acme/bot',
    )
    await principal('acme/bot').refund(own)
    expect((await track(after)).isError).toBe(false)
  })

  test('that is only changed or rotated keeps both', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const token = await makeGrant('acme', 'bot', limited)
    const session = await connect({ token })
    await session.login('acct-1')
    await track(token)
    await admin('PUT', 'acme/grants/bot', { policy: 'bot', label: 'another' })
    const { body } = await admin('POST', 'acme/grants/bot/rotate', {})
    const next = String(body?.token)
    await track(next)
    expect((await track(next)).code).toBe('rate_limited')
    expect(await rows('SELECT end_reason FROM sessions WHERE account IS NOT NULL', 'acme/bot')).toEqual([
      { end_reason: null },
    ])
  })

  test('does not speak in the upstream sessions of a registration that is gone', async () => {
    await register()
    const token = await makeGrant('acme', 'bot', undefined, { servers: '*' })
    const { incarnation } = (await configured()).crm
    const credential = await shown(token.slice('gh_acme_bot_'.length))
    const bind = (id: string, more: Json) =>
      principal('acme/bot').bindUpstream({
        ...{
          credential,
          transport: null,
          login: null,
          owner: 'stateless:ab',
          server: 'crm',
          replaces: undefined,
        },
        ...{ url: 'https://crm.example.com/mcp', session: { id, protocolVersion: '2025-11-25' }, ...more },
      })
    expect(await bind('one', { incarnation })).toMatchObject({ kind: 'bound', session: { id: 'one' } })
    expect(await bind('two', { incarnation })).toMatchObject({ kind: 'bound', session: { id: 'one' } })
    await admin('DELETE', 'acme/servers/crm')
    await register()
    const now = (await configured()).crm.incarnation
    expect(await bind('three', { incarnation: now })).toMatchObject({
      kind: 'bound',
      session: { id: 'three' },
    })
    expect(
      await rows('SELECT upstream_id FROM upstream_sessions WHERE ended_at IS NULL', 'acme/bot'),
    ).toEqual([{ upstream_id: 'three' }])
  })
})

describe('a person', () => {
  test('is not told what one of the same name was answered', async () => {
    const key = { 'idempotency-key': 'k-1' }
    const before = await makePerson('acme', 'ana', 'admin')
    const first = await admin('PUT', 'acme/grants/bot', {}, before, key)
    expect(first.status).toBe(201)
    expect((await admin('PUT', 'acme/grants/bot', {}, before, key)).body).toEqual(first.body)
    await admin('DELETE', 'acme/people/ana')
    const after = await makePerson('acme', 'ana', 'admin')
    const again = await admin('PUT', 'acme/grants/bot', {}, after, key)
    expect([again.status, again.body?.token]).toEqual([200, undefined])
    expect((await admin('GET', 'acme/grants', undefined, before)).status).toBe(401)
  })
})

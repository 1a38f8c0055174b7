/**
 * The deployment's encryption key is replaced while everything that is sealed is in use: headers of servers, store tokens of
 * sessions, secrets of webhooks, answers that are kept for whoever repeats a request.
 */

import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest'
import { signedHeaders } from '../../src/webhooks/signature.ts'
import { ASKS } from '../approvals/support.ts'
import { admin, makeGrant, ROOT, tenantRows } from '../support/admin.ts'
import { fresh, type Json, principal, rows } from '../support/gateway.ts'
import {
  callWith,
  fetchWith,
  type Keys,
  NEW,
  NEW_AND_OLD,
  OLD,
  OLD_AND_NEW,
  objectsHave,
  principalHas,
} from '../support/keys.ts'
import { PATIENT } from '../support/patient.ts'

let world = ''
beforeEach(async () => {
  world = crypto.randomUUID()
  await fresh()
})
afterEach(() => vi.restoreAllMocks())

const CRM = 'https://crm.example.com/mcp'
const REVOKE = '/integration/customer/revoke-customer-token'
/** So long a step may take on a busy machine. */
const otherSide = () => inject('otherSide')

/** What the server was sent as authorization; everything else is asked for real. */
function upstream(): string[] {
  const sent: string[] = []
  const real = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const http = new Request(input as RequestInfo, init as RequestInit)
    if (http.url !== CRM) return real(input as RequestInfo, init as RequestInit)
    const message = (await http.json()) as { id: number; method: string }
    const answer = (result: object) =>
      Response.json({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', ...result } })
    const tools = [{ name: 'look', inputSchema: { type: 'object' } }]
    if (message.method === 'server/discover')
      return answer({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} } })
    if (message.method === 'tools/list') return answer({ tools, ttlMs: 0, cacheScope: 'private' })
    sent.push(http.headers.get('authorization') ?? '')
    return answer({ content: [{ type: 'text', text: 'done' }] })
  })
  return sent
}

interface Heard {
  readonly path: string
  readonly authorization: string
}
const heard = async (path: string) =>
  ((await (await fetch(`${otherSide()}/magento/${world}/heard`)).json()) as Heard[])
    .filter((it) => it.path === path)
    .map(({ authorization }) => authorization)
const hooks = async () =>
  (await (await fetch(`${otherSide()}/heard/${world}`)).json()) as {
    headers: Record<string, string>
    body: string
  }[]

/** The same creation again and again: an administrator whose answers get lost. */
async function create(keys: Keys): Promise<string> {
  const response = await fetchWith(keys, '/api/v1/tenants/acme/grants/kept', {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${ROOT}`,
      'content-type': 'application/json',
      'idempotency-key': 'once',
    },
    body: JSON.stringify({ policy: 'bot' }),
  })
  return String(((await response.json()) as Json).token)
}

/** What every object takes for the deployment's keys. */
const everybodyHas = async (keys: Keys) => {
  await objectsHave(keys)
  await principalHas(keys, 'acme/kept')
}

/** Ids of all keys that have sealed what is stored now. */
async function sealedBy(): Promise<string[]> {
  const stored = JSON.stringify([
    await tenantRows('acme', 'SELECT sealed FROM secrets'),
    await tenantRows('acme', 'SELECT headers FROM servers'),
    await tenantRows('acme', 'SELECT secret FROM webhooks'),
    await tenantRows('acme', 'SELECT sealed_seed, sealed_answer FROM repeats'),
    await rows('SELECT config FROM grants', 'acme/bot'),
    await rows('SELECT store_token FROM sessions', 'acme/bot'),
    await rows('SELECT store_token FROM revocations', 'acme/bot'),
  ])
  return [...new Set([...stored.matchAll(/v1\.(k\d)\./g)].map(([, id = '']) => id))].sort()
}

test('a key takes the place of another under load, and nothing fails, is lost or stays behind', async () => {
  const sent = upstream()
  const warned = vi.spyOn(console, 'warn')
  const failed = vi.spyOn(console, 'error')
  await admin('PUT', 'acme', {
    identity: {
      magento: [{ name: 'main', base_url: `${otherSide()}/magento/${world}/well`, customer: true }],
    },
  })
  await objectsHave(OLD)
  await admin('PUT', 'acme/secrets/crm', { value: 'one', origins: ['https://crm.example.com'] })
  await admin('PUT', 'acme/servers/crm', {
    url: CRM,
    era: 'stateless',
    headers: { authorization: { secret: 'crm', prefix: 'Bearer ' }, 'x-literal': 'abc' },
  })
  const hook = await admin('PUT', 'acme/webhooks/ops', { url: `${otherSide()}/heard/${world}/200` })
  const hookSecret = String(hook.body?.secret)
  const token = await makeGrant('acme', 'bot', ASKS, { sessions: 'many' })
  await objectsHave(OLD)
  const first = await create(OLD)

  // Isolates of Workers get new secrets one by one: half of them are a step behind.
  const isolates: Keys[] = [OLD, OLD]
  const load = { on: true, calls: 0, logins: 0, problems: [] as string[] }
  const ana = {
    provider: 'magento-customer',
    username: 'ana@shop.example',
    password: 'right-password-of-a-store',
  }
  const caller = async (isolate: 0 | 1) => {
    while (load.on) {
      load.calls += 1
      const result = await callWith(isolates[isolate] ?? OLD, token, 'look', {}, '/mcp/crm')
      if (!JSON.stringify(result).includes('"done"')) load.problems.push(`call: ${JSON.stringify(result)}`)
    }
  }
  const customer = async (isolate: 0 | 1) => {
    while (load.on) {
      load.logins += 1
      const login = await callWith(isolates[isolate] ?? OLD, token, 'auth_login', ana)
      const session = login?.structuredContent?.session
      if (typeof session !== 'string') load.problems.push(`login: ${JSON.stringify(login)}`)
      const logout = await callWith(isolates[isolate] ?? OLD, token, 'auth_logout', { session })
      if (logout === null || logout.isError) load.problems.push(`logout: ${JSON.stringify(logout)}`)
    }
  }
  const clients = [caller(0), caller(1), caller(0), caller(1), customer(0), customer(1)]
  /** Sessions that stay until the end: their tokens are what has to be sealed anew. */
  const kept: string[] = []
  let asked = 0
  const step = async (isolate0: Keys, isolate1: Keys) => {
    isolates.splice(0, 2, isolate0, isolate1)
    for (const keys of [isolate0, isolate1]) {
      const login = await callWith(keys, token, 'auth_login', ana)
      kept.push(String(login?.structuredContent?.session))
      expect(await create(keys)).toBe(first)
    }
    asked += 1
    await callWith(isolate0, token, 'track_logout', { account_id: `hook ${asked}` })
    await vi.waitFor(async () => expect(await hooks()).toHaveLength(asked), PATIENT)
    const [calls, logins] = [load.calls + 12, load.logins + 4]
    while (load.calls < calls || load.logins < logins) await scheduler.wait(1)
  }
  const rotate = async () => (await admin('POST', 'acme/secrets/rotate')).body

  try {
    await step(OLD, OLD)
    // 1. The new key behind the old one: from here on every part of the deployment can open what it seals.
    await step(OLD_AND_NEW, OLD)
    await everybodyHas(OLD_AND_NEW)
    await step(OLD_AND_NEW, OLD_AND_NEW)
    // 2. The new key first.
    await step(NEW_AND_OLD, OLD_AND_NEW)
    await everybodyHas(NEW_AND_OLD)
    await step(NEW_AND_OLD, OLD_AND_NEW)
    // 3. Everything is sealed anew, and once more when nobody seals with the old key any longer.
    expect(await rotate()).toMatchObject({ key: 'k2', stuck: 0, pending: 0, unknown: 0 })
    await step(NEW_AND_OLD, NEW_AND_OLD)
    await vi.waitFor(async () => {
      expect(await rotate()).toMatchObject({ key: 'k2', left: 0, stuck: 0, pending: 0, unknown: 0 })
      expect(await sealedBy()).toEqual(['k2'])
    }, PATIENT)
    // 4. The old key goes.
    await step(NEW, NEW_AND_OLD)
    await everybodyHas(NEW)
    await step(NEW, NEW)
  } finally {
    load.on = false
    await Promise.all(clients)
  }

  expect(load.problems).toEqual([])
  expect(new Set(sent)).toEqual(new Set(['Bearer one']))
  // Whoever logged in under whichever key has their token revoked, each once.
  for (const session of kept)
    expect((await callWith(NEW, token, 'auth_logout', { session }))?.isError).not.toBe(true)
  await vi.waitFor(async () => {
    await principal('acme/bot').drain()
    expect(await rows('SELECT * FROM revocations', 'acme/bot')).toEqual([])
  }, PATIENT)
  expect((await heard(REVOKE)).toSorted()).toEqual((await heard('/customers/me')).toSorted())
  expect(kept.length).toBe(2 * asked)
  // Receivers have not noticed: one secret has signed everything.
  for (const { headers, body } of await hooks()) {
    const { 'webhook-id': id = '', 'webhook-timestamp': at, 'webhook-signature': signature } = headers
    expect(
      (await signedHeaders([hookSecret], { id, atSeconds: Number(at), body }))['webhook-signature'],
    ).toBe(signature)
  }
  expect(await sealedBy()).toEqual(['k2'])
  const said = [...warned.mock.calls, ...failed.mock.calls].map(String)
  expect(said.filter((line) => /unreadable|not_revoked|not_resealed|unavailable|_failed/.test(line))).toEqual(
    [],
  )
}, 60_000)

/** What an approver sees of a call that waits, until somebody decides. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { judgedApproval } from '../../src/approvals/judged.ts'
import { admin, makeGrant, makePerson, tenantRows } from '../support/admin.ts'
import { fresh, type Json, principal, rows, statelessCall } from '../support/gateway.ts'
import { callWith, NEW, NEW_AND_OLD, OLD, objectsHave, principalHas } from '../support/keys.ts'
import { ASKS, decide, errorOf, told, track } from './support.ts'

const START = Date.parse('2030-01-01T10:00:00Z')
const NAME = 'acme/bot'
const SECRET = 'acct_4711-0815-values'

let token = ''

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  token = await makeGrant('acme', 'bot', ASKS)
})
afterEach(async () => {
  await told()
  vi.useRealTimers()
})

const ask = async (args: Json = { account_id: SECRET }) => errorOf(await track(token, args)).approval
const seen = async (id: string, who?: string) =>
  (await admin('GET', `acme/approvals/${id}`, undefined, who)).body
const kept = () => rows<{ sealed: string; expires_at: number }>('SELECT * FROM approval_contents', NAME)

describe('whoever may decide', () => {
  test('sees the values, who asks and since when', async () => {
    const id = await ask({ account_id: SECRET, ip: '192.0.2.1' })
    expect(await seen(id)).toMatchObject({
      id,
      state: 'pending',
      grant: 'bot',
      owner: null,
      account: null,
      client: { name: 'test', version: '1' },
      tool: 'track_logout',
      argument_names: ['account_id', 'ip'],
      requested_at: '2030-01-01T10:00:00.000Z',
      content: { arguments: { account_id: SECRET, ip: '192.0.2.1' }, meta: null, concealed: [], omitted: [] },
      no_content: null,
    })
  })

  test('is an approver, an admin or the owner of the deployment; others see what they saw', async () => {
    const id = await ask()
    for (const role of ['approver', 'admin'] as const)
      expect(await seen(id, await makePerson('acme', role, role))).toMatchObject({
        content: { arguments: { account_id: SECRET } },
      })
    for (const role of ['viewer', 'policy_manager'] as const) {
      const said = await seen(id, await makePerson('acme', role.replace('_', '-'), role))
      expect(said).toMatchObject({ id, argument_names: ['account_id'], arguments_hmac: expect.any(String) })
      expect(said).not.toHaveProperty('content')
      expect(said).not.toHaveProperty('no_content')
      expect(JSON.stringify(said)).not.toContain(SECRET)
    }
  })

  test('decides as an approver, who changes nothing else', async () => {
    const april = await makePerson('acme', 'april', 'approver')
    const id = await ask()
    const approved = await admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, april)
    expect(approved.body).toMatchObject({ state: 'approved', decided_by: 'person:april' })
    expect((await track(token, { account_id: SECRET })).isError).toBe(false)
    for (const [method, path] of [
      ['PUT', 'acme'],
      ['PUT', 'acme/policies/bot'],
      ['PUT', 'acme/grants/bot'],
      ['PUT', 'acme/people/april'],
      ['GET', 'acme/people'],
      ['GET', 'acme/secrets'],
      ['PUT', 'acme/servers/x'],
      ['POST', 'acme/grants/bot/rotate'],
      ['PUT', 'acme/webhooks/x'],
    ] as const)
      expect([path, (await admin(method, path, method === 'GET' ? undefined : {}, april)).status]).toEqual([
        path,
        403,
      ])
  })
})

describe('values', () => {
  test('are sealed, and nowhere else', async () => {
    const id = await ask()
    await told()
    const [row] = await kept()
    expect(row?.sealed).toMatch(/^v1\./)
    const everything = [
      await kept(),
      await rows('SELECT * FROM approvals', NAME),
      await rows('SELECT * FROM audit', NAME),
      await tenantRows('acme', 'SELECT * FROM approvals'),
      (await admin('GET', 'acme/approvals')).body,
    ]
    expect(JSON.stringify(everything)).not.toContain(SECRET)
    expect((await admin('GET', 'acme/approvals')).body).toMatchObject({ items: [{ id }] })
  })

  test.each(['approve', 'deny'] as const)('go with the decision: %s', async (decision) => {
    const id = await ask()
    expect(await kept()).toHaveLength(1)
    await decide(id, decision)
    expect(await kept()).toEqual([])
    expect(await seen(id)).toMatchObject({ content: null, no_content: expect.stringContaining('decided') })
    await track(token, { account_id: SECRET })
    expect(await kept()).toEqual([])
  })

  test('go with the time: at its end nobody sees them, and the alarm erases them', async () => {
    const id = await ask()
    await runDurableObjectAlarm(principal(NAME))
    vi.setSystemTime(START + 899_999)
    expect(await seen(id)).toMatchObject({ content: { arguments: { account_id: SECRET } } })
    vi.setSystemTime(START + 900_000)
    expect(await kept()).toHaveLength(1)
    expect(await seen(id)).toMatchObject({ content: null, no_content: expect.stringContaining('over') })
    expect(await runDurableObjectAlarm(principal(NAME))).toBe(true)
    expect(await kept()).toEqual([])
  })

  test.each([
    ['revoked', () => admin('DELETE', 'acme/grants/bot')],
    ['rotated', () => admin('POST', 'acme/grants/bot/rotate', { overlap_seconds: 0 })],
    ['suspended', () => admin('POST', 'acme/suspend')],
  ])('go with the grant that is %s', async (_, end) => {
    const id = await ask()
    expect((await end()).status).toBeLessThan(300)
    expect(await kept()).toEqual([])
    expect(await judgedApproval(env, 'acme', id)).toMatchObject({ content: null, absent: 'over' })
  })

  test('go with a grant whose time is over before that of the approval', async () => {
    const id = await ask()
    await admin('PUT', 'acme/grants/bot', { policy: 'bot', expires_at: '2030-01-01T10:01:00Z' })
    expect(await seen(id)).toMatchObject({ content: { arguments: {} } })
    vi.setSystemTime(START + 60_000)
    expect(await seen(id)).toMatchObject({ content: null })
    await runDurableObjectAlarm(principal(NAME))
    expect(await kept()).toEqual([])
  })

  test('are not kept without keys, which is said; they are once there are keys and the agent asks again', async () => {
    const none = { DEMO: 'false', ENCRYPTION_KEYS: '', NATIVE_SERVERS: 'session, legiti' }
    const held = await callWith(none, token, 'track_logout', { account_id: SECRET }, '/t/acme/mcp')
    const { approval: id } = errorOf({ structured: held?.structuredContent ?? {} })
    expect(await kept()).toEqual([])
    await principalHas(none)
    expect(await seen(id)).toMatchObject({
      content: null,
      no_content: expect.stringContaining('Set that secret'),
    })
    await principalHas({})
    expect(await seen(id)).toMatchObject({ no_content: expect.stringContaining('asks for it again') })
    expect(await ask()).not.toBe(id)
  })

  test('are sealed anew under another key, and without theirs it is said what is missing', async () => {
    await objectsHave(OLD)
    const held = await callWith(OLD, token, 'track_logout', { account_id: SECRET })
    const { approval: id } = errorOf({ structured: held?.structuredContent ?? {} })
    const sealedWith = async () => (await kept()).map(({ sealed }) => sealed.split('.')[1])
    expect([await sealedWith(), (await seen(id))?.content]).toMatchObject([
      ['k1'],
      { arguments: { account_id: SECRET } },
    ])
    await objectsHave(NEW)
    expect(await seen(id)).toMatchObject({ content: null, no_content: expect.stringContaining('None of') })
    await objectsHave(NEW_AND_OLD)
    expect((await admin('POST', 'acme/secrets/rotate')).body).toMatchObject({ resealed: 1, left: 0 })
    expect(await sealedWith()).toEqual(['k2'])
    await objectsHave(NEW)
    expect(await seen(id)).toMatchObject({ content: { arguments: { account_id: SECRET } }, no_content: null })
    await decide(id, 'approve')
    expect(await kept()).toEqual([])
    await objectsHave({})
  })

  test('are kept anew when the call is asked for again: without what the policy conceals by then', async () => {
    const id = await ask()
    const rules = { ...ASKS.tools.track_logout, conceal: ['args'] }
    await admin('PUT', 'acme/policies/bot', { ...ASKS, tools: { track_logout: rules } })
    expect(await seen(id)).toMatchObject({ content: { arguments: { account_id: SECRET } } })
    expect(await ask()).toBe(id)
    expect(await seen(id)).toMatchObject({
      content: { arguments: { account_id: '(concealed string)' }, concealed: ['args'] },
    })
    expect(await kept()).toHaveLength(1)
  })

  test('of another tenant, grant or call do not open in their place', async () => {
    const id = await ask()
    const other = await ask({ account_id: 'acct_another_one' })
    await runInDurableObject(principal(NAME), (_, { storage }) => {
      const swap = `UPDATE approval_contents SET sealed = (SELECT sealed FROM approval_contents WHERE approval = '${other}')`
      storage.sql.exec(`${swap} WHERE approval = '${id}'`)
    })
    expect(await seen(id)).toMatchObject({ content: null })
    expect(await seen(other)).toMatchObject({ content: { arguments: { account_id: 'acct_another_one' } } })
    const stranger = await makePerson('globex', 'eve', 'admin')
    expect((await admin('GET', `globex/approvals/${id}`, undefined, stranger)).status).toBe(404)
    expect((await admin('GET', `acme/approvals/${id}`, undefined, stranger)).status).toBe(401)
  })

  test('stay for another try where the decision was refused', async () => {
    await admin('PUT', 'acme/people/ana', { role: 'admin' })
    await admin('PUT', 'acme/grants/bot', { policy: 'bot', owner: 'ana' })
    const { body } = await admin('POST', 'acme/people/ana/token', {})
    const id = await ask()
    const own = await admin('POST', `acme/approvals/${id}`, { decision: 'approve' }, String(body?.token))
    expect(own.status).toBe(403)
    expect(await seen(id)).toMatchObject({ owner: 'ana', content: { arguments: { account_id: SECRET } } })
    expect(
      (await admin('POST', `acme/approvals/${id}`, { decision: 'deny' }, String(body?.token))).status,
    ).toBe(200)
    expect(await kept()).toEqual([])
  })

  test('are decided about once, whoever decides at the same time', async () => {
    const id = await ask()
    const decisions = await Promise.all((['approve', 'deny', 'approve'] as const).map((it) => decide(id, it)))
    expect(decisions.map(({ status }) => status)).toContain(200)
    expect(await kept()).toEqual([])
    await track(token, { account_id: SECRET })
    expect(await kept()).toEqual([])
  })

  test('that the policy conceals are nowhere, and still tell calls apart', async () => {
    const rules = { ...ASKS.tools.track_logout, conceal: ['args.ip', 'args.account_id.nothing'] }
    const two = await makeGrant('acme', 'two', { ...ASKS, tools: { track_logout: rules } })
    const hidden = '203.0.113.77'
    const { approval: id } = errorOf(await track(two, { account_id: SECRET, ip: hidden }))
    const found = await judgedApproval(env, 'acme', id)
    // A path that goes on below a text conceals the text.
    expect(found?.content).toEqual({
      arguments: { account_id: '(concealed string)', ip: '(concealed string)' },
      meta: null,
      concealed: ['args.ip', 'args.account_id'],
      omitted: [],
    })
    expect(JSON.stringify(await seen(id))).not.toContain(hidden)
    const { approval: other } = errorOf(await track(two, { account_id: SECRET, ip: '203.0.113.78' }))
    expect(other).not.toBe(id)
    await decide(id, 'approve')
    expect((await track(two, { account_id: SECRET, ip: '203.0.113.78' })).isError).toBe(true)
    expect((await track(two, { account_id: SECRET, ip: hidden })).isError).toBe(false)
    await told('acme/two')
  })

  test('of a login never include what opens something', async () => {
    const { d: _, ...publicKey } = JSON.parse(inject('signingKey')) as Record<string, unknown>
    const jwt = [{ issuer: 'https://id.acme.example', audience: ['gatehouse'], jwks: { keys: [publicKey] } }]
    await admin('PUT', 'acme', { identity: { jwt } })
    const asks = { ...ASKS, tools: { auth_login: { require_approval: [{ conditions: [] }] } } }
    const two = await makeGrant('acme', 'two', asks)
    const proof = await signed()
    const { approval: id } = errorOf(
      await statelessCall('auth_login', { provider: 'jwt', token: proof }, { token: two }),
    )
    const said = await seen(id)
    expect(said).toMatchObject({
      content: { arguments: { provider: 'jwt', token: '(concealed string)' }, concealed: ['args.token'] },
    })
    await told('acme/two')
  })
})

/** A token of an issuer that the tenant knows. */
async function signed(): Promise<string> {
  const jwk = JSON.parse(inject('signingKey')) as JsonWebKey & { kid: string; alg: string }
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
  ])
  return new SignJWT({ sub: 'ana' })
    .setIssuer('https://id.acme.example')
    .setAudience('gatehouse')
    .setExpirationTime('5m')
    .setProtectedHeader({ alg: jwk.alg, kid: jwk.kid })
    .sign(key)
}

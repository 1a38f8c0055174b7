/** Event streams: what they tell, when they end, and that an idle one keeps no object in memory. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { PrincipalObject } from '../../src/principal/object.ts'
import { admin, makeGrant } from '../support/admin.ts'
import { Events, listen } from '../support/events.ts'
import {
  connect,
  envelope,
  fresh,
  installGrant,
  open,
  principal,
  request,
  type SessionClient,
  STATELESS,
  settled,
} from '../support/gateway.ts'

beforeEach(fresh)

const alarmMs = (name: string) =>
  runInDurableObject(principal(name), async (_, { storage }) => Number(await storage.getAlarm()))
const hides = (...hide: string[]) => ({ version: '1', default: 'allow', hide })

async function subscribe(token: string, notifications: Record<string, unknown>): Promise<Events> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'subscriptions/listen',
  }
  const message = request('subscriptions/listen', { notifications, _meta: envelope })
  return new Events(await open('POST', '/mcp', token, headers, message))
}

const CHANGED = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

describe('GET, session era', () => {
  test('tells that the tools have changed', async () => {
    const token = await installGrant('acme', 'bot')
    const client = await connect({ token })
    const events = await listen(client)
    await installGrant('acme', 'bot', { policy: hides('track_logout') })
    expect(await events.next()).toEqual(CHANGED)
    await events.close()
  })

  test('does so after its object was evicted in between', async () => {
    const token = await installGrant('acme', 'bot')
    const events = await listen(await connect({ token }))
    await evictDurableObject(principal('acme/bot'))
    await installGrant('acme', 'bot', { policy: hides('track_logout') })
    expect(await events.next()).toEqual(CHANGED)
    await events.close()
  })

  test('says it at once when they changed while no stream was open', async () => {
    const token = await installGrant('acme', 'bot')
    const client = await connect({ token })
    await client.request('tools/list')
    await installGrant('acme', 'bot', { policy: hides('track_logout') })
    const events = await listen(client)
    expect(await events.next()).toEqual(CHANGED)
    await events.close()
  })

  test('says nothing when the same configuration is installed again', async () => {
    const token = await installGrant('acme', 'bot')
    const client = await connect({ token })
    const events = await listen(client)
    await installGrant('acme', 'bot')
    await client.delete()
    await settled('acme/bot')
    expect(await events.next()).toBeNull()
  })

  test('of two streams of one session, one is told', async () => {
    const token = await installGrant('acme', 'bot')
    const client = await connect({ token })
    const [first, second] = [await listen(client), await listen(client)]
    await installGrant('acme', 'bot', { policy: hides('track_logout') })
    await client.delete()
    await settled('acme/bot')
    expect([await first.next(), await second.next()].filter((event) => event !== null)).toEqual([CHANGED])
  })

  test('ends with DELETE', async () => {
    const client = await connect()
    await client.login('ana')
    const events = await listen(client)
    await client.delete()
    await settled()
    expect(await events.next()).toBeNull()
  })

  test.each<[string, (client: SessionClient) => Promise<unknown>]>([
    ['a login rotates the session', (client) => client.login('bea')],
    ['a logout ends it', (client) => client.call('auth_logout')],
    ['an administrator ends it', () => principal('acme/bot').endSessions({ kind: 'all' })],
  ])('goes on when %s', async (_, happen) => {
    const token = await installGrant('acme', 'bot')
    const client = await connect({ token })
    await client.login('ana')
    const events = await listen(client)
    await happen(client)
    await settled('acme/bot')
    await installGrant('acme', 'bot', { policy: hides('track_logout') })
    expect(await events.next()).toEqual(CHANGED)
    await events.close()
  })

  test('ends when the secret that opened it is replaced', async () => {
    const token = await installGrant('acme', 'bot')
    const events = await listen(await connect({ token }))
    await installGrant('acme', 'bot', { secret: 'another-secret-altogether' })
    expect(await events.next()).toBeNull()
  })

  test('ends when the grant expires', async () => {
    const token = await installGrant('acme', 'bot', { expiresAtMs: Date.now() + 60_000 })
    const [events, other] = [
      await listen(await connect({ token })),
      await subscribe(token, { toolsListChanged: true }),
    ]
    await other.next()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    expect(await runDurableObjectAlarm(principal('acme/bot'))).toBe(true)
    vi.useRealTimers()
    expect([await events.next(), await other.next()]).toEqual([null, null])
  })

  test('ends when the grant expires, though that was said after it was opened', async () => {
    const token = await installGrant('acme', 'bot')
    const events = await listen(await connect({ token }))
    await installGrant('acme', 'bot', { expiresAtMs: Date.now() + 60_000 })
    expect(await alarmMs('acme/bot')).toBeLessThanOrEqual(Date.now() + 60_000)
    await runDurableObjectAlarm(principal('acme/bot'))
    // What rings earlier does not make it forget.
    expect(await alarmMs('acme/bot')).toBeLessThanOrEqual(Date.now() + 60_000)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
    expect(await runDurableObjectAlarm(principal('acme/bot'))).toBe(true)
    vi.useRealTimers()
    expect(await events.next()).toBeNull()
  })

  test('of everything ends where the principal cannot be asked what it may hear', async () => {
    const token = await installGrant('acme', 'bot')
    const events = await listen(await connect({ token }))
    const away = vi.spyOn(PrincipalObject.prototype, 'admit').mockRejectedValue(new Error('away'))
    await installGrant('acme', 'bot', { policy: hides('track_logout') })
    expect(await events.next()).toMatchObject(CHANGED)
    expect(await events.next()).toBeNull()
    away.mockRestore()
  })

  test('ends with the revocation of the grant', async () => {
    const token = await installGrant('acme', 'bot')
    const events = await listen(await connect({ token }))
    await principal('acme/bot').revoke()
    expect(await events.next()).toBeNull()
  })
})

describe('subscriptions/listen, stateless era', () => {
  test('of servers ends where the principal cannot be asked what it may hear', async () => {
    await admin('PUT', 'acme/servers/crm', { url: 'http://127.0.0.1:9/mcp' })
    const events = await subscribe(await makeGrant('acme', 'bot'), { toolsListChanged: true })
    expect(await events.next()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' })
    const away = vi.spyOn(PrincipalObject.prototype, 'admit').mockRejectedValue(new Error('away'))
    await admin('PUT', 'acme/policies/bot', hides('track_logout'))
    expect(await events.next()).toMatchObject(CHANGED)
    expect(await events.next()).toBeNull()
    away.mockRestore()
  })

  test('acknowledges, and tells that the tools have changed', async () => {
    const token = await installGrant('acme', 'bot')
    const events = await subscribe(token, { toolsListChanged: true })
    expect(await events.next()).toMatchObject({ method: 'notifications/subscriptions/acknowledged' })
    await installGrant('acme', 'bot', { policy: hides('track_logout') })
    expect(await events.next()).toMatchObject(CHANGED)
    await events.close()
  })

  test('ends with the revocation of the grant', async () => {
    const token = await installGrant('acme', 'bot')
    const events = await subscribe(token, { toolsListChanged: true })
    await events.next()
    await principal('acme/bot').revoke()
    expect(await events.next()).toBeNull()
  })

  test('of a token that is no good is 401', async () => {
    const headers = {
      'content-type': 'application/json',
      'mcp-protocol-version': STATELESS,
      'mcp-method': 'subscriptions/listen',
    }
    const message = request('subscriptions/listen', { notifications: {}, _meta: envelope })
    expect((await open('POST', '/mcp', 'gh_acme_bot_no-such-secret-here', headers, message)).status).toBe(401)
  })

  test('that does not say what it wants is refused', async () => {
    const token = await installGrant('acme', 'bot')
    const headers = {
      'content-type': 'application/json',
      'mcp-protocol-version': STATELESS,
      'mcp-method': 'subscriptions/listen',
    }
    const response = await open(
      'POST',
      '/mcp',
      token,
      headers,
      request('subscriptions/listen', { _meta: envelope }),
    )
    expect(await response.json()).toMatchObject({ error: { code: -32602 } })
  })
})

/** Accounts of Magento 2 stores: who may log in, what becomes of the store's token, and stores that are not well. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { PrincipalObject } from '../../../src/principal/object.ts'
import { REVOCATION_RETRY_MS } from '../../../src/principal/work/sessions-revoking.ts'
import { MAGENTO_TIMEOUT_MS } from '../../../src/stores/magento-http.ts'
import { admin, adminWith } from '../../support/admin.ts'
import {
  connect,
  fresh,
  installGrant,
  type Json,
  principal,
  received,
  rows,
  settled,
  statelessCall,
} from '../../support/gateway.ts'
import { PATIENT } from '../../support/patient.ts'

/** One request as the store got it. */
interface MagentoHeard {
  readonly path: string
  readonly authorization: string | null
}

let world = ''
beforeEach(async () => {
  world = crypto.randomUUID()
  await fresh()
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const PRINCIPAL = 'acme/bot'
const baseUrl = (behaviour: string) => `${inject('otherSide')}/magento/${world}/${behaviour}`
const store = (behaviour = 'well', more: Json = {}) => ({
  name: 'main',
  base_url: baseUrl(behaviour),
  customer: true,
  admin: true,
  ...more,
})
const withStores = (...magento: Json[]) =>
  installGrant('acme', 'bot', { settings: { identity: { magento } } })
const ana = {
  provider: 'magento-customer',
  username: 'ana@shop.example',
  password: 'right-password-of-a-store',
}
const root = { provider: 'magento-admin', username: 'root', password: 'right-password-of-a-store' }
const login = (token: string, args: Json) => statelessCall('auth_login', args, { token })

async function heard(): Promise<MagentoHeard[]> {
  const response = await fetch(`${inject('otherSide')}/magento/${world}/heard`)
  return response.json<MagentoHeard[]>()
}
const paths = async () => (await heard()).map(({ path }) => path)

/** All that this principal stores, as text. */
async function stored(): Promise<string> {
  const tables = ['sessions', 'audit', 'outbox', 'revocations', 'grants']
  return JSON.stringify(await Promise.all(tables.map((table) => rows(`SELECT * FROM ${table}`, PRINCIPAL))))
}

describe('a customer', () => {
  test('logs in with name and password, and is the id that the store has for them', async () => {
    const token = await withStores(store())
    const { structured } = await login(token, { ...ana, username: ' ANA@shop.example ' })
    expect(structured).toMatchObject({ account: '42', provider: 'magento-customer' })
    expect(await paths()).toEqual(['/integration/customer/token', '/customers/me'])
  })

  test('of one of several stores is told apart by its prefix', async () => {
    const second = store('well', { name: 'second', account_prefix: 'second:' })
    const token = await withStores(store(), second)
    expect((await login(token, ana)).text).toContain('store: allowed: main, second')
    const { structured } = await login(token, { ...ana, store: 'second' })
    expect(structured).toMatchObject({ account: 'second:42' })
  })

  test('whose session ends has the token revoked, once, and Legiti told', async () => {
    const client = await connect({ token: await withStores(store()) })
    expect((await client.call('auth_login', ana)).isError).toBe(false)
    const [kept] = await rows<{ store_token: string }>('SELECT store_token FROM sessions', PRINCIPAL)
    expect(kept?.store_token).toMatch(/^v1\./)
    await client.call('auth_logout')
    await settled(PRINCIPAL)
    const issued = (await heard()).find(({ path }) => path === '/customers/me')?.authorization
    const revoked = (await heard()).filter(({ path }) => path.endsWith('revoke-customer-token'))
    expect(revoked.map(({ authorization }) => authorization)).toEqual([issued])
    expect(await rows('SELECT store_token FROM sessions', PRINCIPAL)).toEqual([{ store_token: null }])
    expect(await rows('SELECT * FROM revocations', PRINCIPAL)).toEqual([])
    expect((await received()).at(-1)?.body).toEqual({ account_id: '42', action: 'logout' })
  })

  test.each(['rotated', 'deleted', 'revoked'])(
    'has the token revoked when the session is %s',
    async (how) => {
      const client = await connect({ token: await withStores(store()) })
      await client.call('auth_login', ana)
      if (how === 'rotated') await client.call('auth_login', ana)
      if (how === 'deleted') await client.delete()
      if (how === 'revoked') await principal(PRINCIPAL).revoke()
      await settled(PRINCIPAL)
      expect((await paths()).filter((path) => path.endsWith('revoke-customer-token'))).toHaveLength(1)
    },
  )
})

describe('an administrator', () => {
  test('is the user name, in one spelling, and nothing of the store’s token is kept', async () => {
    const token = await withStores(store())
    expect((await login(token, { ...root, username: 'Root' })).structured).toMatchObject({
      account: 'root',
      provider: 'magento-admin',
    })
    expect(await rows('SELECT store_token FROM sessions', PRINCIPAL)).toEqual([{ store_token: null }])
  })

  test('whose name is not ASCII is not asked after: stores take several spellings for one', async () => {
    const token = await withStores(store())
    expect((await login(token, { ...root, username: 'röot' })).code).toBe('login_failed')
    expect(await paths()).toEqual([])
  })

  test('of whom the store wants a second factor hears so, in whatever language the store says it', async () => {
    const refused = await login(await withStores(store('factor')), root)
    expect([refused.code, refused.text]).toEqual(['login_failed', expect.stringContaining('second factor')])
    const wrong = await login(await withStores(store('factor')), { ...root, password: 'wrong' })
    expect(wrong.text).not.toContain('second factor')
  })
})

describe('what is refused', () => {
  test('an unknown name and a wrong password are answered alike, and both are told to Legiti', async () => {
    const token = await withStores(store())
    const wrong = await login(token, { ...ana, password: 'wrong' })
    const unknown = await login(token, { ...ana, username: 'bea@shop.example' })
    expect(wrong.code).toBe('login_failed')
    expect(unknown.body?.result).toEqual(wrong.body?.result)
    await settled(PRINCIPAL)
    expect((await received()).map(({ body }) => body)).toEqual([
      { account_id: 'ana@shop.example', action: 'login', success: false },
      { account_id: 'bea@shop.example', action: 'login', success: false },
    ])
    expect(await rows('SELECT id FROM sessions', PRINCIPAL)).toEqual([])
  })

  test.each<[string, Json, string]>([
    ['no password', { provider: 'magento-customer', username: 'a' }, 'username and password'],
    ['a token as well', { ...ana, token: 'x' }, 'not account_id, token'],
    ['an account as well', { ...root, account_id: 'x' }, 'not account_id, token'],
    [
      'a password for a JWT',
      { provider: 'jwt', token: 'x', password: 'right-password-of-a-store' },
      'token and not',
    ],
  ])('a login with %s', async (_, args, words) => {
    const refused = await login(await withStores(store()), args)
    expect([refused.code, refused.text]).toEqual(['invalid_arguments', expect.stringContaining(words)])
    expect(await paths()).toEqual([])
  })

  test('a provider that no store of the tenant is for', async () => {
    const token = await withStores(store('well', { admin: false }))
    expect((await login(token, root)).text).toContain('no store for the provider "magento-admin"')
    expect((await login(token, { ...ana, store: 'https://evil.example' })).text).toContain('allowed: main')
    expect(await paths()).toEqual([])
  })

  test('a password is not tried beyond the limits of auth_login', async () => {
    const policy = {
      version: '1',
      default: 'allow',
      tools: { auth_login: { limits: [{ counter: 'logins', window: 'minute', max: 2, scope: 'grant' }] } },
    }
    const settings = { identity: { magento: [store()] } }
    const token = await installGrant('acme', 'bot', { settings, policy })
    for (let i = 0; i < 4; i++) await login(token, { ...ana, password: `guess ${i}` })
    expect(await paths()).toHaveLength(2)
  })
})

describe('a store that is not well', () => {
  test.each(['down', 'html', 'huge', 'number', 'redirect', 'other', 'nobody'])(
    '(%s) lets nobody in',
    async (how) => {
      const token = await withStores(store(how))
      const refused = await login(token, ana)
      expect([refused.code, refused.text]).toEqual([
        'login_failed',
        expect.stringContaining('try again later'),
      ])
      expect(await rows('SELECT id FROM sessions', PRINCIPAL)).toEqual([])
      await settled(PRINCIPAL)
      // Nobody has tried a wrong password.
      expect(await received()).toEqual([])
      // A token that is of no use is not left lying about; and nothing was sent where the store would lead it.
      const revoked = (await paths()).filter((path) => path.endsWith('revoke-customer-token')).length
      expect([(await paths()).length, revoked]).toEqual(how === 'other' || how === 'nobody' ? [3, 1] : [1, 0])
    },
  )

  test('that never answers is not waited for without end', async () => {
    const token = await withStores(store('hang'))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const pending = login(token, ana)
    await vi.waitFor(async () => expect(await paths()).toHaveLength(1), PATIENT)
    await vi.advanceTimersByTimeAsync(MAGENTO_TIMEOUT_MS)
    expect((await pending).text).toContain('try again later')
  })

  test('and cannot revoke is asked a few times, then its token is let go', async () => {
    const client = await connect({ token: await withStores(store('unrevoked')) })
    await client.call('auth_login', ana)
    vi.useFakeTimers({ toFake: ['Date'] })
    await client.call('auth_logout')
    for (let i = 0; i < 6; i++) {
      await settled(PRINCIPAL)
      vi.setSystemTime(Date.now() + REVOCATION_RETRY_MS)
    }
    expect((await paths()).filter((path) => path.endsWith('revoke-customer-token'))).toHaveLength(4)
    expect(await rows('SELECT * FROM revocations', PRINCIPAL)).toEqual([])
  })

  test('does not keep the logout from Legiti while it is silent', async () => {
    const client = await connect({ token: await withStores(store('stuck')) })
    await client.call('auth_login', ana)
    await client.call('auth_logout')
    await vi.waitFor(async () => {
      const bodies = (await received()).map(({ body }) => body)
      expect(bodies).toContainEqual({ account_id: '42', action: 'logout' })
    }, PATIENT)
    expect(await rows('SELECT tries FROM revocations', PRINCIPAL)).toEqual([{ tries: 1 }])
    await fetch(baseUrl('release'))
    await settled(PRINCIPAL)
    expect(await rows('SELECT tries FROM revocations', PRINCIPAL)).toEqual([])
  })
})

describe('what is kept', () => {
  test('neither password nor token is stored or logged, whatever the store does', async () => {
    const logged: string[] = []
    for (const level of ['info', 'warn', 'error'] as const)
      vi.spyOn(console, level).mockImplementation((...words) => void logged.push(words.join(' ')))
    const secret = `p-${crypto.randomUUID()}`
    for (const how of ['well', 'other', 'unrevoked', 'html', 'down']) {
      const token = await withStores(store(how))
      await login(token, ana)
      await login(token, { ...ana, password: secret })
    }
    await settled(PRINCIPAL)
    const tokens = (await heard()).flatMap(({ authorization }) => authorization?.slice(7) ?? [])
    expect(tokens.length).toBeGreaterThan(2)
    const all = (await stored()) + logged.join('\n')
    for (const it of [secret, ...tokens]) expect(all).not.toContain(it)
    expect(all).not.toContain('"right"')
  })

  test('a run that died after the logout revokes when it wakes', async () => {
    const client = await connect({ token: await withStores(store()) })
    await client.call('auth_login', ana)
    // The end is written down; what would follow it never comes to run.
    vi.spyOn(PrincipalObject.prototype, 'drain').mockResolvedValue()
    await client.call('auth_logout')
    expect((await paths()).filter((path) => path.endsWith('revoke-customer-token'))).toEqual([])
    vi.restoreAllMocks()
    await evictDurableObject(principal(PRINCIPAL))
    await runDurableObjectAlarm(principal(PRINCIPAL))
    await vi.waitFor(
      async () =>
        expect((await paths()).filter((path) => path.endsWith('revoke-customer-token'))).toHaveLength(1),
      PATIENT,
    )
  })

  test('a token that does not open any more is logged, and never in words', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const client = await connect({ token: await withStores(store()) })
    await client.call('auth_login', ana)
    await runInDurableObject(principal(PRINCIPAL), (_, { storage }) => {
      storage.sql.exec(`UPDATE sessions SET store_token = replace(store_token, 'v1.', 'v1.gone-')`)
    })
    vi.useFakeTimers({ toFake: ['Date'] })
    await client.call('auth_logout')
    for (let i = 0; i < 4; i++) {
      await settled(PRINCIPAL)
      vi.setSystemTime(Date.now() + REVOCATION_RETRY_MS)
    }
    expect((await paths()).filter((path) => path.endsWith('revoke-customer-token'))).toEqual([])
    expect(await rows('SELECT * FROM revocations', PRINCIPAL)).toEqual([])
    const said = warn.mock.calls.map(String).filter((line) => line.includes('token_not_revoked'))
    expect(said).toEqual([
      '{"principal":"acme/bot","store":"main","reason":"unknown_key","level":"warn","event":"magento.token_not_revoked"}',
    ])
  })

  test('a store that has moved does not get the token of the one before', async () => {
    const client = await connect({ token: await withStores(store()) })
    await client.call('auth_login', ana)
    const moved = baseUrl('well').replace('127.0.0.1', 'localhost')
    await withStores({ ...store(), base_url: moved })
    await client.call('auth_logout')
    await settled(PRINCIPAL)
    expect((await paths()).filter((path) => path.endsWith('revoke-customer-token'))).toEqual([])
    expect(await rows('SELECT * FROM revocations', PRINCIPAL)).toEqual([])
  })
})

describe('the setting', () => {
  const put = (magento: unknown, bindings = {}) =>
    adminWith(bindings, 'PUT', 'acme', { identity: { magento: [magento] } })
  const shop = { name: 'main', base_url: 'https://shop.example.com', customer: true }
  const strict = { ALLOW_PRIVATE_UPSTREAMS: 'false', RESOLVER_URL: '' }

  test.each<[string, Json]>([
    ['an address with a password', { base_url: 'https://a:b@shop.example.com' }],
    ['an address with a query', { base_url: 'https://shop.example.com/?a=b' }],
    ['another scheme', { base_url: 'ftp://shop.example.com' }],
    ['a name with a slash', { name: 'a/b' }],
    ['nobody who may log in', { customer: false }],
  ])('refuses %s', async (_, wrong) => {
    expect((await put({ ...shop, ...wrong })).status).toBe(422)
  })

  test.each([
    ['http', 'http://shop.example.com', '/identity/magento/0/base_url: found http'],
    ['a private address', 'https://10.0.0.1', 'private address'],
    ['this machine', 'https://localhost', 'a name of this machine'],
  ])('refuses %s, unless private addresses are allowed', async (_, base_url, words) => {
    const refused = await put({ ...shop, base_url }, strict)
    expect([refused.status, refused.body?.detail]).toEqual([422, expect.stringContaining(words)])
    expect((await put({ ...shop, base_url })).status).toBe(201)
  })

  test('refuses a name that resolves to a private address', async () => {
    const resolver = (address: string) => ({
      ...strict,
      RESOLVER_URL: `${inject('otherSide')}/dns/${address}/q`,
    })
    const refused = await put(shop, resolver('10.0.0.1'))
    expect([refused.status, refused.body?.detail]).toEqual([
      422,
      expect.stringContaining('/identity/magento/0'),
    ])
    expect((await put(shop, resolver('93.184.216.34'))).status).toBe(201)
  })

  test('has each name once', async () => {
    const answer = await admin('PUT', 'acme', { identity: { magento: [shop, shop] } })
    expect([answer.status, answer.body?.detail]).toEqual([422, expect.stringContaining('each name once')])
  })
})

/** Whose account an agent may act for, and how it shows. */
import { env } from 'cloudflare:workers'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { tenantConfig } from '../../../src/contract/config.ts'
import { jwtProof } from '../../../src/servers/session/providers/jwt.ts'
import { admin, adminWith } from '../../support/admin.ts'
import {
  fresh,
  installGrant,
  received,
  rows,
  settled,
  stateless,
  statelessCall,
} from '../../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.restoreAllMocks()
})

const ISSUER = 'https://id.acme.example'
const AUDIENCE = 'gatehouse'
const key = () => JSON.parse(inject('signingKey')) as JsonWebKey & { kid: string; alg: string }

const withKeysAt = (path: string) => ({
  identity: {
    jwt: [{ issuer: ISSUER, audience: [AUDIENCE, 'other'], jwks_uri: `${inject('otherSide')}/${path}` }],
  },
})

interface Claims {
  iss?: string
  aud?: string | string[]
  sub?: unknown
  exp?: number | string
  nbf?: number | string
}

async function sign(claims: Claims = {}, header: Record<string, unknown> = {}): Promise<string> {
  const { iss = ISSUER, aud = AUDIENCE, exp = '5m', nbf, ...rest } = { sub: 'ana', ...claims }
  const { kid, alg } = key()
  const jwt = new SignJWT(rest as Record<string, unknown>)
    .setIssuer(iss)
    .setAudience(aud)
    .setExpirationTime(exp)
  if (nbf !== undefined) jwt.setNotBefore(nbf)
  const cryptoKey = await crypto.subtle.importKey(
    'jwk',
    key(),
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['sign'],
  )
  return jwt.setProtectedHeader({ alg, kid, ...header }).sign(cryptoKey)
}

const login = (token: string, args: Record<string, unknown>) => statelessCall('auth_login', args, { token })

describe('provider jwt', () => {
  test('the account is the sub of a token that is right in every part', async () => {
    const token = await installGrant('acme', 'bot', { settings: withKeysAt('keys') })
    const { structured } = await login(token, { provider: 'jwt', token: await sign() })
    expect(structured).toMatchObject({ account: 'ana', provider: 'jwt' })
  })

  test('keys may also be part of the configuration', async () => {
    const { d: _, ...publicKey } = key() as unknown as Record<string, unknown>
    const settings = {
      identity: { jwt: [{ issuer: ISSUER, audience: [AUDIENCE], jwks: { keys: [publicKey] } }] },
    }
    const token = await installGrant('acme', 'bot', { settings })
    expect((await login(token, { provider: 'jwt', token: await sign() })).structured).toMatchObject({
      account: 'ana',
    })
  })

  test.each<[string, () => Promise<string>, RegExp]>([
    ['another issuer', () => sign({ iss: 'https://evil.example' }), /configured issuer/],
    ['another audience', () => sign({ aud: 'someone-else' }), /"aud"/],
    ['an expiry in the past', () => sign({ exp: '-1m' }), /expired/],
    ['a start in the future', () => sign({ nbf: '5m' }), /"nbf"/],
    ['no sub', () => sign({ sub: undefined }), /"sub"/],
    ['an empty sub', () => sign({ sub: '' }), /sub/],
    ['a sub that is a number', () => sign({ sub: 5 }), /sub/],
    ['a sub of 300 characters', () => sign({ sub: 'x'.repeat(300) }), /sub/],
    ['an unknown key', () => sign({}, { kid: 'two' }), /no such key/],
    ['a changed payload', async () => tampered(await sign()), /signature/],
    ['no signature (alg none)', async () => unsigned(await sign()), /algorithm|JWT/],
    ['no structure', async () => 'a.b.c', /configured issuer/],
  ])('a token with %s is refused', async (_, make, words) => {
    const token = await installGrant('acme', 'bot', { settings: withKeysAt('keys') })
    const refused = await login(token, { provider: 'jwt', token: await make() })
    expect([refused.isError, refused.code]).toEqual([true, 'login_failed'])
    expect(refused.text).toMatch(words)
    expect(await rows('SELECT id FROM sessions', 'acme/bot')).toEqual([])
  })

  test('of two configurations of one issuer, either will do', async () => {
    const [good] = withKeysAt('keys').identity.jwt
    const other = { ...good, audience: ['someone-else'] }
    const token = await installGrant('acme', 'bot', { settings: { identity: { jwt: [other, good] } } })
    expect((await login(token, { provider: 'jwt', token: await sign() })).structured).toMatchObject({
      account: 'ana',
    })
  })

  test('a token of an issuer that nobody here knows names no account', async () => {
    const token = await installGrant('acme', 'bot', { settings: withKeysAt('keys') })
    await login(token, {
      provider: 'jwt',
      token: await sign({ iss: 'https://nobody.example', sub: 'victim' }),
    })
    await settled('acme/bot')
    expect(await received()).toEqual([])
  })

  test('a tenant without an issuer accepts no token', async () => {
    const token = await installGrant('acme', 'bot', { settings: {} })
    expect((await login(token, { provider: 'jwt', token: await sign() })).text).toContain(
      'no issuer configured',
    )
  })

  test('an issuer whose keys cannot be had lets nobody in', async () => {
    const token = await installGrant('acme', 'bot', { settings: withKeysAt('status/500') })
    const refused = await login(token, { provider: 'jwt', token: await sign() })
    expect([refused.isError, refused.code]).toEqual([true, 'login_failed'])
    expect(refused.text).toContain('try again later')
  })

  test('a failed attempt is reported for the account that it claimed', async () => {
    const token = await installGrant('acme', 'bot', { settings: withKeysAt('keys') })
    await login(token, { provider: 'jwt', token: await sign({ exp: '-1m' }) })
    await settled('acme/bot')
    expect((await received()).map(({ body }) => body)).toEqual([
      { account_id: 'ana', action: 'login', success: false },
    ])
  })

  test('the token is written down nowhere', async () => {
    const token = await installGrant('acme', 'bot', { settings: withKeysAt('keys') })
    const jwt = await sign()
    await login(token, { provider: 'jwt', token: jwt })
    for (const table of ['sessions', 'audit', 'outbox']) {
      expect(JSON.stringify(await rows(`SELECT * FROM ${table}`, 'acme/bot'))).not.toContain(jwt.slice(0, 20))
    }
  })
})

describe('provider trusted', () => {
  test.each([' ', '', '\ud800', 'x'.repeat(257)])('does not take %j for an account', async (account_id) => {
    expect((await statelessCall('auth_login', { provider: 'trusted', account_id })).code).toBe(
      'invalid_arguments',
    )
  })

  test('is refused where the tenant does not trust its grants', async () => {
    const token = await installGrant('acme', 'bot', { settings: {} })
    const refused = await login(token, { provider: 'trusted', account_id: 'ana' })
    expect([refused.code, refused.text]).toEqual(['login_failed', expect.stringContaining('does not accept')])
    expect(await rows('SELECT id FROM sessions', 'acme/bot')).toEqual([])
  })
})

test('the arguments of auth_login are an object that every client understands', async () => {
  const { body } = await stateless('tools/list')
  const listed = body?.result as
    | { tools: { name: string; inputSchema: Record<string, unknown> }[] }
    | undefined
  const schema = listed?.tools.find(({ name }) => name === 'auth_login')?.inputSchema
  // No alternatives and no references: some clients and models take neither.
  expect(Object.keys(schema ?? {}).sort()).toEqual(['additionalProperties', 'properties', 'required', 'type'])
  expect(schema).toMatchObject({ type: 'object', required: ['provider'], additionalProperties: false })
  const properties = Object.entries(
    schema?.properties as Record<string, { type?: string; description?: string }>,
  )
  expect(properties.map(([name, { type }]) => [name, type])).toEqual(
    ['provider', 'account_id', 'token', 'store', 'username', 'password', 'session'].map((name) => [
      name,
      'string',
    ]),
  )
  for (const [, { description }] of properties) expect(description).toBeTruthy()
})

test('an unknown provider is told the known ones', async () => {
  const refused = await statelessCall('auth_login', { provider: 'ldap' })
  expect(refused.text).toContain(
    '/provider: found a string; allowed: "trusted", "jwt", "magento-customer", "magento-admin"',
  )
})

test('a tenant’s configuration is checked as a whole before it counts', async () => {
  for (const settings of [
    {
      identity: { jwt: [{ issuer: ISSUER, audience: [AUDIENCE], jwks_uri: 'http://id.acme.example/keys' }] },
    },
    { identity: { jwt: [{ issuer: ISSUER, audience: [AUDIENCE] }] } },
    { identity: { jwt: [{ issuer: ISSUER, audience: [], jwks_uri: 'https://id.acme.example/keys' }] } },
    { sessions: { idle_seconds: 0 } },
    { session: {} },
  ]) {
    await expect(installGrant('acme', 'bot', { settings })).rejects.toThrow('invalid tenant settings')
  }
})

describe('where keys are', () => {
  const strict = { ALLOW_PRIVATE_UPSTREAMS: 'false', RESOLVER_URL: '' }
  const issuer = (jwks_uri: string) => ({
    identity: { jwt: [{ issuer: ISSUER, audience: [AUDIENCE], jwks_uri }] },
  })
  const refusal = ({ status, body }: Awaited<ReturnType<typeof admin>>) => [status, body?.detail]

  test.each([
    ['http', 'http://127.0.0.1/keys', '/identity/jwt/0/jwks_uri: found http; allowed: https'],
    [
      'a private address',
      'https://10.0.0.1/keys',
      '/identity/jwt/0/jwks_uri: found that 10.0.0.1 is a private',
    ],
    ['the metadata of a cloud', 'https://169.254.169.254/keys', 'the metadata service of a cloud'],
    ['this machine', 'https://localhost/keys', 'a name of this machine'],
  ])('a tenant may not name %s, unless private addresses are allowed', async (_, jwks_uri, words) => {
    const refused = await adminWith(strict, 'PUT', 'acme', issuer(jwks_uri))
    expect(refusal(refused)).toEqual([422, expect.stringContaining(words)])
    expect((await admin('PUT', 'acme', issuer(jwks_uri))).status).toBe(201)
  })

  test('a name counts for what it resolves to', async () => {
    const put = (path: string) =>
      adminWith(
        { ...strict, RESOLVER_URL: `${inject('otherSide')}/${path}` },
        'PUT',
        'acme',
        issuer('https://id.example.com/keys'),
      )
    expect(refusal(await put('dns/10.0.0.1/q'))).toEqual([
      422,
      expect.stringContaining('/identity/jwt/0/jwks_uri: found that id.example.com resolves to 10.0.0.1'),
    ])
    expect(refusal(await put('status/500/q'))).toEqual([
      503,
      expect.stringContaining('/identity/jwt/0/jwks_uri'),
    ])
    expect((await put('dns/93.184.216.34/q')).status).toBe(201)
  })

  test('what was stored before is not fetched from a private address, not even when it was before', async () => {
    const { settings } = await tenantConfig(withKeysAt('keys'), null)
    const prove = async (bindings: object) =>
      jwtProof({ ...env, ...bindings }, await sign(), settings, Date.now())
    expect(await prove({})).toMatchObject({ ok: true, account: 'ana' })
    const fetched = vi.spyOn(globalThis, 'fetch')
    expect(await prove(strict)).toEqual({
      ok: false,
      account: 'ana',
      message: "The issuer's keys could not be fetched; try again later.",
    })
    expect(fetched).not.toHaveBeenCalled()
  })
})

function tampered(jwt: string): string {
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  const claims = JSON.parse(atob(payload)) as Record<string, unknown>
  const changed = btoa(JSON.stringify({ ...claims, sub: 'root' })).replace(/=+$/, '')
  return [header, changed, signature].join('.')
}

function unsigned(jwt: string): string {
  const [, payload = ''] = jwt.split('.')
  return [btoa(JSON.stringify({ alg: 'none' })).replace(/=+$/, ''), payload, ''].join('.')
}

/** Issuers that say a session is over (OpenID Connect Back-Channel Logout 1.0): what is taken, and what then ends. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { PrincipalObject } from '../../src/principal/object.ts'
import { admin, makeGrant, tenantObject, tenantRows } from '../support/admin.ts'
import {
  BASE,
  connect,
  fresh,
  type Json,
  principal,
  received,
  rows,
  settled,
  statelessCall,
} from '../support/gateway.ts'

const ISSUER = 'https://id.acme.example'
const AUDIENCE = 'gatehouse'
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const key = () => JSON.parse(inject('signingKey')) as JsonWebKey & { kid: string; alg: string }

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Seconds since the epoch, `ago` seconds ago. */
const seconds = (ago = 0) => Math.floor(Date.now() / 1_000) - ago

async function sign(claims: Json, header: Json = {}): Promise<string> {
  const { kid, alg } = key()
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const signing = await crypto.subtle.importKey('jwk', key(), algorithm, false, ['sign'])
  return new SignJWT(claims).setProtectedHeader({ alg, kid, ...header } as { alg: string }).sign(signing)
}

const idToken = (claims: Json = {}) =>
  sign({ iss: ISSUER, aud: AUDIENCE, iat: seconds(60), exp: seconds(-300), sub: 'ana', sid: 's1', ...claims })

const logoutToken = (claims: Json = {}, header: Json = {}) =>
  sign(
    {
      iss: ISSUER,
      aud: AUDIENCE,
      iat: seconds(),
      exp: seconds(-120),
      jti: crypto.randomUUID(),
      events: { [EVENT]: {} },
      ...claims,
    },
    { typ: 'logout+jwt', ...header },
  )

interface LogoutAnswer {
  readonly status: number
  readonly cache: string | null
  readonly body: Json | null
}

async function post(
  body: string,
  tenant = 'acme',
  headers: Record<string, string> = {},
): Promise<LogoutAnswer> {
  const response = await exports.default.fetch(
    new Request(`${BASE}/t/${tenant}/oidc/backchannel-logout`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'cf-connecting-ip': crypto.randomUUID(),
        ...headers,
      },
      body,
    }),
  )
  const text = await response.text()
  return {
    status: response.status,
    cache: response.headers.get('cache-control'),
    body: text === '' ? null : (JSON.parse(text) as Json),
  }
}

const logout = (token: string, tenant = 'acme') =>
  post(new URLSearchParams({ logout_token: token }).toString(), tenant)

const identity = (jwks = 'keys') => ({
  identity: {
    trusted: true,
    jwt: [{ issuer: ISSUER, audience: [AUDIENCE], jwks_uri: `${inject('otherSide')}/${jwks}` }],
  },
})

/** A tenant with these grants; answers their tokens. */
async function setUp(tenant: string, ...grants: string[]): Promise<string[]> {
  await admin('PUT', tenant, identity())
  const tokens: string[] = []
  for (const grant of grants) tokens.push(await makeGrant(tenant, grant, undefined, { sessions: 'many' }))
  return tokens
}

/** A grant whose logins belong to their connections. */
async function automatic(): Promise<string> {
  await setUp('acme')
  return makeGrant('acme', 'one')
}

/** Logs in, and answers how to ask who that session acts for. */
async function session(token: string, claims: Json = {}) {
  const login = await statelessCall(
    'auth_login',
    { provider: 'jwt', token: await idToken(claims) },
    { token },
  )
  if (login.isError) throw new Error(login.text)
  const handle = login.structured.session as string
  return async () =>
    (await statelessCall('auth_whoami', { session: handle }, { token })).structured.account ?? null
}

const logouts = async () =>
  (await received()).filter(({ body }) => body.action === 'logout').map(({ body }) => body.account_id)
const settle = (...grants: string[]) => Promise.all(grants.map((grant) => settled(grant)))

describe('a logout', () => {
  test('of a sub ends its sessions in every grant of the tenant, each once, and nobody else’s', async () => {
    const [one = '', two = ''] = await setUp('acme', 'one', 'two')
    const [other = ''] = await setUp('other', 'bot')
    const gone = [
      await session(one),
      await session(one, { sid: 's2' }),
      await session(two, { sid: undefined }),
    ]
    const stays = [await session(one, { sub: 'bea' }), await session(other)]
    expect(await logout(await logoutToken({ sub: 'ana' }))).toEqual({
      status: 200,
      cache: 'no-store',
      body: null,
    })
    expect(await Promise.all(gone.map((who) => who()))).toEqual([null, null, null])
    expect(await Promise.all(stays.map((who) => who()))).toEqual(['bea', 'ana'])
    await settle('acme/one', 'acme/two')
    expect(await logouts()).toEqual(['ana', 'ana', 'ana'])
    expect(await rows("SELECT end_reason FROM sessions WHERE account = 'ana'", 'acme/two')).toEqual([
      { end_reason: 'backchannel' },
    ])
  })

  test('of a sid ends that session alone', async () => {
    const [one = ''] = await setUp('acme', 'one')
    const [gone, stays] = [await session(one, { sid: 's1' }), await session(one, { sid: 's2' })]
    expect((await logout(await logoutToken({ sid: 's1' }))).status).toBe(200)
    expect([await gone(), await stays()]).toEqual([null, 'ana'])
  })

  test('of a sub and its sid ends that one, and those whose token named none', async () => {
    const [one = ''] = await setUp('acme', 'one')
    const gone = [await session(one, { sid: 's1' }), await session(one, { sid: undefined })]
    const stays = [await session(one, { sid: 's2' }), await session(one, { sid: 's1', sub: 'bea' })]
    expect((await logout(await logoutToken({ sub: 'ana', sid: 's1' }))).status).toBe(200)
    expect(await Promise.all(gone.map((who) => who()))).toEqual([null, null])
    expect(await Promise.all(stays.map((who) => who()))).toEqual(['ana', 'bea'])
  })

  test('leaves the agent of the session era its connection, without an account', async () => {
    const client = await connect({ token: await automatic() })
    await client.call('auth_login', { provider: 'jwt', token: await idToken() })
    expect((await client.call('auth_whoami')).structured).toMatchObject({ logged_in: true })
    await logout(await logoutToken({ sub: 'ana' }))
    expect((await client.call('auth_whoami')).structured).toMatchObject({ logged_in: false })
  })

  test('of somebody who has no session is fine, and asks no grant', async () => {
    await setUp('acme', 'one')
    const asked = vi.spyOn(PrincipalObject.prototype, 'endSessions')
    expect((await logout(await logoutToken({ sub: 'nobody' }))).status).toBe(200)
    expect(asked).not.toHaveBeenCalled()
  })

  test('does not end what other providers have proven', async () => {
    const client = await connect({ token: await automatic() })
    await client.login('ana')
    await logout(await logoutToken({ sub: 'ana' }))
    expect((await client.call('auth_whoami')).structured.account).toBe('ana')
  })
})

describe('the tenant', () => {
  const at = async (url: string, token: string) => {
    const http = new Request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token: token }).toString(),
    })
    const hosts = { TENANT_DOMAIN: 'mcp.example.com', CUSTOM_HOSTNAMES: 'tools.acme.example=acme' }
    const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext
    return (await app.fetch(http, { ...env, ...hosts } as Env, context)).status
  }

  test.each<[string, number]>([
    ['https://acme.mcp.example.com/oidc/backchannel-logout', 200],
    ['https://tools.acme.example/oidc/backchannel-logout', 200],
    ['https://gateway.example.com/t/acme/oidc/backchannel-logout', 200],
    ['https://acme.mcp.example.com/t/acme/oidc/backchannel-logout', 200],
    ['https://other.mcp.example.com/t/acme/oidc/backchannel-logout', 400],
    ['https://other.mcp.example.com/oidc/backchannel-logout', 400],
    ['https://a_b.mcp.example.com/t/acme/oidc/backchannel-logout', 400],
    ['https://gateway.example.com/oidc/backchannel-logout', 400],
  ])('of %s: %i', async (url, status) => {
    const [one = ''] = await setUp('acme', 'one')
    const who = await session(one)
    expect(await at(url, await logoutToken({ sub: 'ana' }))).toBe(status)
    expect(await who()).toBe(status === 200 ? null : 'ana')
  })
})

describe('once more', () => {
  test('the same token changes nothing, not even for a session that began meanwhile', async () => {
    const [one = ''] = await setUp('acme', 'one')
    await session(one)
    const token = await logoutToken({ sub: 'ana', iat: seconds(30) })
    expect((await logout(token)).status).toBe(200)
    const again = await session(one, { iat: seconds() })
    expect((await logout(token)).status).toBe(200)
    expect(await again()).toBe('ana')
    await settle('acme/one')
    expect(await logouts()).toEqual(['ana'])
  })

  test('another token with its id is refused', async () => {
    await setUp('acme', 'one')
    expect((await logout(await logoutToken({ sub: 'ana', jti: 'one' }))).status).toBe(200)
    const clash = await logout(await logoutToken({ sub: 'bea', jti: 'one' }))
    expect([clash.status, clash.body?.error]).toEqual([400, 'invalid_request'])
  })

  test('two at once end each session once', async () => {
    const [one = ''] = await setUp('acme', 'one')
    await session(one)
    const answers = await Promise.all([
      logout(await logoutToken({ sub: 'ana' })),
      logout(await logoutToken({ sid: 's1' })),
      logout(await logoutToken({ sub: 'ana', sid: 's1' })),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    await settle('acme/one')
    expect(await logouts()).toEqual(['ana'])
  })

  test.each<[string, Json, Json]>([
    ['of the sub', { sub: 'ana' }, {}],
    ['of the sid', { sid: 's1' }, {}],
    ['of the sub, where the token does not say when it was issued', { sub: 'ana' }, { iat: undefined }],
  ])('a token from before a logout %s opens no session', async (_, claims, stale) => {
    const [one = ''] = await setUp('acme', 'one')
    await logout(await logoutToken(claims))
    await expect(session(one, stale)).rejects.toThrow('logged this account out')
    expect(await rows("SELECT outcome FROM audit WHERE tool = 'auth_login'", 'acme/one')).toEqual([
      { outcome: 'tool_error' },
    ])
    // One that was issued afterwards does.
    expect(await (await session(one, { iat: seconds(-1) }))()).toBe('ana')
  })

  test('a login that is on its way when the logout arrives is refused', async () => {
    const [token = ''] = await setUp('acme', 'one')
    const inner = PrincipalObject.prototype.admit
    let isFirst = true
    vi.spyOn(PrincipalObject.prototype, 'admit').mockImplementation(async function (
      this: PrincipalObject,
      it,
    ) {
      const isLogin = it.intent.kind === 'call' && it.intent.work.kind === 'login'
      if (isLogin && isFirst) {
        isFirst = false
        expect((await logout(await logoutToken({ sub: 'ana' }))).status).toBe(200)
      }
      return inner.call(this, it)
    })
    await expect(session(token)).rejects.toThrow('logged this account out')
    expect(await rows('SELECT id FROM sessions', 'acme/one')).toEqual([])
  })
})

describe('what is refused', () => {
  test.each<[string, () => Promise<string>, RegExp]>([
    [
      'another issuer',
      () => logoutToken({ sub: 'ana', iss: 'https://evil.example' }),
      /not one of an issuer/,
    ],
    ['another audience', () => logoutToken({ sub: 'ana', aud: 'someone-else' }), /"aud"/],
    ['no audience', () => logoutToken({ sub: 'ana', aud: undefined }), /"aud"/],
    ['an expiry in the past', () => logoutToken({ sub: 'ana', exp: seconds(60) }), /expired/],
    ['no expiry', () => logoutToken({ sub: 'ana', exp: undefined }), /"exp"/],
    ['no iat', () => logoutToken({ sub: 'ana', iat: undefined }), /"iat"/],
    ['an iat in the future', () => logoutToken({ sub: 'ana', iat: seconds(-60) }), /future/],
    ['an iat of yesterday', () => logoutToken({ sub: 'ana', iat: seconds(86_400) }), /too long ago/],
    ['no jti', () => logoutToken({ sub: 'ana', jti: undefined }), /"jti"/],
    ['a jti that is a number', () => logoutToken({ sub: 'ana', jti: 7 }), /"jti"/],
    ['no events', () => logoutToken({ sub: 'ana', events: undefined }), /"events"/],
    ['another event', () => logoutToken({ sub: 'ana', events: { 'https://x.example': {} } }), /"events"/],
    ['an event that is no object', () => logoutToken({ sub: 'ana', events: { [EVENT]: true } }), /"events"/],
    ['neither sub nor sid', () => logoutToken(), /neither "sub" nor "sid"/],
    ['a sub that is a number', () => logoutToken({ sub: 7 }), /"sub"/],
    ['an empty sid', () => logoutToken({ sid: '' }), /"sid"/],
    ['a nonce', () => logoutToken({ sub: 'ana', nonce: 'n' }), /"nonce"/],
    ['the type of an access token', () => logoutToken({ sub: 'ana' }, { typ: 'at+jwt' }), /"typ"/],
    ['an unknown key', () => logoutToken({ sub: 'ana' }, { kid: 'two' }), /not one of an issuer/],
    [
      'no signature (alg none)',
      async () => unsigned(await logoutToken({ sub: 'ana' })),
      /not one of an issuer/,
    ],
    ['another signature', async () => tampered(await logoutToken({ sub: 'bea' })), /not one of an issuer/],
    ['no structure', async () => 'a.b.c', /not a JWT/],
  ])('a logout token with %s', async (_, make, words) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const [one = ''] = await setUp('acme', 'one')
    const who = await session(one)
    const refused = await logout(await make())
    expect([refused.status, refused.cache, refused.body?.error]).toEqual([400, 'no-store', 'invalid_request'])
    expect(refused.body?.error_description).toMatch(words)
    expect(await who()).toBe('ana')
  })

  test.each<[string, () => Promise<string>]>([
    ['of an unknown issuer', () => logoutToken({ sub: 'ana', iss: 'https://evil.example' })],
    ['with another signature', async () => tampered(await logoutToken({ sub: 'bea' }))],
    ['without a signature', async () => unsigned(await logoutToken({ sub: 'ana' }))],
    ['of an unknown key', () => logoutToken({ sub: 'ana' }, { kid: 'two' })],
    ['of another kind', () => logoutToken({ sub: 'ana' }, { typ: 'at+jwt' })],
    ['without what makes it a logout', () => logoutToken({ sub: 'ana', events: {} })],
    [
      'with a claim that would be found wrong',
      async () => tampered(await logoutToken({ sub: 'bea', aud: 'x' })),
    ],
  ])('a token %s gets the same bytes from every tenant, known or not', async (_, make) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await setUp('acme', 'one')
    await admin('PUT', 'bare', {})
    await admin('PUT', 'dark', identity(`status/500/${crypto.randomUUID()}`))
    const token = await make()
    const answer = await logout(token)
    expect(answer.status).toBe(400)
    for (const tenant of ['nobody', 'bare', 'dark', 'NO-NAME'])
      expect(await logout(token, tenant)).toEqual(answer)
    expect(await tenantRows('nobody', 'SELECT name FROM sqlite_master')).toEqual([])
  })

  test.each<[string, number, () => Promise<string>]>([
    ['of an unknown issuer', 1, () => logoutToken({ sub: 'ana', iss: 'https://evil.example' })],
    ['of an unknown key', 1, () => logoutToken({ sub: 'ana' }, { kid: 'two' })],
    ['of an unknown key of another kind', 1, () => withHeader({ alg: 'RS256', kid: 'two' })],
    ['of a known key, as if it were of another kind', 1, () => withHeader({ alg: 'RS256', kid: 'one' })],
    ['with another signature', 1, async () => tampered(await logoutToken({ sub: 'bea' }))],
    ['without a signature', 0, async () => unsigned(await logoutToken({ sub: 'ana' }))],
  ])('a token %s costs every tenant as many signatures: %i', async (_, signatures, make) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await setUp('acme', 'one')
    await admin('PUT', 'bare', {})
    await admin('PUT', 'dark', identity(`status/500/${crypto.randomUUID()}`))
    const token = await make()
    const verify = vi.spyOn(crypto.subtle, 'verify')
    for (const tenant of ['acme', 'nobody', 'bare', 'dark', 'NO-NAME']) {
      verify.mockClear()
      expect((await logout(token, tenant)).status).toBe(400)
      expect([tenant, verify.mock.calls.length]).toEqual([tenant, signatures])
    }
  })

  test.each<[string, string, Record<string, string>]>([
    ['JSON', '{}', { 'content-type': 'application/json' }],
    ['no token', 'a=b', {}],
    ['two tokens', 'logout_token=a&logout_token=b', {}],
    ['an empty one', 'logout_token=', {}],
    ['a token without end', `logout_token=${'a'.repeat(20_000)}`, {}],
    ['a body without end', `x=${'a'.repeat(100_000)}`, {}],
  ])('a body with %s', async (_, body, headers) => {
    const refused = await post(body, 'acme', headers)
    expect([refused.status, refused.cache, refused.body?.error]).toEqual([400, 'no-store', 'invalid_request'])
  })

  test('a logout token as a proof of an account, and an ID token as a logout', async () => {
    const [one = ''] = await setUp('acme', 'one')
    const proof = await logoutToken({ sub: 'ana' })
    const login = await statelessCall('auth_login', { provider: 'jwt', token: proof }, { token: one })
    expect(login.code).toBe('login_failed')
    expect((await logout(await idToken({ jti: 'x' }))).status).toBe(400)
  })

  test('any other method', async () => {
    const response = await exports.default.fetch(new Request(`${BASE}/t/acme/oidc/backchannel-logout`))
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })
})

describe('when something is not well', () => {
  test.each(['status/500', 'html', 'large', 'redirect', 'echo'])(
    'keys at /%s: nobody hears that there is an issuer, and the log says why',
    async (jwks) => {
      const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
      await admin('PUT', 'acme', identity(`${jwks}/${crypto.randomUUID()}`))
      const token = await logoutToken({ sub: 'ana' })
      expect(await logout(token)).toEqual(await logout(token, 'nobody'))
      expect(String(warned.mock.calls)).toContain('keys could not be fetched')
    },
  )

  test('keys that never come: the issuer is not kept waiting without end', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await admin('PUT', 'acme', identity(`hang/${crypto.randomUUID()}`))
    const answer = await logout(await logoutToken({ sub: 'ana' }))
    expect([answer.status, answer.body?.error]).toEqual([400, 'invalid_request'])
  }, 15_000)

  test('a clock that is off by less than half a minute does no harm', async () => {
    const [one = ''] = await setUp('acme', 'one')
    const who = await session(one)
    expect(
      (await logout(await logoutToken({ sub: 'ana', iat: seconds(-20), exp: seconds(20) }))).status,
    ).toBe(200)
    expect(await who()).toBeNull()
  })

  test('a grant that cannot be asked is asked again by alarm', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const [one = '', two = ''] = await setUp('acme', 'one', 'two')
    const [first, second] = [await session(one), await session(two)]
    const inner = PrincipalObject.prototype.endSessions
    vi.spyOn(PrincipalObject.prototype, 'endSessions').mockImplementation(async function (
      this: PrincipalObject,
      it,
    ) {
      if ((await this.sessions('ana', 0, 1))?.sessions[0]?.account === 'ana') {
        if (dead.size === 0) dead.add(this)
        if (dead.has(this)) throw new Error('told to fail')
      }
      return inner.call(this, it)
    })
    const dead = new Set<PrincipalObject>()
    expect((await logout(await logoutToken({ sub: 'ana' }))).status).toBe(200)
    expect([await first(), await second()].filter((account) => account === 'ana')).toHaveLength(1)
    vi.restoreAllMocks()
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(Date.now() + 60_000)
    await runDurableObjectAlarm(tenantObject('acme'))
    vi.useRealTimers()
    expect([await first(), await second()]).toEqual([null, null])
    expect(await tenantRows('acme', 'SELECT * FROM logout_targets')).toEqual([])
    await settle('acme/one', 'acme/two')
    expect(await logouts()).toEqual(['ana', 'ana'])
  })

  test('a run that died after it had written the logout down is finished by the next', async () => {
    const [one = ''] = await setUp('acme', 'one')
    const who = await session(one)
    await tenantRows(
      'acme',
      `INSERT INTO logouts (at, issuer, subject, issued_at, jti, digest)
       VALUES (${Date.now()}, '${ISSUER}', 'ana', ${seconds()}, 'j', 'd')`,
    )
    await tenantRows('acme', "INSERT INTO logout_targets SELECT seq, 'one', 0, 0 FROM logouts")
    await evictDurableObject(tenantObject('acme'))
    await tenantObject('acme').tenant()
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await who()).toBeNull()
  })

  test('a tenant that cannot be asked lets nobody in by JWT', async () => {
    const [one = ''] = await setUp('acme', 'one')
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { TenantObject } = await import('../../src/tenant/object.ts')
    vi.spyOn(TenantObject.prototype, 'expectLogin').mockRejectedValue(new Error('told to fail'))
    await expect(session(one)).rejects.toThrow('try again later')
    expect(await principal('acme/one').sessions(null, 0, 10)).toMatchObject({ sessions: [] })
  })
})

function unsigned(jwt: string): string {
  const [, payload = ''] = jwt.split('.')
  return [btoa(JSON.stringify({ alg: 'none' })).replace(/=+$/, ''), payload, ''].join('.')
}

function tampered(jwt: string): string {
  const [header = '', payload = '', signature = ''] = jwt.split('.')
  const claims = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as Json
  const changed = btoa(JSON.stringify({ ...claims, sub: 'ana' })).replace(/=+$/, '')
  return [header, changed, signature].join('.')
}

/** A logout token with another header, and the signature that it had. */
async function withHeader(header: Json): Promise<string> {
  const [, ...rest] = (await logoutToken({ sub: 'ana' })).split('.')
  return [btoa(JSON.stringify(header)).replace(/=+$/, ''), ...rest].join('.')
}

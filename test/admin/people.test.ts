/** Who may administer a tenant: people, their roles and tokens, and whom Cloudflare Access vouches for. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { admin, makeGrant, makePerson, tenantRows } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const ALLOW = { version: '1', default: 'allow' }

describe('the last admin', () => {
  const NOBODY = 'Nobody is admin of the tenant acme any more: the root token alone administers it.'
  const refusal = expect.stringContaining(
    'found ana, the last admin of the tenant; allowed: to make somebody else',
  )
  const ask = (method: string, path: string, body: unknown, token?: string) =>
    admin(method, `acme/people/${path}`, body, token)

  test('cannot be taken from a team by the team, by removal or by another role', async () => {
    const ana = await makePerson('acme', 'ana', 'admin')
    await ask('PUT', 'bea', { role: 'policy_manager' })
    for (const answer of [
      await ask('DELETE', 'ana', undefined, ana),
      await ask('PUT', 'ana', { role: 'viewer' }, ana),
    ])
      expect([answer.status, answer.body?.problems]).toEqual([409, [refusal]])
    expect((await ask('GET', 'ana', undefined, ana)).body).toMatchObject({ role: 'admin' })
    // Whatever else is changed of them is no matter.
    expect((await ask('PUT', 'ana', { role: 'admin' }, ana)).status).toBe(200)
    expect((await ask('PUT', 'bea', { role: 'admin' }, ana)).body?.warnings).toEqual([])
    expect((await ask('PUT', 'ana', { role: 'viewer' }, ana)).body?.warnings).toEqual([])
  })

  test.each([2, 3])('is left of %i who remove one another at once', async (count) => {
    const names = ['ana', 'bea', 'cleo'].slice(0, count)
    const tokens = await Promise.all(names.map((name) => makePerson('acme', name, 'admin')))
    const answers = await Promise.all(
      names.map((_, i) => ask('DELETE', names[(i + 1) % count] ?? '', undefined, tokens[i])),
    )
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThan(count)
    const { body } = await admin('GET', 'acme/people')
    const { items } = body as { items: { role: string }[] }
    expect(items.some(({ role }) => role === 'admin')).toBe(true)
  })

  test('is taken by the root token, which remains, and is told what that leaves', async () => {
    await ask('PUT', 'ana', { role: 'admin' })
    expect((await ask('PUT', 'ana', { role: 'viewer' })).body?.warnings).toEqual([NOBODY])
    await ask('PUT', 'ana', { role: 'admin' })
    expect((await ask('DELETE', 'ana', undefined)).body).toMatchObject({ deleted: true, warnings: [NOBODY] })
  })

  test('loses their token all the same, and the answer says where nobody has one', async () => {
    const ana = await makePerson('acme', 'ana', 'admin')
    const bea = await makePerson('acme', 'bea', 'admin')
    expect((await ask('DELETE', 'ana/token', undefined, bea)).body?.warnings).toEqual([])
    expect((await ask('GET', 'ana', undefined, ana)).status).toBe(401)
    expect((await ask('DELETE', 'bea/token', undefined, bea)).body?.warnings).toEqual([
      expect.stringContaining('No admin of the tenant has a token any more'),
    ])
  })
})

describe('a person', () => {
  test('is added, read, changed, listed and removed', async () => {
    const created = await admin('PUT', 'acme/people/ana', { role: 'admin', email: 'Ana@Example.com' })
    expect([created.status, created.body]).toEqual([
      201,
      {
        name: 'ana',
        role: 'admin',
        email: 'ana@example.com',
        accounts: [],
        tokens: 0,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        warnings: [expect.stringContaining('The tenant acme was made')],
      },
    ])
    const known = { role: 'viewer', accounts: ['ana-7', ' ANA@idp '] }
    expect((await admin('PUT', 'acme/people/ana', known)).body).toMatchObject({
      accounts: ['ana-7', 'ANA@idp'],
    })
    expect((await admin('GET', 'acme/people/ana')).body).toMatchObject({ accounts: ['ana-7', 'ANA@idp'] })
    await admin('PUT', 'acme/people/bea', { role: 'viewer' })
    expect((await admin('PUT', 'acme/people/ana', { role: 'viewer' })).body).toMatchObject({
      role: 'viewer',
      email: null,
      accounts: [],
    })
    const first = await admin('GET', 'acme/people?limit=1')
    expect(first.body).toMatchObject({ items: [{ name: 'ana' }], next: 'ana' })
    expect((await admin('GET', 'acme/people?limit=1&after=ana')).body).toMatchObject({
      items: [{ name: 'bea' }],
      next: null,
    })
    expect((await admin('DELETE', 'acme/people/ana')).status).toBe(200)
    expect((await admin('GET', 'acme/people/ana')).status).toBe(404)
  })

  test('is on record with the accounts that a change gives and takes, as far as there is room', async () => {
    const put = (document: object) => admin('PUT', 'acme/people/ana', { role: 'admin', ...document })
    await put({ email: 'a@example.com', accounts: ['one', 'two'] })
    await put({ email: 'b@example.com', accounts: ['two', 'three', 'four'] })
    await put({ email: 'b@example.com', accounts: ['four', 'two', 'three'] })
    await put({ accounts: Array.from({ length: 20 }, (_, i) => `${i}-${'"'.repeat(250)}`) })
    await put({ accounts: Array.from({ length: 20 }, (_, i) => `account-${i}-${'x'.repeat(30)}`) })
    const rows = await tenantRows<{ detail: string }>(
      'acme',
      "SELECT detail FROM changes WHERE action = 'person.put' ORDER BY seq",
    )
    const details = rows.map(({ detail }) => JSON.parse(detail))
    const admins = { from: 'admin', to: 'admin' }
    expect(details.slice(0, 3)).toEqual([
      { from: null, to: 'admin', accounts: 2, added: 'one, two' },
      { ...admins, accounts: 3, added: 'three, four', removed: 'one', email_changed: true },
      { ...admins, accounts: 3 },
    ])
    expect(details[3]).toMatchObject({
      accounts: 20,
      added: expect.stringMatching(/^0-"{62}…, 1-.*… \(and 1\d more\)$/),
      removed: 'four, two, three',
    })
    expect(details[4]).toMatchObject({ added: expect.stringMatching(/^account-0-x+, .*\(and 1\d more\)$/) })
  })

  test.each([
    [{ role: 'owner' }, '/role: found "owner"; allowed: "viewer", "policy_manager", "approver", "admin"'],
    [{ role: 'root' }, '/role: found "root"'],
    [{ role: 'viewer', accounts: 'ana' }, '/accounts: found "ana"; allowed: array'],
    [{ role: 'viewer', accounts: [' '] }, 'allowed: a list of at most 20 accounts of 1 to 256 characters'],
    [{ role: 'viewer', email: 'nobody' }, '/email: found "nobody"; allowed: an e-mail address, or null'],
  ])('%j is refused', async (document, problem) => {
    const answer = await admin('PUT', 'acme/people/ana', document)
    expect([answer.status, answer.body?.problems]).toEqual([422, [expect.stringContaining(problem)]])
  })

  test('has an address of their own', async () => {
    await admin('PUT', 'acme/people/ana', { role: 'admin', email: 'a@example.com' })
    const answer = await admin('PUT', 'acme/people/bea', { role: 'admin', email: 'A@example.com' })
    expect([answer.status, answer.body?.problems]).toEqual([409, [expect.stringContaining('of ana')]])
  })
})

describe('a token', () => {
  test('opens the administration as far as the role goes', async () => {
    await makeGrant('acme', 'bot')
    const tokens = {
      viewer: await makePerson('acme', 'vera', 'viewer'),
      policy_manager: await makePerson('acme', 'paul', 'policy_manager'),
      approver: await makePerson('acme', 'april', 'approver'),
      admin: await makePerson('acme', 'ana', 'admin'),
    }
    const asked = async (token: string) => [
      (await admin('GET', 'acme/policies', undefined, token)).status,
      (await admin('PUT', 'acme/policies/bot', { ...ALLOW, description: token.length }, token)).status,
      (await admin('PUT', 'acme/grants/other', {}, token)).status,
      (await admin('GET', 'acme/people', undefined, token)).status,
      (await admin('POST', 'acme/suspend', undefined, token)).status,
    ]
    expect(await asked(tokens.viewer)).toEqual([200, 403, 403, 403, 403])
    expect(await asked(tokens.policy_manager)).toEqual([200, 422, 403, 403, 403])
    expect(await asked(tokens.approver)).toEqual([200, 403, 403, 403, 403])
    expect(await asked(tokens.admin)).toEqual([200, 422, 201, 200, 403])
  })

  test('of a viewer or a policy manager shows nothing of a key in the URL of a server', async () => {
    await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp?key=hunter2' })
    for (const [role, url] of [
      ['viewer', 'https://crm.example.com/mcp?(set)'],
      ['policy_manager', 'https://crm.example.com/mcp?(set)'],
      ['admin', 'https://crm.example.com/mcp?key=hunter2'],
    ] as const) {
      const token = await makePerson('acme', 'vera', role)
      const answers = await Promise.all(
        ['acme/servers', 'acme/servers/crm', 'acme/servers/crm/status'].map((path) =>
          admin('GET', path, undefined, token),
        ),
      )
      expect(answers[1]?.body).toMatchObject({ url })
      expect(JSON.stringify(answers).includes('hunter2')).toBe(role === 'admin')
    }
  })

  test('is kept as a hash alone, and shown once', async () => {
    const token = await makePerson('acme', 'ana', 'admin')
    expect(token).toMatch(/^gha_acme_ana_[A-Za-z0-9_-]{43}[0-9a-f]{8}$/)
    const secret = token.slice('gha_acme_ana_'.length, -8)
    const answers = [await admin('GET', 'acme/people'), await admin('GET', 'acme/people/ana')]
    const stored = await tenantRows('acme', 'SELECT *, hex(hash) FROM person_tokens')
    expect(JSON.stringify([answers, stored])).not.toContain(secret)
    expect(answers[1]?.body).toMatchObject({ tokens: 1 })
  })

  test('takes the place of the one before it, at once or after a while', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const start = Date.now()
    const first = await makePerson('acme', 'ana', 'admin')
    const opens = async (token: string) => (await admin('GET', 'acme', undefined, token)).status === 200
    const rotate = async (body: object) =>
      String((await admin('POST', 'acme/people/ana/token', body)).body?.token)
    const second = await rotate({ overlap_seconds: 60 })
    expect([await opens(first), await opens(second)]).toEqual([true, true])
    vi.setSystemTime(start + 60_000)
    expect([await opens(first), await opens(second)]).toEqual([false, true])
    const third = await rotate({ expires_at: new Date(start + 120_000).toISOString() })
    expect([await opens(second), await opens(third)]).toEqual([false, true])
    vi.setSystemTime(start + 120_000)
    expect(await opens(third)).toBe(false)
    const fourth = await rotate({})
    await admin('DELETE', 'acme/people/ana/token')
    expect(await opens(fourth)).toBe(false)
    const fifth = await rotate({})
    await admin('DELETE', 'acme/people/ana')
    await admin('PUT', 'acme/people/ana', { role: 'admin' })
    expect(await opens(fifth)).toBe(false)
  })

  test('a role that is taken away is away for the next request', async () => {
    const token = await makePerson('acme', 'ana', 'admin')
    await admin('PUT', 'acme/people/ana', { role: 'viewer' })
    expect((await admin('PUT', 'acme/grants/bot', {}, token)).status).toBe(403)
  })

  test('what it changed is on record under its name', async () => {
    const token = await makePerson('acme', 'ana', 'admin')
    await admin('PUT', 'acme/policies/main?reason=trial', ALLOW, token)
    expect(
      await tenantRows(
        'acme',
        "SELECT actor, action, subject, detail FROM changes WHERE subject = 'policy/main'",
      ),
    ).toEqual([
      {
        actor: 'person:ana',
        action: 'policy.put',
        subject: 'policy/main',
        detail: '{"from":null,"to":1,"reason":"trial"}',
      },
    ])
  })
})

describe('Cloudflare Access', () => {
  const TEAM = 'https://team.example.com'
  const AUD = 'aud-of-the-application'

  /** Signs assertions, with the keys served where Access serves them. */
  async function access() {
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: crypto.randomUUID(), alg: 'RS256' }] }
    const kid = keys.keys[0]?.kid ?? ''
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      expect(String(input instanceof Request ? input.url : input)).toMatch(/\/cdn-cgi\/access\/certs$/)
      return Response.json(keys)
    })
    return (claims: Record<string, unknown>, { issuer = '', audience = AUD, expires = '5m' } = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime(expires)
        .sign(privateKey)
  }

  let teams = 0
  /** Keys are kept by team, so each test has one of its own. */
  const team = () => TEAM.replace('team', `team${++teams}`)

  async function ask(
    bindings: Partial<Env>,
    jwt: string,
    method = 'GET',
    headers: Record<string, string> = {},
    path = 'acme',
  ): Promise<number> {
    const context = { waitUntil: () => {}, passThroughOnException: () => {} } as unknown as ExecutionContext
    const http = new Request(`https://gate.example/api/v1/tenants/${path}`, {
      method,
      headers: { 'cf-access-jwt-assertion': jwt, ...headers },
    })
    return (await app.fetch(http, { ...env, ...bindings } as Env, context)).status
  }

  test('lets in whom it vouches for, in the role that they have', async () => {
    await admin('PUT', 'acme/people/ana', { role: 'viewer', email: 'ana@example.com' })
    await admin('PUT', 'globex/people/bob', { role: 'admin', email: 'bob@example.com' })
    const sign = await access()
    const issuer = team()
    const settings = { ACCESS_TEAM_DOMAIN: issuer.slice('https://'.length), ACCESS_AUD: `other, ${AUD}` }
    const jwt = await sign({ email: 'Ana@example.com' }, { issuer })
    expect(await ask(settings, jwt)).toBe(200)
    expect(await ask(settings, jwt, 'DELETE', {}, 'acme/grants/bot')).toBe(403)
    expect(await ask(settings, jwt, 'GET', {}, 'globex')).toBe(401)
    for (const wrong of [
      sign({ email: 'bob@example.com' }, { issuer }),
      sign({ email: 'ana@example.com' }, { issuer: 'https://other.example.com' }),
      sign({ email: 'ana@example.com' }, { issuer, audience: 'another' }),
      sign({ email: 'ana@example.com' }, { issuer, expires: '-5m' }),
      sign({ common_name: 'a service' }, { issuer }),
    ])
      expect(await ask(settings, await wrong)).toBe(401)
    expect(await ask({}, jwt)).toBe(401)
    expect(await ask(settings, `${jwt.slice(0, -8)}AAAAAAAA`)).toBe(401)
  })

  test('asks no object about an assertion that can be nobody’s', async () => {
    await admin('PUT', 'acme/people/ana', { role: 'viewer', email: 'ana@example.com' })
    const sign = await access()
    const issuer = team()
    let asked = 0
    const TENANT = new Proxy(env.TENANT, {
      get: (target, name) => {
        asked += 1
        const it = Reflect.get(target, name)
        return typeof it === 'function' ? it.bind(target) : it
      },
    })
    const settings = { ACCESS_TEAM_DOMAIN: issuer.slice('https://'.length), ACCESS_AUD: AUD, TENANT }
    const email = 'ana@example.com'
    const encoded = (value: unknown) => btoa(JSON.stringify(value)).replaceAll('=', '')
    const withoutTimes = { iss: issuer, aud: AUD, email }
    for (const wrong of [
      'x',
      'no.jwt.atall',
      `${encoded({ alg: 'RS256' })}.${encoded([])}.AAAA`,
      `${encoded({ alg: 'RS256' })}.${encoded(withoutTimes)}.AAAA`,
      `${encoded({ alg: 'RS256' })}.${encoded({ ...withoutTimes, exp: 'later' })}.AAAA`,
      sign({ email }, { issuer, expires: '-5m' }),
      sign({ email }, { issuer: 'https://other.example.com' }),
      sign({ email }, { issuer: 'https://acme.cloudflareaccess.com.evil.example' }),
      sign({ email }, { issuer: 'http://acme.cloudflareaccess.com' }),
      sign({ email: [email] }, { issuer }),
      sign({ email: '' }, { issuer }),
      sign({ common_name: 'a service' }, { issuer }),
      sign({ email }, { issuer, audience: '' }),
    ])
      expect(await ask(settings, await wrong)).toBe(401)
    expect(asked).toBe(0)
    expect(await ask(settings, await sign({ email }, { issuer }))).toBe(200)
    expect(asked).toBeGreaterThan(0)
  })

  describe('of a tenant’s own', () => {
    const OWN = 'aud-of-acme'
    let own = 0
    const ownTeam = () => `acme-${++own}.cloudflareaccess.com`

    /** Ana in both tenants; `acme` has an application of its own, of the team that is answered, `globex` has none. */
    async function bound(team_domain = ownTeam(), audience = [OWN]) {
      for (const tenant of ['acme', 'globex'])
        await admin('PUT', `${tenant}/people/ana`, { role: 'viewer', email: 'ana@example.com' })
      const put = await admin('PUT', 'acme', { access: { team_domain, audience } })
      expect([put.status, put.body?.access]).toEqual([200, { team_domain, audience }])
      return `https://${team_domain}`
    }

    test('takes the place of the deployment’s, for this tenant alone', async () => {
      const issuer = await bound()
      const sign = await access()
      const deployment = team()
      const settings = { ACCESS_TEAM_DOMAIN: deployment, ACCESS_AUD: AUD }
      const email = 'ana@example.com'
      const [mine, deployments] = await Promise.all([
        sign({ email }, { issuer, audience: OWN }),
        sign({ email }, { issuer: deployment }),
      ])
      expect(await ask(settings, mine)).toBe(200)
      expect(await ask({}, mine)).toBe(200)
      expect(await ask(settings, deployments)).toBe(401)
      expect(await ask(settings, deployments, 'GET', {}, 'globex')).toBe(200)
      expect(await ask(settings, mine, 'GET', {}, 'globex')).toBe(401)
      // One of the two is not enough.
      expect(await ask(settings, await sign({ email }, { issuer: deployment, audience: OWN }))).toBe(401)
      expect(await ask(settings, await sign({ email }, { issuer, audience: AUD }))).toBe(401)
      await admin('PUT', 'acme', {})
      expect([await ask(settings, mine), await ask(settings, deployments)]).toEqual([401, 200])
    })

    test('another tenant’s assertion is a stranger’s: the same bytes, whoever is there', async () => {
      const issuer = await bound()
      await admin('PUT', 'globex', { access: { team_domain: issuer.slice(8), audience: ['aud-of-globex'] } })
      const sign = await access()
      const answer = async (path: string, jwt: string) => {
        const context = {
          waitUntil: () => {},
          passThroughOnException: () => {},
        } as unknown as ExecutionContext
        const headers = { 'cf-access-jwt-assertion': jwt }
        const http = new Request(`https://gate.example/api/v1/tenants/${path}`, { headers })
        const response = await app.fetch(http, env as Env, context)
        return [response.status, [...response.headers.keys()], await response.text()]
      }
      const jwt = await sign({ email: 'ana@example.com' }, { issuer, audience: OWN })
      expect((await answer('acme', jwt))[0]).toBe(200)
      const stranger = await answer('nobody-here', jwt)
      expect(stranger[0]).toBe(401)
      expect(await answer('globex', jwt)).toEqual(stranger)
      expect(await answer('globex/people/ana', jwt)).toEqual(stranger)
      expect(await answer('acme', 'no.jwt.atall')).toEqual(stranger)
    })

    test('is of a new key as soon as the team signs with it, and of an old one no longer', async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      const issuer = await bound()
      const email = 'ana@example.com'
      const before = await (await access())({ email }, { issuer, audience: OWN, expires: '2h' })
      expect(await ask({}, before)).toBe(200)
      // The team publishes another key; an unknown one is looked up again, at most every 30 seconds.
      const sign = await access()
      vi.setSystemTime(Date.now() + 31_000)
      expect(await ask({}, await sign({ email }, { issuer, audience: OWN, expires: '2h' }))).toBe(200)
      expect(await ask({}, before)).toBe(401)
      vi.useRealTimers()
    })

    test('lets nobody in while its keys cannot be had, says so, and goes on when they can', async () => {
      const issuer = await bound()
      const sign = await access()
      const jwt = await sign({ email: 'ana@example.com' }, { issuer, audience: OWN })
      const served = vi.mocked(globalThis.fetch).getMockImplementation()
      const lines: string[] = []
      vi.spyOn(console, 'warn').mockImplementation((line) => void lines.push(String(line)))
      for (const down of [
        () => Promise.reject(new TypeError('secret detail')),
        async () => new Response('no', { status: 503 }),
        async () => new Response('<html>'),
      ]) {
        vi.mocked(globalThis.fetch).mockImplementation(down)
        expect(await ask({}, jwt)).toBe(401)
      }
      expect(lines).toHaveLength(3)
      expect(lines.join()).toContain('admin.access_keys_unavailable')
      expect(lines.join()).not.toContain('secret detail')
      if (served !== undefined) vi.mocked(globalThis.fetch).mockImplementation(served)
      expect(await ask({}, jwt)).toBe(200)
      // What is wrong with an assertion is no news.
      await ask({}, 'no.jwt.atall')
      expect(lines).toHaveLength(3)
    })

    test.each([
      'evil.example.com',
      'acme.cloudflareaccess.com.evil.example',
      'evil.example/.cloudflareaccess.com',
      'https://acme.cloudflareaccess.com',
      'a.b.cloudflareaccess.com',
      'ACME.cloudflareaccess.com',
      'acme.cloudflareaccess.com:8443',
      'user@acme.cloudflareaccess.com',
      '.cloudflareaccess.com',
      'acme.cloudflareaccess.com\n',
    ])('leads to a team of Access and nowhere else: %j', async (team_domain) => {
      const put = await admin('PUT', 'acme', { access: { team_domain, audience: [OWN] } })
      expect([put.status, JSON.stringify(put.body?.problems)]).toEqual([
        422,
        expect.stringContaining('/access/team_domain'),
      ])
    })

    test('is on record by name, and nothing that a principal has', async () => {
      await bound()
      await admin('PUT', 'acme/grants/bot', {})
      const rows = await tenantRows('acme', "SELECT detail FROM changes WHERE action = 'tenant.put'")
      expect(rows).toEqual([{ detail: '{"changed":"access.team_domain access.audience"}' }])
      const held = await runInDurableObject(env.PRINCIPAL.getByName('acme/bot'), (_, { storage }) =>
        storage.sql.exec<{ config: string }>('SELECT config FROM grants').one(),
      )
      expect(held.config).not.toContain('cloudflareaccess')
    })
  })

  test('a page of another site cannot use what the browser sends', async () => {
    await admin('PUT', 'acme/people/ana', { role: 'admin', email: 'ana@example.com' })
    const sign = await access()
    const issuer = team()
    const settings = { ACCESS_TEAM_DOMAIN: issuer, ACCESS_AUD: AUD }
    const jwt = await sign({ email: 'ana@example.com' }, { issuer })
    const accept = 'acme/servers/crm/accept'
    expect(await ask(settings, jwt, 'POST', { origin: 'https://evil.example' }, accept)).toBe(401)
    expect(await ask(settings, jwt, 'POST', { origin: 'null' }, accept)).toBe(401)
    expect(await ask(settings, jwt, 'POST', { 'sec-fetch-site': 'cross-site' }, accept)).toBe(401)
    expect(await ask(settings, jwt, 'POST', { origin: 'https://gate.example' }, accept)).toBe(404)
    expect(await ask(settings, jwt, 'POST', {}, accept)).toBe(404)
  })
})

/** Signing in at the page of an approval: with a token, with Access, for how long, and what a stranger learns. */
import { env } from 'cloudflare:workers'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Env } from '../../../src/contract/env.ts'
import { ASKS, errorOf, track } from '../../approvals/support.ts'
import { admin, makeGrant, makePerson, OWN_ROOT, ROOT } from '../../support/admin.ts'
import { fresh, type Json } from '../../support/gateway.ts'
import { alertOf, formOf, type Seen, Visitor, whole } from './visitor.ts'

const KEYS = 'new:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='

let agent = ''
let ana = ''
let id = ''
let page = ''

beforeEach(async () => {
  await fresh()
  agent = await makeGrant('acme', 'bot', ASKS)
  ana = await makePerson('acme', 'ana', 'approver')
  id = await ask()
  page = `/t/acme/approvals/${id}`
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const ask = async (args: Json = { account_id: 'acct-of-the-page' }) =>
  errorOf(await track(agent, args)).approval

/** Whether somebody sees the approval. */
const sees = ({ status, text }: Seen) => status === 200 && text.includes('acct-of-the-page')

describe('before anybody signs in', () => {
  test('every id gets the same bytes and status, known or not, of whichever tenant', async () => {
    await makePerson('globex', 'bob', 'admin')
    const stranger = new Visitor()
    const ids = [id, `apr_ghost_${'0'.repeat(32)}`, 'x', '..%2Fx', '%00', `apr_bot_${'0'.repeat(31)}`]
    const pages = await Promise.all(ids.map((it) => stranger.get(`/t/acme/approvals/${it}`)))
    for (const it of pages) expect(whole(it)).toEqual(whole(pages[0] as Seen))
    expect(pages[0]?.status).toBe(200)
    for (const tenant of ['globex', 'nobody', 'demo'])
      expect(whole(await stranger.get(`/t/${tenant}/approvals/${id}`))).toEqual(whole(pages[0] as Seen))
    expect(whole(await stranger.get('/t/acme/approvals'))).toEqual(whole(pages[0] as Seen))
    expect(pages[0]?.text).not.toMatch(/acct-of-the-page|track_logout|acme|bot_/)
  })

  test('so does every HEAD, and every wrong method', async () => {
    const stranger = new Visitor()
    for (const path of [page, '/t/acme/approvals/x', '/approvals/x', '/t/acme/approvals']) {
      const head = await stranger.send(path, { method: 'HEAD' })
      const get = await stranger.get(path)
      expect([head.status, head.text, [...head.headers].length]).toEqual([200, '', [...get.headers].length])
      for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const wrong = await stranger.send(path, { method })
        expect([method, wrong.status, wrong.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD, POST'])
      }
    }
  })

  test('nothing is run, framed, kept, guessed or sent on', async () => {
    const { headers, text } = await new Visitor().get(page)
    const policy = headers.get('content-security-policy') ?? ''
    const style = /<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? ''
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style))
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${new Uint8Array(digest).toBase64()}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    )
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
    expect(text).not.toMatch(/<script|\son\w+=|style="|javascript:/i)
    expect(headers.has('set-cookie')).toBe(false)
  })
})

describe('a token that is pasted', () => {
  test('opens the page, once and for all of the tenant’s approvals, and is in no cookie', async () => {
    const visitor = new Visitor()
    const answer = await visitor.post(page, { do: 'sign-in', token: ` ${ana}\r\n` })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, page])
    const set = answer.headers.get('set-cookie') ?? ''
    expect(set).toMatch(
      /^gatehouse-approvals=v1\.[\w.-]+; Path=\/t\/acme\/approvals; Max-Age=28800; HttpOnly; SameSite=Lax$/,
    )
    expect(set).not.toContain(ana.slice(-20))
    expect(sees(await visitor.get(page))).toBe(true)
    const other = await ask({ account_id: 'acct-of-the-page-2' })
    expect(sees(await visitor.get(`/t/acme/approvals/${other}`))).toBe(true)
    expect(sees(await new Visitor().get(page))).toBe(false)
  })

  test('is the root token, where the API takes it', async () => {
    const root = await new Visitor().signIn(page, ROOT)
    expect(sees(await root.get(page))).toBe(true)
    const bindings = { ROOT_TOKEN: OWN_ROOT } as Partial<Env>
    const own = await new Visitor({ bindings }).signIn(page, OWN_ROOT)
    expect(sees(await own.get(page))).toBe(true)
    expect((await new Visitor({ bindings }).post(page, { do: 'sign-in', token: ROOT })).status).toBe(401)
    // Another root token ends what was begun with this one.
    const cookies = new Visitor({ bindings: { ROOT_TOKEN: `${OWN_ROOT}-2` } as Partial<Env> })
    for (const [key, value] of own.cookies) cookies.cookies.set(key, value)
    expect(sees(await cookies.get(page))).toBe(false)
  })

  test('of nobody, of an agent or of another tenant gets the same refusal, and no cookie', async () => {
    const bob = await makePerson('globex', 'bob', 'admin')
    const wrong = [`${ana}x`, 'hunter2-hunter2-hunter2', agent, bob, '', 'x'.repeat(1_000)]
    const answers = await Promise.all(
      wrong.map((token) => new Visitor().post(page, { do: 'sign-in', token })),
    )
    for (const answer of answers) {
      expect(whole(answer)).toEqual(whole(answers[0] as Seen))
      expect([answer.status, answer.headers.has('set-cookie')]).toEqual([401, false])
    }
    expect(alertOf(answers[0] as Seen)).toContain('opens nothing here')
    expect(whole(await new Visitor().post('/t/nobody/approvals/x', { do: 'sign-in', token: ana }))).toEqual(
      whole(answers[0] as Seen),
    )
  })

  test('that is wrong is counted as at the API, a cookie that is made up is not asked about', async () => {
    const limit = vi.fn(async () => ({ success: true }))
    const bindings = { AUTH_FAILURES: { limit } } as unknown as Partial<Env>
    await new Visitor({ bindings }).post(page, { do: 'sign-in', token: `${ana}x` })
    expect(limit).toHaveBeenCalledTimes(1)
    await new Visitor({ bindings }).signIn(page, ana)
    const forger = new Visitor({ bindings })
    forger.cookies.set('/t/acme/approvals gatehouse-approvals', 'v1.insecure-demo.AAAAAAAAAAAAAAAA.AAAAAAAA')
    expect(alertOf(await forger.get(page))).toContain('over')
    expect(limit).toHaveBeenCalledTimes(1)
  })

  test('leads nowhere else, whatever the address says', async () => {
    for (const it of ['%2F%2Fevil.example', '%5Cevil.example', 'x%0d%0aset-cookie:a=b', '..', '%2e%2e']) {
      const answer = await new Visitor().post(`/t/acme/approvals/${it}?next=https://evil.example`, {
        ...{ do: 'sign-in', token: ana, next: 'https://evil.example' },
      })
      const location = answer.headers.get('location')
      if (location !== null) expect(location).toMatch(/^\/t\/acme\/approvals\/[\w%.-]+$/)
      else expect(answer.status).toBe(404)
    }
  })

  test('opens nothing of another tenant by its cookie, nor as another kind of thing', async () => {
    await makeGrant('globex', 'bot', ASKS)
    const visitor = await new Visitor().signIn(page, ana)
    const [[, cookie] = []] = [...visitor.cookies]
    const thief = new Visitor()
    thief.cookies.set('/t/globex/approvals gatehouse-approvals', cookie ?? '')
    expect(alertOf(await thief.get(`/t/globex/approvals/${id}`))).toContain('over')
    // The token of a form is sealed with the same key, for something else.
    thief.cookies.set('/t/acme/approvals gatehouse-approvals', formOf(await visitor.get(page)))
    expect(sees(await thief.get(page))).toBe(false)
  })
})

describe('a sign-in is over', () => {
  let visitor: Visitor
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    visitor = await new Visitor().signIn(page, ana)
    expect(sees(await visitor.get(page))).toBe(true)
  })

  test.each([
    ['with the person', () => admin('DELETE', 'acme/people/ana')],
    [
      'also where somebody of their name is added again',
      async () => {
        await admin('DELETE', 'acme/people/ana')
        await makePerson('acme', 'ana', 'approver')
      },
    ],
    ['with their token', () => admin('DELETE', 'acme/people/ana/token')],
    ['when another takes its place', () => admin('POST', 'acme/people/ana/token', {})],
    ['after a working day', async () => vi.setSystemTime(Date.now() + 8 * 3_600_000)],
  ])('%s, at once', async (_, end) => {
    await end()
    const answer = await visitor.get(page)
    expect([sees(answer), alertOf(answer).includes('over')]).toEqual([false, true])
    expect([...visitor.cookies]).toEqual([])
    expect(alertOf(await visitor.get(page))).toBe('')
  })

  test('with signing out', async () => {
    const answer = await visitor.post(page, { do: 'sign-out' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, page])
    expect(visitor.cookies.size).toBe(0)
    expect(sees(await visitor.get(page))).toBe(false)
  })

  test('for nobody while their token is only about to go', async () => {
    await admin('POST', 'acme/people/ana/token', { overlap_seconds: 60 })
    expect(sees(await visitor.get(page))).toBe(true)
    vi.setSystemTime(Date.now() + 60_000)
    expect(sees(await visitor.get(page))).toBe(false)
  })

  test('and what was typed is not lost: it is there after signing in again', async () => {
    const form = formOf(await visitor.get(page))
    const next = String((await admin('POST', 'acme/people/ana/token', {})).body?.token)
    const refused = await visitor.decide(page, 'deny', 'Not on "Fridays".', form)
    expect([refused.status, alertOf(refused).includes('nothing was done')]).toEqual([401, true])
    const carried = /name="reason" value="([^"]*)"/.exec(refused.text)?.[1] ?? ''
    expect(carried).toBe('Not on &#34;Fridays&#34;.')
    expect((await admin('GET', `acme/approvals/${id}`)).body).toMatchObject({ state: 'pending' })
    const again = await visitor.post(page, { do: 'sign-in', token: next, reason: 'Not on "Fridays".' })
    expect([again.status, sees(again)]).toEqual([200, true])
    expect(again.text).toContain('>\nNot on &#34;Fridays&#34;.</textarea>')
    expect((await visitor.decide(page, 'deny', 'Not on "Fridays".', formOf(again))).status).toBe(303)
    expect((await admin('GET', `acme/approvals/${id}`)).body).toMatchObject({ reason: 'Not on "Fridays".' })
  })
})

describe('the page is where the link leads', () => {
  test.each([
    ['PUBLIC_URL alone', { PUBLIC_URL: 'https://gate.example' }, 'https://gate.example/t/acme/approvals/'],
    [
      'PUBLIC_URL that is a name of the tenant',
      { PUBLIC_URL: 'https://tools.acme.test', CUSTOM_HOSTNAMES: 'tools.acme.test=acme' },
      'https://tools.acme.test/approvals/',
    ],
    [
      'a name of the tenant’s own',
      { CUSTOM_HOSTNAMES: 'tools.acme.test=acme' },
      'https://tools.acme.test/approvals/',
    ],
    ['a domain of tenants', { TENANT_DOMAIN: 'mcp.example.com' }, 'https://acme.mcp.example.com/approvals/'],
    [
      'PUBLIC_URL that is another tenant’s',
      { PUBLIC_URL: 'https://globex.mcp.example.com', TENANT_DOMAIN: 'mcp.example.com' },
      'https://acme.mcp.example.com/approvals/',
    ],
  ])('with %s', async (_, settings, begins) => {
    const bindings = {
      DEMO: 'false',
      NATIVE_SERVERS: 'legiti',
      ENCRYPTION_KEYS: KEYS,
      ROOT_TOKEN: OWN_ROOT,
      ...settings,
    } as Partial<Env>
    const url = await linkWith(bindings)
    expect(url.href.startsWith(begins)).toBe(true)
    const visitor = await new Visitor({ origin: url.origin, bindings }).signIn(url.pathname, ana)
    const [[key = ''] = []] = [...visitor.cookies]
    expect(key).toBe(`${url.pathname.replace(/\/apr_.*/, '')} __Secure-gatehouse-approvals`)
    // The values are sealed with this deployment's keys, which the objects of the test do not have.
    expect((await visitor.get(url.pathname)).text).toMatch(/track_logout[\s\S]*Approve this call/)
    expect((await visitor.decide(url.pathname, 'approve')).status).toBe(303)
    expect((await visitor.get(url.pathname)).text).toContain('It may be made, once.')
  })

  test('on this machine', async () => {
    const url = await linkWith({}, 'http://127.0.0.1:8787')
    expect(url.href).toBe(`http://127.0.0.1:8787/t/acme/approvals/${id}`)
    const named = await linkWith({}, 'http://acme.localhost:8787', 'acct-of-the-page-3')
    expect(named.href).toMatch(/^http:\/\/acme\.localhost:8787\/approvals\/apr_bot_/)
    const visitor = await new Visitor({ origin: named.origin }).signIn(named.pathname, ana)
    expect(sees(await visitor.get(named.pathname))).toBe(true)
  })

  /** Has the agent ask, and answers the link that it is given. */
  async function linkWith(
    bindings: Partial<Env>,
    origin = 'https://agents.example',
    account = 'acct-of-the-page',
  ): Promise<URL> {
    const structured = await new Visitor({ origin, bindings }).call(agent, 'track_logout', {
      account_id: account,
    })
    return new URL(errorOf({ structured }).url)
  }
})

describe('an address that names no tenant', () => {
  test('is the same for every id, and goes on to the tenant that the token names', async () => {
    const visitor = new Visitor()
    const pages = await Promise.all(
      [`/approvals/${id}`, '/approvals/x', '/approvals'].map((it) => visitor.get(it)),
    )
    for (const it of pages) expect(whole(it)).toEqual(whole(pages[0] as Seen))
    const answer = await visitor.post(`/approvals/${id}`, { do: 'sign-in', token: ana, tenant: '' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, page])
    expect(answer.headers.get('set-cookie')).toContain('Path=/t/acme/approvals;')
    expect(sees(await visitor.get(page))).toBe(true)
  })

  test('asks for it with the root token, and takes it without a token for who is signed in there', async () => {
    const root = new Visitor()
    const path = `/approvals/${id}`
    expect((await root.post(path, { do: 'sign-in', token: ROOT, tenant: '' })).status).toBe(422)
    const named = await root.post(path, { do: 'sign-in', token: ROOT, tenant: ' Acme ' })
    expect([named.status, named.headers.get('location')]).toEqual([303, page])
    expect(sees(await root.get(page))).toBe(true)
    const only = await new Visitor().post(path, { do: 'sign-in', token: '', tenant: 'acme' })
    expect([only.status, only.headers.get('location'), only.headers.has('set-cookie')]).toEqual([
      303,
      page,
      false,
    ])
    for (const [token, tenant] of [
      [ana, 'globex'],
      ['nothing', 'acme'],
      ['', ''],
      [ana, '//evil.example'],
    ] as const)
      expect((await new Visitor().post(path, { do: 'sign-in', token, tenant })).status).toBe(401)
  })

  test('is nothing where the host is nobody’s, or another tenant’s', async () => {
    const bindings = {
      TENANT_DOMAIN: 'mcp.example.com',
      DEMO: 'false',
      ENCRYPTION_KEYS: KEYS,
    } as Partial<Env>
    for (const [host, path] of [
      ['a.b.mcp.example.com', '/approvals/x'],
      ['globex.mcp.example.com', `/t/acme/approvals/${id}`],
    ] as const)
      expect((await new Visitor({ origin: `https://${host}`, bindings }).get(path)).status).toBe(404)
  })
})

describe('nobody signs in', () => {
  test('over http, but on this machine', async () => {
    const visitor = new Visitor({
      origin: 'http://gate.example',
      bindings: { DEMO: 'false', ENCRYPTION_KEYS: KEYS },
    })
    const pages = await Promise.all([page, '/approvals/x'].map((it) => visitor.get(it)))
    for (const it of pages) expect([it.status, alertOf(it).includes('https alone')]).toEqual([503, true])
    expect((await visitor.post(page, { do: 'sign-in', token: ana })).headers.has('set-cookie')).toBe(false)
  })

  test('without keys to seal a cookie with', async () => {
    const visitor = new Visitor({ origin: 'https://gate.example', bindings: { DEMO: 'false' } })
    const pages = await Promise.all([page, '/t/acme/approvals/x'].map((it) => visitor.get(it)))
    expect(whole(pages[0] as Seen)).toEqual(whole(pages[1] as Seen))
    expect([pages[0]?.status, pages[0]?.text.includes('ENCRYPTION_KEYS')]).toEqual([503, true])
  })
})

describe('Cloudflare Access', () => {
  const AUD = 'aud-of-the-pages'
  let teams = 0

  /** A deployment with Access in front, and who is vouched for there. */
  async function behindAccess(email: string) {
    const issuer = `https://pages-${++teams}.example.com`
    const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true })
    const kid = crypto.randomUUID()
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'RS256' }] }
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json(keys))
    const jwt = await new SignJWT({ email })
      .setProtectedHeader({ alg: 'RS256', kid })
      .setIssuer(issuer)
      .setAudience(AUD)
      .setExpirationTime('5m')
      .sign(privateKey)
    const bindings = { ACCESS_TEAM_DOMAIN: issuer, ACCESS_AUD: AUD } as Partial<Env>
    return { visitor: new Visitor({ bindings }), headers: { 'cf-access-jwt-assertion': jwt } }
  }

  test('signs in without the form, reads and decides', async () => {
    await admin('PUT', 'acme/people/ana', { role: 'approver', email: 'ana@example.com' })
    const { visitor, headers } = await behindAccess('ana@example.com')
    const seen = await visitor.get(page, headers)
    expect([sees(seen), seen.headers.has('set-cookie')]).toEqual([true, false])
    expect(seen.text).toContain('/cdn-cgi/access/logout')
    const fields = { do: 'decide', decision: 'approve', form: formOf(seen) }
    expect((await visitor.post(page, fields, { ...headers, 'sec-fetch-site': 'cross-site' })).status).toBe(
      403,
    )
    expect((await visitor.post(page, fields, headers)).status).toBe(303)
    expect((await admin('GET', `acme/approvals/${id}`)).body).toMatchObject({
      state: 'approved',
      decided_by: 'person:ana',
    })
  })

  test('of a stranger leaves the form', async () => {
    const { visitor, headers } = await behindAccess('mallory@example.com')
    expect(whole(await visitor.get(page, headers))).toEqual(whole(await new Visitor().get(page)))
  })

  test('gives way to a token that was pasted', async () => {
    await admin('PUT', 'acme/people/vera', { role: 'viewer', email: 'vera@example.com' })
    const { visitor, headers } = await behindAccess('vera@example.com')
    expect((await visitor.get(page, headers)).text).toContain('vera</bdi>, viewer')
    await visitor.signIn(page, ana)
    expect((await visitor.get(page, headers)).text).toContain('ana</bdi>, approver')
  })
})

test('what the gateway cannot do is a page, and nothing of it is in the log', async () => {
  const visitor = await new Visitor().signIn(page, ana)
  const failing = new Visitor({
    bindings: {
      TENANT: {
        getByName: () => {
          throw new Error(`secret ${ana}`)
        },
      },
      IGNORE_JURISDICTION: env.IGNORE_JURISDICTION,
    } as never,
  })
  for (const [key, value] of visitor.cookies) failing.cookies.set(key, value)
  const answer = await failing.get(page)
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  expect(answer.text).toContain('could not do this just now')
})

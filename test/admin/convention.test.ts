/** What holds for every route: pages, versions of things, creations that are repeated. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { admin, adminWith, makePerson, tenantObject, tenantRows } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const ALLOW = { version: '1', default: 'allow' }
const DENY = { version: '1', default: 'deny' }
const withHeaders = (headers: Record<string, string>, method: string, path: string, body?: unknown) =>
  admin(method, path, body, undefined, headers)

describe('a list', () => {
  test('comes in pages', async () => {
    for (const name of ['a', 'b', 'c']) await admin('PUT', `acme/policies/${name}`, ALLOW)
    const names = async (query: string) => {
      const { body } = await admin('GET', `acme/policies${query}`)
      const { items, next } = body as { items: { name: string }[]; next: string | null }
      return [items.map(({ name }) => name), next]
    }
    expect(await names('')).toEqual([['a', 'b', 'c'], null])
    expect(await names('?limit=2')).toEqual([['a', 'b'], 'b'])
    expect(await names('?limit=2&after=b')).toEqual([['c'], null])
    expect(await names('?limit=3')).toEqual([['a', 'b', 'c'], null])
  })

  test.each(['limit=0', 'limit=101', 'limit=x', 'limit=1.5', 'before=a'])('?%s is refused', async (query) => {
    await admin('PUT', 'acme', {})
    expect((await admin('GET', `acme/policies?${query}`)).status).toBe(400)
  })
})

describe('a version', () => {
  const things: [string, string, unknown, unknown][] = [
    ['tenant', 'acme', {}, { identity: { trusted: true } }],
    ['policy', 'acme/policies/main', ALLOW, DENY],
    ['grant', 'acme/grants/bot', {}, { label: 'Other' }],
    ['server', 'acme/servers/crm', { url: 'https://crm.example.com/' }, { url: 'https://crm.example.com/2' }],
    ['person', 'acme/people/ana', { role: 'viewer' }, { role: 'admin' }],
  ]

  test.each(things)('of a %s must be the one that was seen', async (_, path, one, two) => {
    const created = await withHeaders({ 'if-none-match': '*' }, 'PUT', path, one)
    const tag = created.headers.get('etag') ?? ''
    expect([created.status, tag]).toEqual([201, expect.stringMatching(/^"\d+"$/)])
    expect((await withHeaders({ 'if-none-match': '*' }, 'PUT', path, two)).status).toBe(412)
    expect((await admin('GET', path)).headers.get('etag')).toBe(tag)
    const changed = await withHeaders({ 'if-match': tag }, 'PUT', path, two)
    expect([changed.status, changed.headers.get('etag')]).toEqual([200, expect.not.stringMatching(tag)])
    const stale = await withHeaders({ 'if-match': tag }, 'PUT', path, one)
    expect([stale.status, stale.body?.title]).toEqual([412, 'Precondition failed'])
    expect((await withHeaders({ 'if-match': tag }, 'DELETE', path)).status).toBe(412)
    expect(
      (await withHeaders({ 'if-match': `W/${changed.headers.get('etag')}` }, 'DELETE', path)).status,
    ).toBe(412)
    expect(
      (await withHeaders({ 'if-match': `"x", ${changed.headers.get('etag')}` }, 'DELETE', path)).status,
    ).toBe(200)
    expect((await withHeaders({ 'if-match': '*' }, 'PUT', path, one)).status).toBe(412)
  })

  test('of a thing that was deleted and made again is another', async () => {
    const first = (await admin('PUT', 'acme/grants/bot', {})).headers.get('etag')
    await admin('DELETE', 'acme/grants/bot')
    expect((await admin('PUT', 'acme/grants/bot', {})).headers.get('etag')).not.toBe(first)
  })

  test('that the caller has need not be sent again', async () => {
    const tag = (await admin('PUT', 'acme/policies/main', ALLOW)).headers.get('etag') ?? ''
    const answer = await withHeaders({ 'if-none-match': tag }, 'GET', 'acme/policies/main')
    expect([answer.status, answer.body]).toEqual([304, null])
    expect((await withHeaders({ 'if-none-match': '"x"' }, 'GET', 'acme/policies/main')).status).toBe(200)
  })

  test('only one of many who saw the same one changes it', async () => {
    const tag = (await admin('PUT', 'acme/policies/main', ALLOW)).headers.get('etag') ?? ''
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        withHeaders({ 'if-match': tag }, 'PUT', 'acme/policies/main', { ...DENY, description: `${i}` }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(412)])
  })

  test.each(['main', '*, "x"', '"a" "b"'])('If-Match: %s is refused', async (match) => {
    const answer = await withHeaders({ 'if-match': match }, 'PUT', 'acme/policies/main', ALLOW)
    expect(answer.status).toBe(400)
  })
})

describe('an Idempotency-Key', () => {
  const KEY = { 'idempotency-key': 'k-1' }

  test('gives the same answer again, token and all; what is stored of it is sealed', async () => {
    await admin('PUT', 'acme', {})
    const first = await withHeaders(KEY, 'PUT', 'acme/grants/bot', { label: 'Bot' })
    const again = await withHeaders(KEY, 'PUT', 'acme/grants/bot', { label: 'Bot' })
    expect([again.status, again.body, again.headers.get('etag')]).toEqual([
      201,
      first.body,
      first.headers.get('etag'),
    ])
    const secret = String(first.body?.token).split('_').at(-1)
    const stored = await tenantRows('acme', 'SELECT * FROM repeats')
    expect(stored).toHaveLength(1)
    expect(JSON.stringify(stored)).not.toContain(secret)
    expect(JSON.stringify(stored)).not.toContain('Bot')
    expect(await tenantRows('acme', "SELECT seq FROM changes WHERE subject = 'grant/bot'")).toHaveLength(1)
  })

  test('also when the request creates the tenant', async () => {
    const first = await withHeaders(KEY, 'PUT', 'acme/grants/bot', {})
    const again = await withHeaders(KEY, 'PUT', 'acme/grants/bot', {})
    expect([first.status, again.body]).toEqual([201, first.body])
  })

  test('means one request: another body, path or query is refused', async () => {
    await admin('PUT', 'acme', {})
    await withHeaders(KEY, 'PUT', 'acme/grants/bot', {})
    for (const [path, body] of [
      ['acme/grants/bot', { label: 'x' }],
      ['acme/grants/bot2', {}],
      ['acme/grants/bot?reason=y', {}],
    ] as const)
      expect((await withHeaders(KEY, 'PUT', path, body)).status).toBe(422)
    expect((await admin('GET', 'acme/grants/bot2')).status).toBe(404)
  })

  test('is each caller’s own', async () => {
    const token = await makePerson('acme', 'ana', 'admin')
    const first = await withHeaders(KEY, 'PUT', 'acme/grants/bot', {})
    const other = await admin('PUT', 'acme/grants/bot', {}, token, KEY)
    expect([first.status, other.status, 'token' in (other.body ?? {})]).toEqual([201, 200, false])
  })

  test('of a request that was refused is free again', async () => {
    await admin('PUT', 'acme', {})
    expect((await withHeaders(KEY, 'PUT', 'acme/grants/bot', { policy: 'main' })).status).toBe(422)
    await admin('PUT', 'acme/policies/main', ALLOW)
    expect((await withHeaders(KEY, 'PUT', 'acme/grants/bot', { policy: 'main' })).status).toBe(201)
    expect((await withHeaders(KEY, 'PUT', 'acme/grants/bot', { policy: 'main' })).status).toBe(201)
  })

  test('is forgotten after a day', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await admin('PUT', 'acme', {})
    await withHeaders(KEY, 'PUT', 'acme/grants/bot', {})
    vi.setSystemTime(Date.now() + 24 * 3_600_000)
    expect((await withHeaders(KEY, 'PUT', 'acme/grants/bot', {})).status).toBe(200)
  })

  const hook = () => ({ url: `${inject('otherSide')}/heard/convention/200` })
  const creations: [string, string, string, () => unknown, 'token' | 'secret', Record<string, string>][] = [
    ['a grant', 'PUT', 'acme/grants/new', () => ({}), 'token', { 'if-none-match': '*' }],
    ['a rotation', 'POST', 'acme/grants/bot/rotate', () => ({}), 'token', {}],
    ['a webhook', 'PUT', 'acme/webhooks/ops', hook, 'secret', { 'if-none-match': '*' }],
  ]

  test.each(creations)('of %s whose answer was lost gives it in spite of its condition', async (...of) => {
    const [, method, path, body, what, condition] = of
    const made = await admin('PUT', 'acme/grants/bot', {})
    const wants = path.endsWith('rotate') ? { 'if-match': made.headers.get('etag') ?? '' } : condition
    const ask = () => withHeaders({ ...KEY, ...wants }, method, path, body())
    const first = await ask()
    expect(first.status).toBe(201)
    const changes = "SELECT action FROM changes WHERE action <> 'tenant.create'"
    const before = await tenantRows('acme', changes)
    await tenantRows('acme', 'UPDATE repeats SET sealed_answer = NULL')
    const again = await ask()
    expect([again.status, again.body?.[what], again.headers.get('etag')]).toEqual([
      201,
      first.body?.[what],
      first.headers.get('etag'),
    ])
    expect(await tenantRows('acme', changes)).toEqual(before)
    expect((await withHeaders(wants, method, path, body())).status).toBe(412)
  })

  test('stays that of the request that claimed it, also when its repetition is refused', async () => {
    await admin('PUT', 'acme', {})
    await withHeaders({ ...KEY, 'if-none-match': '*' }, 'PUT', 'acme/grants/bot', {})
    await tenantRows('acme', 'UPDATE repeats SET sealed_answer = NULL')
    await admin('POST', 'acme/grants/bot/rotate', {})
    const again = await withHeaders({ ...KEY, 'if-none-match': '*' }, 'PUT', 'acme/grants/bot', {})
    expect(again.status).toBe(412)
    expect(await tenantRows('acme', 'SELECT key FROM repeats')).toEqual([{ key: 'k-1' }])
  })

  test('two at once come to one token', async () => {
    await admin('PUT', 'acme', {})
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => withHeaders(KEY, 'PUT', 'acme/grants/bot', {})),
    )
    expect(new Set(answers.map(({ body }) => body?.token)).size).toBe(1)
  })

  test('cannot be kept without keys, or when it is none', async () => {
    const none = { ...env, DEMO: 'false', ENCRYPTION_KEYS: '' }
    expect((await adminWith(none, 'PUT', 'acme/grants/bot', {})).status).toBe(201)
    expect((await withHeaders({ 'idempotency-key': 'a b' }, 'PUT', 'acme/grants/bot', {})).status).toBe(400)
  })

  test('is free again after its request was refused, also where its seed was sealed anew meanwhile', async () => {
    await admin('PUT', 'acme', {})
    const object = tenantObject('acme')
    const claimed = async () => (await tenantRows('acme', 'SELECT key FROM repeats')).length
    await object.claimIdempotencyKey('root', 'k', { digest: 'mine', sealedSeed: 'v1.k1.a.b' })
    await runInDurableObject(object, (_, { storage }) => {
      storage.sql.exec("UPDATE repeats SET sealed_seed = 'v1.k2.c.d'")
    })
    await object.releaseIdempotencyKey('root', 'k', 'another')
    expect(await claimed()).toBe(1)
    await object.releaseIdempotencyKey('root', 'k', 'mine')
    expect(await claimed()).toBe(0)
    await object.claimIdempotencyKey('root', 'k', { digest: 'mine', sealedSeed: 'v1.k2.c.d' })
    await object.keepIdempotentAnswer('root', 'k', 'v1.k2.e.f')
    await object.releaseIdempotencyKey('root', 'k', 'mine')
    expect(await claimed()).toBe(1)
  })
})

describe('policies', () => {
  test('have versions with who, when and why; the newest first', async () => {
    const token = await makePerson('acme', 'paul', 'policy_manager')
    await admin('PUT', 'acme/policies/main', ALLOW)
    await admin('PUT', 'acme/policies/main?reason=too%20open', DENY, token)
    await withHeaders({ 'x-gatehouse-reason': 'a hint' }, 'PUT', 'acme/policies/main', {
      ...DENY,
      hide: ['x'],
    })
    const { body } = await admin('GET', 'acme/policies/main/versions?limit=2')
    expect(body).toEqual({
      items: [
        expect.objectContaining({ version: 3, current: true, created_by: 'root', reason: 'a hint' }),
        expect.objectContaining({
          version: 2,
          current: false,
          created_by: 'person:paul',
          reason: 'too open',
        }),
      ],
      next: '2',
    })
    expect((await admin('GET', 'acme/policies/main/versions?limit=2&after=2')).body).toMatchObject({
      items: [{ version: 1, reason: null }],
      next: null,
    })
    expect((await admin('GET', 'acme/policies/ghost/versions')).status).toBe(404)
  })

  test('are compared by what they mean', async () => {
    await admin('PUT', 'acme/policies/main', { ...ALLOW, hide: ['x'] })
    await admin('PUT', 'acme/policies/main', { ...ALLOW, description: 'the same' })
    await admin('PUT', 'acme/policies/main', { ...ALLOW, description: 'the very same' })
    expect((await admin('GET', 'acme/policies/main/diff?from=1')).body).toEqual({
      from: 1,
      to: 3,
      same: false,
      changes: [
        { tool: 'x', what: 'listed', a: 'no', b: 'yes' },
        { tool: 'x', what: 'call', a: 'hidden', b: 'allowed' },
      ],
    })
    expect((await admin('GET', 'acme/policies/main/diff?from=2&to=3')).body).toMatchObject({
      same: true,
      changes: [],
    })
    expect((await admin('GET', 'acme/policies/main/diff?from=9')).status).toBe(404)
    expect((await admin('GET', 'acme/policies/main/diff')).status).toBe(400)
  })

  test('roll back in one call; the next version comes after the last', async () => {
    await admin('PUT', 'acme/policies/main', ALLOW)
    const second = await admin('PUT', 'acme/policies/main', DENY)
    const back = await withHeaders(
      { 'if-match': second.headers.get('etag') ?? '' },
      'POST',
      'acme/policies/main/rollback?reason=wrong',
      { version: 1 },
    )
    expect([back.status, back.body]).toMatchObject([200, { version: 1, current: true, policy: ALLOW }])
    expect(back.headers.get('etag')).not.toBe(second.headers.get('etag'))
    expect((await admin('PUT', 'acme/policies/main', { ...DENY, hide: ['x'] })).body?.version).toBe(3)
    expect((await admin('POST', 'acme/policies/main/rollback', { version: 9 })).status).toBe(404)
    expect(await tenantRows('acme', "SELECT detail FROM changes WHERE action = 'policy.rollback'")).toEqual([
      { detail: '{"from":2,"to":1,"reason":"wrong"}' },
    ])
  })
})

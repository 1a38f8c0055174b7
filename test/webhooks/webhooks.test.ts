/** Webhooks: what is set up, what arrives, and what becomes of it where nobody takes it. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import type { Env } from '../../src/contract/env.ts'
import { webhookEvents } from '../../src/contract/webhook-events.ts'
import { type SecretKeys, secretKeys } from '../../src/secrets/seal.ts'
import { commitReseal, leftToReseal, prepareReseal } from '../../src/tenant/tables/resealing.ts'
import { openSecret, sealSecret } from '../../src/tenant/tables/webhook-secrets.ts'
import { sealedSecret, signingSecrets } from '../../src/tenant/tables/webhooks.ts'
import { signedHeaders } from '../../src/webhooks/signature.ts'
import { ASKS, decide, errorOf, told, track } from '../approvals/support.ts'
import {
  admin,
  adminWith,
  makeGrant,
  makePerson,
  remains,
  tenantObject,
  tenantRows,
} from '../support/admin.ts'
import { behave, fresh, type Json, principal } from '../support/gateway.ts'
import { PATIENT } from '../support/patient.ts'

const START = Date.parse('2030-01-01T10:00:00Z')
const NAME = 'acme/bot'
let place = 0
let token = ''

beforeEach(async () => {
  place += 1
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
  token = await makeGrant('acme', 'bot', ASKS)
})
afterEach(async () => {
  await told()
  await tenantObject('acme').drain()
  vi.useRealTimers()
})

interface Heard {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string
}

const receiver = (what: string | number) => `${inject('otherSide')}/heard/hook${place}/${what}`
const heard = async () =>
  (await (await fetch(`${inject('otherSide')}/heard/hook${place}`)).json()) as readonly Heard[]
const put = (document: Json = {}, name = 'ops') =>
  admin('PUT', `acme/webhooks/${name}`, { url: receiver(200), ...document })
const get = async (name = 'ops') => (await admin('GET', `acme/webhooks/${name}`)).body
const drain = () => tenantObject('acme').drain()
const ask = async (args?: Json) => {
  const { approval } = errorOf(await track(token, args))
  await told()
  await drain()
  return approval
}
const messages = async (state = 'pending') =>
  (await admin('GET', `acme/webhooks/ops/messages?state=${state}`)).body?.items as { id: string }[]

describe('a webhook', () => {
  test('is made with a secret that is told once, changed, listed and deleted', async () => {
    const made = await put()
    expect([made.status, made.body]).toEqual([
      201,
      {
        name: 'ops',
        url: receiver(200),
        events: [...webhookEvents].sort(),
        enabled: true,
        state: 'open',
        failures: 0,
        retry_at: null,
        last_error: null,
        last_success_at: null,
        pending: 0,
        dead: 0,
        older_secret_until: null,
        created_at: '2030-01-01T10:00:00.000Z',
        updated_at: '2030-01-01T10:00:00.000Z',
        warnings: [expect.stringContaining('unencrypted')],
        secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      },
    ])
    const changed = await put({ events: ['tool.drift'] })
    expect([changed.status, changed.body?.events, changed.body?.secret]).toEqual([
      200,
      ['tool.drift'],
      undefined,
    ])
    expect(await get()).toMatchObject({ name: 'ops', events: ['tool.drift'] })
    expect((await admin('GET', 'acme/webhooks')).body).toMatchObject({ items: [{ name: 'ops' }], next: null })
    expect((await admin('DELETE', 'acme/webhooks/ops')).body).toMatchObject({ deleted: true })
    expect((await admin('GET', 'acme/webhooks/ops')).status).toBe(404)
    expect(await tenantRows('acme', "SELECT action FROM changes WHERE subject = 'webhook/ops'")).toEqual([
      { action: 'webhook.put' },
      { action: 'webhook.put' },
      { action: 'webhook.delete' },
    ])
  })

  test('has its secret sealed at rest', async () => {
    const secret = String((await put()).body?.secret).slice('whsec_'.length)
    const [row] = await tenantRows<{ secret: string }>('acme', 'SELECT secret FROM webhooks')
    expect(row?.secret).toMatch(/^v1\./)
    expect(row?.secret).not.toContain(secret)
  })

  test('cannot be set up where nothing can be sealed, or what is stored does not open', async () => {
    await expect(
      sealSecret(null, { tenant: 'acme', name: 'ops', given: 'whsec_', stored: null }),
    ).rejects.toThrow('ENCRYPTION_KEYS')
    const keys = secretKeys({ DEMO: 'true' } as Env)
    await expect(
      sealSecret(keys, { tenant: 'acme', name: 'ops', given: 'whsec_', stored: 'v1.gone.x.y' }),
    ).rejects.toThrow('stored secret')
  })

  test('has its secret sealed anew under another key, and it stays what it was', async () => {
    const secret = String((await put()).body?.secret)
    const demo = secretKeys({ DEMO: 'true' } as Env) as SecretKeys
    const usages = ['encrypt', 'decrypt'] as const
    const key = crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, [...usages])
    const keys = { ...demo, current: 'k2', byId: new Map([...demo.byId, ['k2', key] as const]) }
    const opened = await runInDurableObject(tenantObject('acme'), async (_, { storage: { sql } }) => {
      const round = await prepareReseal(keys, 'acme', sql)
      expect([commitReseal(round).resealed, leftToReseal(sql, round)]).toEqual([1, { left: 0, stuck: 0 }])
      return openSecret(keys, { tenant: 'acme', name: 'ops', sealed: sealedSecret(sql, 'ops') ?? '' })
    })
    expect(opened).toBe(secret)
  })

  describe('whose secret is rotated', () => {
    const rotate = (body: Json = {}, headers: Record<string, string> = {}) =>
      admin('POST', 'acme/webhooks/ops/rotate', body, undefined, headers)
    const secretOf = (answer: { body: Json | null }) => String(answer.body?.secret)
    /** Which of these secrets the last message that arrived is signed with. */
    async function signers(...secrets: readonly string[]) {
      await ask({ account_id: crypto.randomUUID() })
      const it = (await heard()).at(-1)
      const {
        'webhook-id': id = '',
        'webhook-timestamp': at,
        'webhook-signature': given = '',
      } = it?.headers ?? {}
      const wanted = await Promise.all(
        secrets.map(
          async (one) =>
            (await signedHeaders([one], { id, atSeconds: Number(at), body: it?.body ?? '' }))[
              'webhook-signature'
            ],
        ),
      )
      expect(wanted).toEqual(expect.arrayContaining(given.split(' ')))
      return wanted.map((one) => given.split(' ').includes(one ?? ''))
    }

    test('signs with both until the overlap is over, and is told the new one once', async () => {
      const first = secretOf(await put())
      const answer = await rotate({ overlap_seconds: 600 })
      const second = secretOf(answer)
      expect([answer.status, answer.body?.older_secret_until]).toEqual([201, '2030-01-01T10:10:00.000Z'])
      expect(second).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
      expect(second).not.toBe(first)
      expect(JSON.stringify(await get())).not.toContain('whsec_')
      expect(await signers(first, second)).toEqual([true, true])
      vi.setSystemTime(START + 600_000)
      expect(await signers(first, second)).toEqual([false, true])
      expect((await get())?.older_secret_until).toBeNull()
      const rows = await tenantRows('acme', "SELECT detail FROM changes WHERE action = 'webhook.rotate'")
      expect(rows).toEqual([{ detail: '{"overlap_ms":600000}' }])
    })

    test('signs with the new one alone where nothing overlaps, and never with a third', async () => {
      const first = secretOf(await put())
      const second = secretOf(await rotate({ overlap_seconds: 0 }))
      expect(await signers(first, second)).toEqual([false, true])
      const third = secretOf(await rotate())
      const fourth = secretOf(await rotate())
      expect(await signers(second, third, fourth)).toEqual([false, true, true])
      // A change of anything else keeps both.
      await put({ events: ['approval.pending'] })
      expect(await signers(third, fourth)).toEqual([true, true])
    })

    test('forgets the older one by alarm', async () => {
      await put()
      await rotate({ overlap_seconds: 60 })
      const stored = () => tenantRows('acme', 'SELECT older_secret, older_until FROM webhooks')
      expect(await stored()).toEqual([
        { older_secret: expect.stringMatching(/^v1\./), older_until: START + 60_000 },
      ])
      vi.setSystemTime(START + 3_600_000)
      await runDurableObjectAlarm(tenantObject('acme'))
      expect(await stored()).toEqual([{ older_secret: null, older_until: null }])
    })

    test('has the same answer for the same request, and nothing is done twice', async () => {
      const first = secretOf(await put())
      const [once, twice] = [
        await rotate({}, { 'idempotency-key': 'r' }),
        await rotate({}, { 'idempotency-key': 'r' }),
      ]
      expect([twice.status, twice.body]).toEqual([201, once.body])
      expect(await signers(first, secretOf(once))).toEqual([true, true])
      const other = await rotate({ overlap_seconds: 1 }, { 'idempotency-key': 'r' })
      expect(other.status).toBe(422)
    })

    test('by two at once is rotated by one, or by one after the other: the last answer signs', async () => {
      await put()
      const answers = await Promise.all([rotate(), rotate()])
      const done = answers.filter(({ status }) => status === 201)
      expect(answers.map(({ status }) => status).every((status) => status === 201 || status === 409)).toBe(
        true,
      )
      expect(done.length).toBeGreaterThan(0)
      expect((await signers(...done.map(secretOf))).some(Boolean)).toBe(true)
    })

    test('keeps both when keys rotate', async () => {
      const first = secretOf(await put())
      const second = secretOf(await rotate())
      const demo = secretKeys({ DEMO: 'true' } as Env) as SecretKeys
      const key = crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt'])
      const keys = { ...demo, current: 'k2', byId: new Map([...demo.byId, ['k2', key] as const]) }
      const opened = await runInDurableObject(tenantObject('acme'), async (_, { storage: { sql } }) => {
        const round = await prepareReseal(keys, 'acme', sql)
        expect([commitReseal(round).resealed, leftToReseal(sql, round).left]).toEqual([2, 0])
        const sealed = signingSecrets(sql, 'ops', Date.now())
        expect(sealed.map((it) => it.slice(0, 6))).toEqual(['v1.k2.', 'v1.k2.'])
        return Promise.all(sealed.map((it) => openSecret(keys, { tenant: 'acme', name: 'ops', sealed: it })))
      })
      expect(opened).toEqual([second, first])
    })

    test('is a way out where the stored one opens no longer', async () => {
      await put()
      await tenantRows('acme', "UPDATE webhooks SET secret = 'v1.gone.x.y'")
      const second = secretOf(await rotate())
      expect(await signers(second)).toEqual([true])
    })

    test.each([-1, 30 * 24 * 3_600 + 1, 1.5, '60'])(
      'is not for an overlap of %j',
      async (overlap_seconds) => {
        await put()
        expect((await rotate({ overlap_seconds })).status).toBe(422)
      },
    )

    test('is there, and as it was seen', async () => {
      expect((await rotate()).status).toBe(404)
      await put()
      expect((await rotate({}, { 'if-match': '"9999"' })).status).toBe(412)
    })
  })

  test('that has changed since it was seen is not overwritten', async () => {
    const { headers } = await put()
    const etag = headers.get('etag') ?? ''
    const change = (tag: string) =>
      admin('PUT', 'acme/webhooks/ops', { url: receiver(201) }, undefined, { 'if-match': tag })
    expect((await change(etag)).status).toBe(200)
    expect((await change(etag)).status).toBe(412)
  })

  test('shows people who may not set it where it leads, and not the whole URL', async () => {
    await put({ url: `${receiver(200)}?key=hidden` })
    const viewer = await makePerson('acme', 'vic', 'viewer')
    const { body } = await admin('GET', 'acme/webhooks/ops', undefined, viewer)
    expect(body?.url).toBe(`${inject('otherSide')}/…`)
    expect((await admin('DELETE', 'acme/webhooks/ops', undefined, viewer)).status).toBe(403)
    const asked = await admin('PUT', 'acme/webhooks/ops', { url: receiver(200) }, viewer)
    expect(asked.status).toBe(403)
  })

  test.each([
    ['no URL', { url: 'nowhere' }],
    ['another scheme', { url: 'ftp://hooks.example.com/' }],
    ['a user name', { url: 'https://me:secret@hooks.example.com/' }],
    ['a fragment', { url: 'https://hooks.example.com/#a' }],
    ['no event', { events: [] }],
    ['an event that is none', { events: ['approval.lost'] }],
    ['another member', { secret: 'mine' }],
  ])('is refused with %s', async (_, document) => {
    const { status, body } = await put(document)
    expect(status).toBe(422)
    expect(JSON.stringify(body)).not.toContain('me:secret')
  })

  test.each([
    ['http://hooks.example.com/', 'scheme'],
    ['https://127.0.0.1/', 'loopback'],
    ['https://169.254.169.254/latest', 'metadata'],
    ['https://10.1.2.3/', 'private'],
    ['https://hooks.internal/', 'private network'],
  ])('may not be at %s', async (url, why) => {
    const strict = { ALLOW_PRIVATE_UPSTREAMS: 'false' }
    const { status, body } = await adminWith(strict, 'PUT', 'acme/webhooks/ops', { url })
    expect([status, body?.detail]).toEqual([422, expect.stringContaining(why)])
  })

  test('may not be at a name that leads inside', async () => {
    const strict = { ALLOW_PRIVATE_UPSTREAMS: 'false', RESOLVER_URL: `${inject('otherSide')}/dns/10.0.0.7/` }
    const asked = await adminWith(strict, 'PUT', 'acme/webhooks/ops', { url: 'https://hooks.example.com/' })
    expect([asked.status, asked.body?.detail]).toEqual([422, expect.stringContaining('10.0.0.7')])
  })
})

describe('a message', () => {
  test('is signed, says what happened, and no argument', async () => {
    const secret = String((await put()).body?.secret)
    const id = await ask({ account_id: 'acct_secret_7' })
    await decide(id, 'approve', 'fine')
    await drain()
    const [pending, decided, ...more] = await heard()
    expect(more).toEqual([])
    for (const it of [pending, decided]) {
      if (it === undefined) throw new Error('it did not arrive')
      const {
        'webhook-id': messageId = '',
        'webhook-timestamp': at,
        'webhook-signature': signature,
      } = it.headers
      expect(at).toBe(String(START / 1_000))
      expect(signature).toBe(
        (await signedHeaders([secret], { id: messageId, atSeconds: Number(at), body: it.body }))[
          'webhook-signature'
        ],
      )
      expect(it.headers['content-type']).toBe('application/json')
      expect(it.body).not.toContain('acct_secret_7')
    }
    expect(JSON.parse(pending?.body ?? '')).toEqual({
      type: 'approval.pending',
      timestamp: '2030-01-01T10:00:00.000Z',
      data: {
        approval: id,
        grant: 'bot',
        session: null,
        account: null,
        server: 'legiti',
        tool: 'track_logout',
        argument_names: ['account_id'],
        arguments_hmac: expect.stringMatching(/^[A-Za-z0-9-]+:[\w-]{22}$/),
        rule: '/tools/track_logout/require_approval/0',
        message: 'Ask Ana.',
        policy_version: expect.any(String),
        requested_at: '2030-01-01T10:00:00.000Z',
        expires_at: '2030-01-01T10:15:00.000Z',
        url: `http://127.0.0.1:8787/t/acme/approvals/${id}`,
      },
    })
    expect(JSON.parse(decided?.body ?? '')).toMatchObject({
      type: 'approval.decided',
      data: { approval: id, state: 'approved', decided_by: 'root', reason: 'fine' },
    })
    expect(await get()).toMatchObject({ pending: 0, dead: 0, last_success_at: '2030-01-01T10:00:00.000Z' })
    expect(await tenantRows('acme', "SELECT 1 FROM webhook_messages WHERE body <> ''")).toEqual([])
  })

  test('is for those who asked for its type, and are enabled', async () => {
    await put({ events: ['tool.drift'] }, 'drift')
    await put({ enabled: false }, 'off')
    await ask()
    expect(await heard()).toEqual([])
    expect(await tenantRows('acme', 'SELECT 1 FROM webhook_messages')).toEqual([])
  })

  test('of a tool that has changed names what differs', async () => {
    await put()
    await admin('PUT', 'acme/servers/crm', { url: 'http://127.0.0.1:9/mcp' })
    const tool = { name: 'find', description: 'Finds.', inputSchema: { type: 'object' } }
    const list = (digest: string, description: string) =>
      tenantObject('acme').observe('crm', { digest, toolsJson: JSON.stringify([{ ...tool, description }]) })
    await list('one', 'Finds.')
    await list('two', 'Finds, and tells everyone.')
    await list('two', 'Finds, and tells everyone.')
    await drain()
    const drifts = (await heard()).map(({ body }) => JSON.parse(body) as Json)
    expect(drifts).toEqual([
      {
        type: 'tool.drift',
        timestamp: '2030-01-01T10:00:00.000Z',
        data: { server: 'crm', tools: [{ tool: 'find', fields: ['/description'] }], total: 1 },
      },
    ])
  })

  test('of a breaker says that it opened, and that it closed', async () => {
    await put()
    await admin('PUT', 'acme/servers/crm', { url: 'http://127.0.0.1:9/mcp' })
    const report = (atMs: number, breaker: 'open' | 'half_open' | 'closed') =>
      tenantObject('acme').report('crm', { atMs, breaker })
    await report(START + 1, 'closed')
    await report(START + 2, 'open')
    await report(START + 3, 'half_open')
    await report(START + 4, 'open')
    await report(START + 5, 'half_open')
    await report(START + 6, 'closed')
    await drain()
    const states = (await heard()).map(
      ({ body }) => (JSON.parse(body) as { data: { state: string } }).data.state,
    )
    expect(states.sort()).toEqual(['closed', 'open'])
  })

  test('of an event that Legiti will not take says which', async () => {
    await put()
    await behave('reject')
    await decide(await ask({ account_id: 'acct_secret_7' }), 'approve')
    await track(token, { account_id: 'acct_secret_7' })
    await principal(NAME).drain()
    await principal(NAME).drain()
    await drain()
    const dead = (await heard()).find(({ body }) => body.includes('legiti.dead_letter'))
    expect(JSON.parse(dead?.body ?? '{}')).toMatchObject({
      type: 'legiti.dead_letter',
      data: { grant: 'bot', event: expect.stringMatching(/^evt_/), tool: 'track_logout', reason: 'http_400' },
    })
    expect(dead?.body).not.toContain('acct_secret_7')
  })
})

describe('a receiver', () => {
  test('that fails is asked again with the same message, less and less often, until it takes it', async () => {
    await put({ url: receiver(503) })
    await ask()
    await drain()
    expect(await heard()).toHaveLength(1)
    const standing = await get()
    expect(standing).toMatchObject({ state: 'backing_off', failures: 1, pending: 1, last_error: 'http_503' })
    vi.setSystemTime(Date.parse(String(standing?.retry_at)))
    await runDurableObjectAlarm(tenantObject('acme'))
    await drain()
    const [first, second] = await heard()
    expect([second?.headers['webhook-id'], second?.body]).toEqual([first?.headers['webhook-id'], first?.body])
    expect(Date.parse(String((await get())?.retry_at)) - Date.now()).toBeGreaterThanOrEqual(5_000)
    await put({ url: receiver(204) })
    await drain()
    expect(await heard()).toHaveLength(3)
    expect(await get()).toMatchObject({ state: 'open', pending: 0 })
  })

  test('that takes one message and fails beside it has failed once, however often it did before', async () => {
    await put({ url: receiver('turns') })
    await ask()
    await ask({ account_id: 'bea' })
    const standing = await get()
    expect(standing).toMatchObject({ failures: 1, pending: 2 })
    vi.setSystemTime(Date.parse(String(standing?.retry_at)))
    await runDurableObjectAlarm(tenantObject('acme'))
    await drain()
    expect(await heard()).toHaveLength(3)
    expect(await get()).toMatchObject({
      state: 'backing_off',
      failures: 1,
      pending: 1,
      last_error: 'http_503',
    })
  })

  test('that redirects is not followed', async () => {
    await put({ url: `${inject('otherSide')}/redirect/here` })
    await ask()
    expect(await get()).toMatchObject({ pending: 1, last_error: 'http_302' })
  })

  test('that is gone is asked no more for this message', async () => {
    await put({ url: receiver(410) })
    await ask()
    expect(await get()).toMatchObject({ pending: 0, dead: 1 })
  })

  test('that nobody can reach for 72 hours has dead letters, which are listed and sent again', async () => {
    await put({ url: receiver(500) })
    await ask()
    vi.setSystemTime(START + 72 * 3_600_000)
    await runDurableObjectAlarm(tenantObject('acme'))
    await drain()
    const [letter] = await messages('dead')
    expect(letter).toMatchObject({
      type: 'approval.pending',
      state: 'dead',
      last_error: expect.stringContaining('72 hours'),
    })
    await put({ url: receiver(200) })
    const replay = `acme/webhooks/ops/messages/${letter?.id}/replay`
    expect((await admin('POST', replay)).status).toBe(202)
    await drain()
    expect((await heard()).at(-1)?.headers['webhook-id']).toBe(letter?.id)
    expect(await messages('delivered')).toMatchObject([{ id: letter?.id }])
    expect((await admin('POST', replay)).status).toBe(404)
    expect((await admin('GET', 'acme/webhooks/none/messages')).status).toBe(404)
  })

  test('that never answers is let go after 10 s and keeps nothing from the others', async () => {
    await put({ url: receiver('hang') }, 'slow')
    await put({ url: receiver(200) })
    const { approval } = errorOf(await track(token))
    await told()
    await vi.waitUntil(async () => (await get())?.pending === 0, PATIENT)
    await decide(approval, 'deny')
    await vi.waitUntil(async () => (await heard()).length === 3, PATIENT)
    await drain()
    expect(await get('slow')).toMatchObject({ last_error: 'timeout', pending: 2 })
  }, 20_000)

  test('for whom much has gathered has it in several runs', async () => {
    await put({ url: receiver(200) })
    await tenantRows(
      'acme',
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
       INSERT INTO webhook_messages (webhook, id, type, body, at, state, attempts, give_up_at)
       SELECT 'ops', 'evt_' || i, 'approval.pending', '{}', 1, 'pending', 0, 9e15 FROM n`,
    )
    await runDurableObjectAlarm(tenantObject('acme'))
    const sent = async () => (await heard()).length
    await vi.waitUntil(async () => (await sent()) >= 200, PATIENT)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect([await sent(), await get()]).toMatchObject([200, { pending: 50, failures: 0 }])
    const { alarm } = await remains(tenantObject('acme'))
    expect(Number(alarm)).toBeLessThanOrEqual(Date.now() + 2_000)
    await runDurableObjectAlarm(tenantObject('acme'))
    await drain()
    expect(await get()).toMatchObject({ pending: 0, failures: 0 })
    expect(new Set((await heard()).map(({ headers }) => headers['webhook-id'])).size).toBe(250)
  })

  test('hears what was announced before everything died', async () => {
    await put({ url: receiver(500) })
    await ask()
    await evictDurableObject(tenantObject('acme'))
    await put({ url: receiver(200) })
    await evictDurableObject(tenantObject('acme'))
    await runDurableObjectAlarm(tenantObject('acme'))
    await drain()
    expect((await heard()).length).toBeGreaterThanOrEqual(2)
    expect(await get()).toMatchObject({ pending: 0 })
  })
})

test('a tenant that is deleted leaves nothing, whatever is on its way', async () => {
  await put({ url: receiver('hang') })
  await track(token)
  await told()
  await vi.waitUntil(async () => (await heard()).length === 1, PATIENT)
  await admin('DELETE', 'acme')
  await vi.waitUntil(async () => {
    await runDurableObjectAlarm(tenantObject('acme'))
    return (await admin('GET', 'acme')).status === 404
  }, PATIENT)
  await drain()
  expect(await remains(tenantObject('acme'))).toEqual({ tables: [], alarm: null })
  expect(await remains(principal(NAME))).toEqual({ tables: [], alarm: null })
}, 30_000)

test('changes are told to principals while messages wait', async () => {
  await put({ url: receiver(500) })
  await ask()
  await admin('PUT', 'acme/policies/bot', { version: '1', default: 'allow' })
  expect((await track(token)).isError).toBe(false)
  expect(await get()).toMatchObject({ pending: 1 })
})

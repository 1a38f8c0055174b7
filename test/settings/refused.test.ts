/** Settings and variables that could have no effect are refused, with what was found and what is allowed. */
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, test } from 'vitest'
import { app } from '../../src/app.ts'
import type { Env } from '../../src/contract/env.ts'
import { admin, adminWith } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)

const WITHOUT = { AUDIT_DB: undefined } as unknown as Partial<Env>

test('how long rows are kept where no database keeps them', async () => {
  const refused = await adminWith(WITHOUT, 'PUT', 'acme', { audit: { retention_days: 7 } })
  expect([refused.status, refused.body?.problems]).toEqual([
    422,
    [
      '/audit/retention_days: found 7; allowed: to leave it out, because this deployment has no audit database, and rows stay for 30 days where they were written (docs/deploy.md)',
    ],
  ])
  expect((await admin('GET', 'acme')).status).toBe(404)
  expect((await adminWith(WITHOUT, 'PUT', 'acme', {})).status).toBe(201)
  expect((await admin('PUT', 'acme', { audit: { retention_days: 7 } })).status).toBe(200)
})

test('customers of a store whose tokens nothing could seal', async () => {
  const store = (who: object) => ({
    identity: { magento: [{ name: 'shop', base_url: 'https://93.184.216.34', ...who }] },
  })
  const none = { DEMO: 'false', ENCRYPTION_KEYS: '', ALLOW_PRIVATE_UPSTREAMS: 'true' }
  const refused = await adminWith(none, 'PUT', 'acme', store({ customer: true }))
  expect([refused.status, refused.body?.problems]).toEqual([
    422,
    [
      '/identity/magento/0/customer: found true; allowed: false, because this deployment has no ENCRYPTION_KEYS, which a customer’s token is sealed with',
    ],
  ])
  expect((await adminWith(none, 'PUT', 'acme', store({ admin: true }))).status).toBe(201)
  expect((await admin('PUT', 'acme', store({ customer: true }))).status).toBe(200)
})

describe('a variable that would do nothing', () => {
  test.each<[Partial<Env>, string]>([
    [{ DEMO: 'yes' }, 'DEMO is "yes"; allowed: true, false'],
    [{ IGNORE_JURISDICTION: '1' }, 'IGNORE_JURISDICTION is "1"; allowed: true, false'],
    ...['https://app.example.com/', 'app.example.com', 'https://App.example.com', 'null', '*'].map(
      (wrong): [Partial<Env>, string] => [
        { ALLOWED_ORIGINS: `https://fine.example.com, ${wrong}` },
        `ALLOWED_ORIGINS has ${JSON.stringify(wrong)}; allowed: origins as browsers send them, such as https://app.example.com, separated by commas`,
      ],
    ),
  ])('%j', async (bindings, detail) => {
    const http = new Request('http://127.0.0.1/healthz')
    const response = await app.fetch(http, { ...env, ...bindings } as Env, createExecutionContext())
    expect([response.status, ((await response.json()) as { detail: string }).detail]).toEqual([503, detail])
  })

  test.each(['', 'https://app.example.com', 'http://127.0.0.1:3000, chrome-extension://abcdef', ' , '])(
    'is none where browsers send such origins: %j',
    async (ALLOWED_ORIGINS) => {
      const http = new Request('http://127.0.0.1/healthz')
      const response = await app.fetch(http, { ...env, ALLOWED_ORIGINS } as Env, createExecutionContext())
      expect(response.status).toBe(200)
    },
  )
})

test('a webhook for what does not happen is made with a warning', async () => {
  const off = { NATIVE_SERVERS: 'session' }
  const put = (events?: string[]) =>
    adminWith({ ...off, ALLOW_PRIVATE_UPSTREAMS: 'true' }, 'PUT', 'acme/webhooks/w', {
      url: 'https://hooks.example.com/',
      ...(events === undefined ? {} : { events }),
    })
  await admin('PUT', 'acme', {})
  expect((await put(['legiti.dead_letter'])).body?.warnings).toEqual([
    'The webhook asks for legiti.dead_letter, and this deployment does not have Legiti (NATIVE_SERVERS does not name it).',
  ])
  expect((await put()).body?.warnings).toEqual([])
})

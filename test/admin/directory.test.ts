/** Which tenants there are, for the deployment's owner. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { api } from '../../src/admin/api.ts'
import { TenantDirectory } from '../../src/tenant/directory-object.ts'
import { admin, makeGrant, ROOT, remains, tenantObject, tenantRows } from '../support/admin.ts'
import { behave, connect, fresh, send } from '../support/gateway.ts'

beforeEach(fresh)
afterEach(async () => {
  await behave('ok')
  vi.useRealTimers()
  vi.restoreAllMocks()
})

const directory = () => env.DIRECTORY.getByName('tenants')
const list = async (query = '') => {
  const { status, body } = await send('GET', `/api/v1/tenants${query}`, ROOT, {})
  expect(status).toBe(200)
  return body as { items: { name: string; state: string; created_at: string | null }[]; next: string | null }
}
const states = async () => (await list()).items.map(({ name, state }) => [name, state])

describe('the list of tenants', () => {
  test('is empty before there is one, and nothing is stored for it', async () => {
    expect(await list()).toEqual({ items: [], next: null })
    expect(await remains(directory())).toEqual({ tables: [], alarm: null })
  })

  test('names each by its state, whatever made it', async () => {
    await admin('PUT', 'acme', {})
    await makeGrant('globex', 'bot')
    await admin('PUT', 'initech/servers/crm', { url: 'http://127.0.0.1:9/mcp' })
    await admin('POST', 'globex/suspend')
    expect(await states()).toEqual([
      ['acme', 'active'],
      ['globex', 'suspended'],
      ['initech', 'active'],
    ])
    expect((await list()).items[0]?.created_at).toMatch(/^\d{4}-\d\d-\d\dT/)
  })

  const server = { url: 'https://crm.example.com/mcp' }
  const makers: [string, object][] = [
    ['policies/main', { version: '1', default: 'deny' }],
    ['servers/crm', server],
    ['grants/bot', {}],
    ['webhooks/ops', { url: 'https://ops.example.com/', events: ['tool.drift'] }],
    ['people/ana', { role: 'admin' }],
    ['secrets/crm', { value: 'k-123', origins: ['https://crm.example.com'] }],
  ]

  test('is made by a PUT of each kind of thing, and all of them are tried here', () => {
    const kinds = api().flatMap(({ method, path }) =>
      method === 'PUT' ? (/:tenant\/([a-z]+)\/:\w+$/.exec(path)?.[1] ?? []) : [],
    )
    expect(makers.map(([path]) => path.split('/')[0]).toSorted()).toEqual(kinds.toSorted())
  })

  test.each(makers)(
    'has a tenant that a PUT of %s made: it is on record, and the answer says so',
    async (path, body) => {
      const records = () =>
        tenantRows<{ actor: string; action: string; detail: string }>(
          'typo',
          'SELECT actor, action, detail FROM changes ORDER BY seq',
        )
      const made = await admin('PUT', `typo/${path}?reason=why`, body)
      expect(made.status).toBe(201)
      const [first, ...others] = await records()
      expect(first).toEqual({
        actor: 'root',
        action: 'tenant.create',
        detail: '{"changed":"","reason":"why"}',
      })
      expect(others).toHaveLength(1)
      const says = 'The tenant typo was made: there was none of that name.'
      expect(made.body?.warnings).toContain(says)
      const again = await admin('PUT', `typo/${path}`, body)
      expect(again.status).toBe(200)
      expect(again.body?.warnings).not.toContain(says)
      expect((await records()).filter(({ action }) => action === 'tenant.create')).toHaveLength(1)
      expect((await admin('PUT', 'typo', {})).body?.warnings).toEqual([])
    },
  )

  test('has none whose name a host name could not hold, whatever was to make it', async () => {
    for (const path of ['', '/policies/main', '/servers/crm', '/grants/bot', '/people/ana', '/secrets/crm']) {
      const bodies: Record<string, object> = {
        '/policies/main': { version: '1', default: 'deny' },
        '/servers/crm': server,
        '/people/ana': { role: 'admin' },
        '/secrets/crm': { value: 'k-123', origins: ['https://crm.example.com'] },
      }
      const { status, body } = await admin('PUT', `ab--evil${path}`, bodies[path] ?? {})
      expect([path, status, body?.problems]).toEqual([path, 422, [expect.stringContaining('no -- after')]])
    }
    expect(await states()).toEqual([])
    expect(await remains(tenantObject('ab--evil'))).toEqual({ tables: [], alarm: null })
  })

  test('comes page by page', async () => {
    for (const name of ['c', 'a', 'b']) await admin('PUT', name, {})
    const first = await list('?limit=2')
    expect(first.items.map(({ name }) => name)).toEqual(['a', 'b'])
    const second = await list(`?limit=2&after=${first.next}`)
    expect([second.items.map(({ name }) => name), second.next]).toEqual([['c'], null])
  })

  test('is for the root token alone, and nobody else learns of it', async () => {
    await admin('PUT', 'acme', {})
    await admin('PUT', 'acme/people/ana', { role: 'admin' })
    const { body } = await admin('POST', 'acme/people/ana/token', {})
    expect((await send('GET', '/api/v1/tenants', String(body?.token), {})).status).toBe(401)
  })

  test('a read of a tenant that is not there, and a change that is refused, leave no name', async () => {
    await admin('GET', 'ghost')
    await admin('DELETE', 'ghost')
    await admin('PUT', 'ghost', { nonsense: true })
    expect(await directory().names({ after: null, limit: 100 })).toEqual([])
  })
})

describe('a tenant that goes', () => {
  test('is off the list as soon as nothing is left of it', async () => {
    await admin('PUT', 'acme', {})
    expect((await admin('DELETE', 'acme')).status).toBe(200)
    expect(await list()).toEqual({ items: [], next: null })
  })

  test('is on it as long as something is waited for', async () => {
    await admin('PUT', 'acme', { identity: { trusted: true } })
    const client = await connect({ token: await makeGrant('acme', 'bot') })
    await client.login('ana')
    await behave('fail')
    expect((await admin('DELETE', 'acme')).status).toBe(202)
    expect(await states()).toEqual([['acme', 'deleting']])
    expect((await admin('DELETE', 'acme?wait_seconds=0')).status).toBe(200)
    expect(await states()).toEqual([])
  })

  test('stays while the directory does not answer, and goes when it does', async () => {
    await admin('PUT', 'acme', {})
    const away = vi.spyOn(TenantDirectory.prototype, 'remove').mockRejectedValue(new Error('away'))
    expect((await admin('DELETE', 'acme')).status).toBe(202)
    expect(await states()).toEqual([['acme', 'deleting']])
    away.mockRestore()
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await states()).toEqual([])
    expect(await remains(tenantObject('acme'))).toEqual({ tables: [], alarm: null })
  })

  test('and is made anew is on it again', async () => {
    await admin('PUT', 'acme', {})
    await admin('DELETE', 'acme')
    expect((await admin('PUT', 'acme', {})).status).toBe(201)
    expect(await states()).toEqual([['acme', 'active']])
  })
})

describe('a tenant that is being made', () => {
  test('is not made while the directory does not answer', async () => {
    vi.spyOn(TenantDirectory.prototype, 'add').mockRejectedValue(new Error('away'))
    expect((await admin('PUT', 'acme', {})).status).toBe(503)
    expect(await remains(tenantObject('acme'))).toEqual({ tables: [], alarm: null })
    vi.restoreAllMocks()
    expect((await admin('PUT', 'acme', {})).status).toBe(201)
  })

  test('by two at once is made by one of them', async () => {
    const made = await Promise.all(
      [1, 2, 3, 4].map(() => admin('PUT', 'acme', {}, ROOT, { 'if-none-match': '*' })),
    )
    expect(made.map(({ status }) => status).sort()).toEqual([201, 412, 412, 412])
  })

  test('and never was, because everything died in between, is not listed, and struck off after an hour', async () => {
    await directory().add('half')
    await admin('PUT', 'acme', {})
    expect(await states()).toEqual([['acme', 'active']])
    const names = () => directory().names({ after: null, limit: 100 })
    expect(await names()).toEqual(['acme', 'half'])
    vi.useFakeTimers({ now: Date.now() + 3_600_001, toFake: ['Date'] })
    expect(await states()).toEqual([['acme', 'active']])
    expect(await names()).toEqual(['acme'])
  })
})

describe('a tenant from before there was a directory', () => {
  const fromBefore = async () => {
    await admin('PUT', 'acme', {})
    await directory().remove('acme')
    await tenantRows('acme', 'UPDATE tenant SET is_listed = 0')
    await evictDurableObject(tenantObject('acme'))
  }

  test('is listed once its object has woken up', async () => {
    await fromBefore()
    expect(await states()).toEqual([])
    expect((await admin('GET', 'acme')).status).toBe(200)
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await states()).toEqual([['acme', 'active']])
    expect(await tenantRows('acme', 'SELECT is_listed FROM tenant')).toEqual([{ is_listed: 1 }])
  })

  test('is so within a minute after the directory answers again, and goes on meanwhile', async () => {
    await fromBefore()
    vi.spyOn(TenantDirectory.prototype, 'add').mockRejectedValue(new Error('away'))
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await states()).toEqual([])
    const { alarm } = await remains(tenantObject('acme'))
    expect(Number(alarm) - Date.now()).toBeLessThanOrEqual(60_000)
    vi.restoreAllMocks()
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await states()).toEqual([['acme', 'active']])
  })
})

test('a person whose tenant went while they were asking does not make it again', async () => {
  await admin('PUT', 'acme', {})
  await admin('DELETE', 'acme')
  const by = { actor: 'person:ana', reason: null, expected: { tags: null, absent: false } }
  const put = await tenantObject('acme').putPolicy('acme', 'main', '{"version":"1"}', by)
  expect(put).toMatchObject({ kind: 'conflict' })
  expect(await remains(tenantObject('acme'))).toEqual({ tables: [], alarm: null })
  expect(await directory().names({ after: null, limit: 100 })).toEqual([])
})

/** The audit trail as an administrator asks it: pages, filters, exports, a live tail, retention, verification. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Tail } from '../../src/audit/tail.ts'
import { recordChange } from '../../src/tenant/tables/changes.ts'
import { admin, adminWith, makeGrant, makePerson, ROOT, tenantObject } from '../support/admin.ts'
import { auditDb, carriedRows } from '../support/audit.ts'
import { connect, fresh, type Json, open, principal, settled } from '../support/gateway.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const DAY = 24 * 3_600_000

beforeEach(async () => {
  await fresh()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(START)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Calls of one grant, a second apart. */
async function called(tenant: string, grant: string, tools: readonly string[]): Promise<void> {
  const token = await makeGrant(tenant, grant)
  const client = await connect({ token })
  for (const tool of tools) {
    await client.call(tool)
    vi.setSystemTime(Date.now() + 1_000)
  }
  await settled(`${tenant}/${grant}`)
}

async function carried(tenant: string, grant: string, laterMs = 70_000): Promise<void> {
  vi.setSystemTime(Date.now() + laterMs)
  await runDurableObjectAlarm(principal(`${tenant}/${grant}`))
  await principal(`${tenant}/${grant}`).auditSettled()
}

async function changed(tenant: string, subject: string): Promise<void> {
  await runInDurableObject(tenantObject(tenant), async (_, { storage }) => {
    recordChange(storage.sql, { atMs: Date.now(), actor: 'root', action: 'policy.put', subject, detail: {} })
    await storage.setAlarm(Date.now())
  })
  vi.setSystemTime(Date.now() + 10_000)
  await runDurableObjectAlarm(tenantObject(tenant))
}

const items = async (query: string) => (await admin('GET', `acme/audit?${query}`)).body?.items as Json[]
const verified = async () => (await admin('POST', 'acme/audit/verify', {})).body as Json

describe('a query', () => {
  test('goes page by page, newest first or oldest first', async () => {
    await called('acme', 'bot', ['auth_whoami', 'nothing', 'auth_whoami', 'auth_logout', 'nothing'])
    await carried('acme', 'bot')
    const first = await admin('GET', 'acme/audit?limit=2&grant=bot')
    expect(first.body?.items).toMatchObject([
      { tool: '(unknown)', decision: 'refuse', grant: 'bot', kind: 'decision' },
      { tool: 'auth_logout', decision: 'allow', at: '2030-01-01T00:00:03.000Z' },
    ])
    const seen = [...((first.body?.items ?? []) as Json[])]
    for (let next = first.body?.next; next !== null; ) {
      const { body } = await admin('GET', `acme/audit?limit=2&grant=bot&after=${next}`)
      seen.push(...((body?.items ?? []) as Json[]))
      next = body?.next
    }
    expect(seen.map(({ seq }) => seq)).toEqual([5, 4, 3, 2, 1])
    expect((await items('order=oldest&grant=bot')).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
  })

  test('asks for any field and for a time', async () => {
    await called('acme', 'bot', ['auth_whoami', 'nothing', 'auth_logout'])
    await carried('acme', 'bot')
    expect(await items('tool=auth_logout')).toHaveLength(1)
    expect(await items('decision=refuse&grant=bot')).toHaveLength(1)
    expect(await items('outcome=result&grant=bot')).toHaveLength(2)
    expect(await items('kind=decision&from=2030-01-01T00:00:01Z&to=2030-01-01T00:00:02Z')).toHaveLength(1)
    const [row] = await items('tool=auth_logout')
    expect(await items(`request_id=${row?.request_id}`)).toEqual([row])
    expect(await items(`arguments_hmac=${encodeURIComponent(String(row?.arguments_hmac))}`)).toHaveLength(2)
  })

  test('that cannot be meant is refused', async () => {
    await makeGrant('acme', 'bot')
    for (const query of ['limit=101', 'after=x', 'from=yesterday', 'tenant=other', 'value=1', 'order=best'])
      expect((await admin('GET', `acme/audit?${query}`)).status, query).toBe(400)
  })

  test('says up to when it is complete', async () => {
    await called('acme', 'bot', ['auth_whoami'])
    const before = (await admin('GET', 'acme/audit')).body
    expect(before).toMatchObject({ complete_until: '2030-01-01T00:00:00.000Z' })
    await carried('acme', 'bot')
    const after = (await admin('GET', 'acme/audit?grant=bot')).body
    expect(after?.complete_until).toBe(new Date(Date.now()).toISOString())
  })

  test('of a database without tables says how to make them', async () => {
    await makeGrant('acme', 'agent')
    await auditDb().exec('ALTER TABLE audit RENAME TO elsewhere')
    const answer = await admin('GET', 'acme/audit')
    await auditDb().exec('ALTER TABLE elsewhere RENAME TO audit')
    expect(answer.status).toBe(503)
    expect(answer.body).toMatchObject({ detail: expect.stringContaining('d1 migrations apply AUDIT_DB') })
  })

  test('without a database is answered 503', async () => {
    await makeGrant('acme', 'bot')
    const answer = await adminWith({ AUDIT_DB: undefined } as never, 'GET', 'acme/audit')
    expect(answer.status).toBe(503)
  })
})

test('a tenant sees its own rows alone, whatever the query says', async () => {
  await called('acme', 'bot', ['auth_whoami'])
  await called('other', 'bot', ['auth_whoami', 'auth_whoami'])
  await carried('acme', 'bot')
  await carried('other', 'bot')
  await changed('other', 'policy/theirs')
  const tenants = new Map((await carriedRows<{ tenant: string }>()).map(({ tenant }) => [tenant, true]))
  expect([...tenants.keys()].sort()).toEqual(['acme', 'other'])
  const [row] = await carriedRows<{ request_id: string; chain: string }>(
    "tenant = 'other' AND principal = 'bot'",
  )
  const queries = [
    '',
    'grant=bot',
    `request_id=${row?.request_id}`,
    "grant=bot'%20OR%20'1'='1",
    'grant=(tenant)',
  ]
  for (const query of queries) for (const item of await items(query)) expect(item.chain).not.toBe(row?.chain)
  expect(await items(`request_id=${row?.request_id}`)).toEqual([])
  expect(await items('grant=(tenant)')).not.toContainEqual(
    expect.objectContaining({ subject: 'policy/theirs' }),
  )
  const lines = await exported('acme')
  expect(lines.filter((it) => it.grant === 'bot')).toHaveLength(1)
  expect(JSON.stringify(lines)).not.toContain(row?.chain)
  for (const path of ['acme/audit', 'acme/audit/export', 'acme/audit/tail'])
    expect((await admin('GET', path, undefined, null)).status).toBe(401)
  expect((await admin('POST', 'acme/audit/verify', {}, null)).status).toBe(401)
})

async function exported(tenant: string, query = ''): Promise<Json[]> {
  const response = await open('GET', `/api/v1/tenants/${tenant}/audit/export${query}`, ROOT, {})
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const text = await response.text()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Json)
}

test('an export has every row and says that it is whole; what came since is had with its end', async () => {
  await called('acme', 'bot', ['auth_whoami', 'nothing'])
  await carried('acme', 'bot')
  const lines = await exported('acme', '?grant=bot')
  expect(lines.map(({ seq }) => seq)).toEqual([1, 2, undefined])
  const end = lines.at(-1)
  expect(end).toMatchObject({ end: true, rows: 2, next: null })
  expect(await exported('acme', `?grant=bot&after=${end?.last}`)).toMatchObject([{ end: true, rows: 0 }])
})

describe('a live tail', () => {
  const tail = (after: number | null = null) =>
    new Tail({
      env,
      db: auditDb(),
      tenant: 'acme',
      filter: { kind: 'decision' },
      after,
      isAllowed: async () => true,
      now: () => Date.now(),
      wait: async () => {},
    })

  test('tells every row once: early, or when it arrives', async () => {
    await called('acme', 'bot', ['auth_whoami'])
    const it = tail()
    await it.begin()
    expect(await it.look()).toEqual([])
    const client = await connect({ token: await tokenOf('acme', 'second') })
    await client.call('nothing')
    const seen: object[] = []
    for (let looks = 0; looks < 6; looks++) seen.push(...(await it.look()))
    expect(seen).toMatchObject([{ principal: 'second', tool: '(unknown)', hash: null }])
    expect(await it.look()).toEqual([])
    await carried('acme', 'bot')
    await carried('acme', 'second')
    expect((await it.look()).filter(({ kind }) => kind === 'decision')).toEqual([])
    await client.call('auth_whoami')
    await carried('acme', 'second')
    expect(await it.look()).toMatchObject([
      { principal: 'second', tool: 'auth_whoami', hash: expect.any(String) },
    ])
  })

  test('goes on where it was', async () => {
    await called('acme', 'bot', ['auth_whoami', 'nothing'])
    await carried('acme', 'bot')
    const it = tail(0)
    await it.begin()
    expect((await it.look()).filter(({ principal: grant }) => grant === 'bot')).toHaveLength(2)
  })

  test('that goes on does not tell again what arrived before, and a log keeps for a refund', async () => {
    const limits = [{ counter: 'c', window: 'hour', max: 5 }]
    const token = await makeGrant('acme', 'bot', { version: '1', tools: { auth_whoami: { limits } } })
    const client = await connect({ token })
    const call = async () => {
      await client.call('auth_whoami')
      vi.setSystemTime(Date.now() + 1_000)
      await settled('acme/bot')
    }
    await call()
    await carried('acme', 'bot', 12_000)
    expect(await principal('acme/bot').auditRows(0, 10)).toMatchObject({ headSeq: 1, rows: [{ seq: 1 }] })
    const it = tail((await carriedRows<{ arrived: number }>()).at(-1)?.arrived ?? 0)
    await it.begin()
    expect(await it.look()).toEqual([])
    await call()
    expect((await it.look()).map(({ seq }) => seq)).toEqual([2])
  })

  test('is an event stream', async () => {
    await called('acme', 'bot', ['auth_whoami'])
    const response = await open('GET', '/api/v1/tenants/acme/audit/tail', ROOT, { 'last-event-id': '0' })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    let text = ''
    while (!text.includes('auth_whoami')) text += new TextDecoder().decode((await reader.read()).value)
    expect(text).toMatch(/^retry: 1000\nid: 0\n\n/)
    await reader.cancel()
  })

  test('ends for whoever may no longer see it', async () => {
    const vera = await makePerson('acme', 'vera', 'viewer')
    const response = await open('GET', '/api/v1/tenants/acme/audit/tail', vera, {})
    const reader = (response.body as ReadableStream<BufferSource>)
      .pipeThrough(new TextDecoderStream())
      .getReader()
    let text = (await reader.read()).value ?? ''
    await admin('DELETE', 'acme/people/vera')
    vi.setSystemTime(Date.now() + 5_000)
    for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value
    expect(text).toMatch(/event: end\ndata: {}\n\n$/)
  })
})

const tokenOf = (tenant: string, grant: string) => makeGrant(tenant, grant)

describe('verification', () => {
  beforeEach(async () => {
    await called('acme', 'bot', ['auth_whoami', 'nothing', 'auth_whoami', 'auth_whoami', 'auth_whoami'])
    await carried('acme', 'bot')
    await changed('acme', 'policy/main')
  })

  const meddle = (query: string) => auditDb().prepare(query).run()
  const retained = async (afterMs = 2 * DAY, days = 1) => {
    await admin('PUT', 'acme', { audit: { retention_days: days } })
    vi.setSystemTime(Date.now() + afterMs)
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => storage.setAlarm(Date.now()))
    await runDurableObjectAlarm(tenantObject('acme'))
  }

  test('finds nothing in what nobody touched', async () => {
    expect(await verified()).toMatchObject({ intact: true, logs: 2, findings: [], next: null })
  })

  test.each<[string, string, Json]>([
    ['an altered field', "UPDATE audit SET decision = 'deny' WHERE seq = 2", { seq: 2, problem: 'altered' }],
    ['an altered time', 'UPDATE audit SET at = at + 1 WHERE seq = 3', { seq: 3, problem: 'altered' }],
    ['another client', "UPDATE audit SET client = 'x' WHERE seq = 2", { seq: 2, problem: 'altered' }],
    [
      'another version of the client',
      "UPDATE audit SET client_version = '2' WHERE seq = 3",
      { seq: 3, problem: 'altered' },
    ],
    [
      'a client that was taken away',
      'UPDATE audit SET client = NULL, client_version = NULL WHERE seq = 4',
      { seq: 4, problem: 'altered' },
    ],
    ['an altered hash', "UPDATE audit SET hash = 'x' WHERE seq = 5", { seq: 5, problem: 'altered' }],
    ['a row that is gone', 'DELETE FROM audit WHERE seq = 3', { seq: 3, problem: 'missing' }],
    ['a beginning that is gone', 'DELETE FROM audit WHERE seq <= 2', { seq: 1, problem: 'missing' }],
    ['an end that is gone', 'DELETE FROM audit WHERE seq >= 4', { seq: 4, problem: 'cut_short' }],
    ['a whole log that is gone', 'DELETE FROM audit', { seq: 1, problem: 'cut_short' }],
    [
      'a row that was put in',
      `INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash)
       SELECT tenant, principal, chain, 6, at, kind, hash FROM audit WHERE seq = 5`,
      { seq: 6, problem: 'made_up' },
    ],
    ['another log', "UPDATE audit SET chain = 'other'", { problem: 'unknown_log' }],
  ])('finds %s', async (_, query, finding) => {
    await meddle(`${query} ${query.includes('WHERE') ? 'AND' : 'WHERE'} principal = 'bot'`)
    const { intact, findings } = await verified()
    expect(intact).toBe(false)
    expect(findings).toContainEqual(expect.objectContaining({ grant: 'bot', ...finding }))
  })

  test('finds a client in a row that named none', async () => {
    await meddle("UPDATE audit SET client_version = '1' WHERE principal = '(tenant)' AND seq = 2")
    expect((await verified()).findings).toContainEqual(
      expect.objectContaining({ grant: '(tenant)', seq: 2, problem: 'altered' }),
    )
  })

  test('finds that administrative changes are gone', async () => {
    await meddle("DELETE FROM audit WHERE principal = '(tenant)'")
    expect((await verified()).findings).toContainEqual(
      expect.objectContaining({ grant: '(tenant)', problem: 'cut_short' }),
    )
  })

  test('finds rows that were put in where retention had removed, or before the beginning', async () => {
    await meddle(`INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash)
      SELECT tenant, principal, chain, 0, at, kind, hash FROM audit WHERE principal = 'bot' AND seq = 1`)
    expect((await verified()).findings).toMatchObject([{ grant: 'bot', seq: 0, problem: 'made_up' }])
    await meddle('DELETE FROM audit WHERE seq = 0')
    const [row] = await carriedRows<{ chain: string }>("principal = 'bot'")
    await retained()
    expect(await carriedRows("principal = 'bot'")).toEqual([])
    expect(await verified()).toMatchObject({ intact: true })
    await meddle(`INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash)
      VALUES ('acme', 'bot', '${row?.chain}', 3, ${Date.now()}, 'decision', 'x')`)
    expect((await verified()).findings).toMatchObject([{ grant: 'bot', seq: 3, problem: 'made_up' }])
  })

  test('finds a log of nobody on any page, even one without a name', async () => {
    await meddle(`INSERT INTO audit (tenant, principal, chain, seq, at, kind, hash)
      VALUES ('acme', 'zed', '', 1, 1, 'decision', 'x')`)
    const after = JSON.stringify(['bot', '', 0, '', '', 0, false])
    const { body } = await admin('POST', 'acme/audit/verify', { after })
    expect(body?.findings).toMatchObject([{ grant: 'zed', problem: 'unknown_log' }])
  })

  test('finds a cut at the head that is not the head', async () => {
    await retained()
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => {
      storage.sql.exec("UPDATE audit_cuts SET hash = 'x' WHERE principal = 'bot'")
    })
    expect((await verified()).findings).toMatchObject([{ grant: 'bot', seq: 5, problem: 'altered' }])
  })

  test('does not take rows that retention has yet to remove for made up', async () => {
    const [first, last] = await carriedRows<{ chain: string; hash: string }>(
      "principal = 'bot' AND seq IN (1, 5)",
    )
    await runInDurableObject(tenantObject('acme'), (_, { storage }) => {
      storage.sql.exec(
        "INSERT INTO audit_cuts (principal, chain, seq, hash) VALUES ('bot', ?, 5, ?)",
        first?.chain,
        last?.hash,
      )
    })
    expect(await verified()).toMatchObject({ intact: true })
    await retained()
    expect(await carriedRows("principal = 'bot'")).toEqual([])
    expect(await verified()).toMatchObject({ intact: true })
  })

  test.each<[string, string, number]>([
    ['times', 'UPDATE audit SET at = 0 WHERE seq <= 3', 5],
    ['a field', "UPDATE audit SET decision = 'deny' WHERE seq = 2", 5],
    ['a hash', "UPDATE audit SET hash = 'x' WHERE seq = 3", 5],
    ['a gap', 'DELETE FROM audit WHERE seq = 2', 4],
  ])('retention keeps what was meddled with: %s', async (_, query, count) => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => {})
    await meddle(`${query} AND principal = 'bot'`)
    await retained()
    expect(await carriedRows("principal = 'bot'")).toHaveLength(count)
    expect(errors.mock.calls.flat().join()).toContain('audit.not_cut')
    expect(await verified()).toMatchObject({ intact: false })
  })

  test('retention takes no row for old whose time was changed, though nothing is old', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    await meddle("UPDATE audit SET at = 0 WHERE principal = 'bot'")
    await retained(DAY, 30)
    expect(await carriedRows("principal = 'bot'")).toHaveLength(5)
    expect(await verified()).toMatchObject({ intact: false })
  })

  test('goes on where retention has cut, and only there', async () => {
    await admin('PUT', 'acme', { audit: { retention_days: 1 } })
    await called('acme', 'second', [])
    vi.setSystemTime(START + 2 * DAY)
    const client = await connect({ token: await tokenOf('acme', 'third') })
    await client.call('auth_whoami')
    await carried('acme', 'third')
    await runDurableObjectAlarm(tenantObject('acme'))
    expect(await carriedRows("principal = 'bot'")).toEqual([])
    expect(await carriedRows("principal = 'third'")).toHaveLength(1)
    expect(await verified()).toMatchObject({ intact: true })
    await meddle("DELETE FROM audit WHERE principal = 'third'")
    expect(await verified()).toMatchObject({ intact: false })
  })
})

/** Policies and tenant settings over the administration API. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { admin, makeGrant, ROOT, tenantObject, tenantRows } from '../support/admin.ts'
import { connect, fresh, type Json, send } from '../support/gateway.ts'

beforeEach(fresh)

const ALLOW = { version: '1', default: 'allow' }
const DENY = { version: '1', default: 'deny' }
const put = (document: unknown, name = 'main') => admin('PUT', `acme/policies/${name}`, document)

describe('a policy', () => {
  test('has numbered versions that stay as they were', async () => {
    await admin('PUT', 'acme', {})
    const first = await put(ALLOW)
    expect([first.status, first.body]).toEqual([
      201,
      {
        ...{ name: 'main', version: 1, current: true, created_at: expect.any(String), created_by: 'root' },
        ...{ deleted_at: null, deleted_by: null, deleted_reason: null },
        ...{ reason: null, policy: ALLOW, warnings: [], told: 0, pending: 0 },
      },
    ])
    const second = await put(DENY)
    expect([second.status, second.body?.version]).toEqual([200, 2])
    expect((await admin('GET', 'acme/policies/main')).body).toMatchObject({ version: 2, policy: DENY })
    expect((await admin('GET', 'acme/policies/main?version=1')).body).toMatchObject({
      version: 1,
      policy: ALLOW,
    })
    expect((await admin('GET', 'acme/policies/main?version=3')).status).toBe(404)
    expect((await admin('GET', 'acme/policies/main?version=x')).status).toBe(400)
    expect((await admin('GET', 'acme/policies')).body).toEqual({
      items: [expect.objectContaining({ name: 'main', version: 2, current: true })],
      next: null,
    })
  })

  test('of the same content makes no new version', async () => {
    await put(ALLOW)
    expect([(await put(ALLOW)).status, (await put(ALLOW)).body?.version]).toEqual([200, 1])
    await put(DENY)
    expect((await put(ALLOW)).body?.version).toBe(3)
  })

  test('may be YAML', async () => {
    const text = 'version: "1"\ndefault: allow\nhide: [track_sale]\n'
    const answer = await send(
      'PUT',
      '/api/v1/tenants/acme/policies/main',
      ROOT,
      { 'content-type': 'text/yaml; charset=utf-8' },
      text,
    )
    expect([answer.status, answer.body?.policy]).toEqual([
      201,
      { version: '1', default: 'allow', hide: ['track_sale'] },
    ])
  })

  test('that does not load is refused, with every problem and its place', async () => {
    const text = 'version: "1"\ndefalt: allow\nhide: track_sale\n'
    const answer = await send(
      'PUT',
      '/api/v1/tenants/acme/policies/main',
      ROOT,
      { 'content-type': 'text/yaml' },
      text,
    )
    expect(answer.status).toBe(422)
    expect(answer.body?.problems).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^line 2, column 1: \/defalt: found the unknown name "defalt"/),
        expect.stringMatching(/^line 3, column 7: \/hide: found "track_sale"/),
      ]),
    )
    expect((await admin('GET', 'acme')).status).toBe(404)
  })

  test('that names what no server has is taken with a warning', async () => {
    await admin('PUT', 'acme', {})
    const answer = await put({ ...ALLOW, tools: { trak_sale: { limits: [] } } })
    expect([answer.status, answer.body?.warnings]).toEqual([
      201,
      [expect.stringContaining('the tool "trak_sale", which no server has')],
    ])
  })

  test('is checked against what upstream servers list, once they all have', async () => {
    await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp' })
    const document = {
      ...ALLOW,
      tools: { crm__find: { limits: [] }, find: { limits: [] }, fnd: { limits: [] } },
    }
    expect((await put(document)).body?.warnings).toEqual([
      'The tools of crm are not known yet, so these names were not checked: crm__find, find, fnd.',
    ])
    const toolsJson = JSON.stringify([{ name: 'find', inputSchema: { type: 'object' } }])
    await tenantObject('acme').observe('crm', { digest: 'one', toolsJson })
    const { warnings } = (await put(document, 'other')).body as { warnings: string[] }
    expect(warnings).toEqual([expect.stringContaining('the tool "fnd", which no server has')])
  })

  test('is checked against the servers that are known, whichever others are not', async () => {
    for (const name of ['crm', 'dead'])
      await admin('PUT', `acme/servers/${name}`, { url: `https://${name}.example.com/mcp` })
    const schema = { type: 'object', properties: { amount: {} } }
    const long = `take.${'x'.repeat(60)}`
    const toolsJson = JSON.stringify([
      { name: 'find', inputSchema: schema },
      { name: long, inputSchema: schema },
    ])
    await tenantObject('acme').observe('crm', { digest: 'one', toolsJson })
    const { servers } = (await admin('GET', 'acme/tools')).body as { servers: Json[] }
    const [crm, dead] = servers.filter(({ native }) => native === false)
    expect([crm, dead]).toEqual([
      {
        name: 'crm',
        native: false,
        off: null,
        tools: [
          { names: ['crm__find', 'find'], shown_as: null, input_schema: schema },
          {
            names: [`crm__${long}`, long],
            shown_as: expect.stringMatching(/^crm__take_x+_[0-9a-f]{8}$/),
            input_schema: schema,
          },
        ],
      },
      { name: 'dead', native: false, off: null, tools: null },
    ])
    const [, { shown_as: shownAs } = {}] = (crm?.tools ?? []) as { shown_as?: string }[]
    const answer = await put({
      ...ALLOW,
      hide: ['crm__fnid', 'dead__drop'],
      tools: {
        crm__find: { require: [{ path: 'args.amuont', op: 'exists', value: true }] },
        fnd: {},
        anything: {},
        track_sael: {},
        crn__find: {},
        [String(shownAs)]: {},
      },
      resources: { 'dead+x:*': {}, 'daed+x:*': {} },
    })
    const { warnings } = answer.body as { warnings: string[] }
    const place = (pointer: string) =>
      expect.stringMatching(new RegExp(`^line 1, column \\d+: ${pointer}: found `))
    expect(warnings).toEqual([
      place('/hide/0'),
      place('/tools/crm__find/require/0'),
      place('/tools/fnd'),
      place('/tools/track_sael'),
      place('/tools/crn__find'),
      place(`/tools/${shownAs}`),
      place('/resources/daed\\+x:\\*'),
      'The tools of dead are not known yet, so these names were not checked: anything, dead__drop.',
    ])
    const said = (pointer: string) => warnings.find((it) => it.includes(`: ${pointer}: `)) ?? ''
    expect(said('/hide/0')).toContain(
      'which no server has; allowed: a tool that is known; did you mean "crm__find"?',
    )
    expect(said('/tools/fnd')).toMatch(/or one of dead, whose tools are not; did you mean "find"\?$/)
    expect(said('/tools/track_sael')).toMatch(/did you mean "track_sale"\?$/)
    expect(said('/tools/crn__find')).toContain(
      'of the server "crn", which is not there; allowed: a server that is there (crm, dead); did you mean "crm__find"?',
    )
    expect(said(`/tools/${shownAs}`)).toContain(`did you mean "crm__${long}"?`)
    expect(said('/resources/daed+x:*')).toMatch(/did you mean "dead\+x:\*"\?$/)
  })

  test('is checked again when it is rolled back, for servers go', async () => {
    await admin('PUT', 'acme/servers/crm', { url: 'https://crm.example.com/mcp' })
    await tenantObject('acme').observe('crm', {
      digest: 'one',
      toolsJson: '[{"name":"find","inputSchema":{}}]',
    })
    expect((await put({ ...ALLOW, hide: ['crm__find'] })).body?.warnings).toEqual([])
    await put(DENY)
    await admin('DELETE', 'acme/servers/crm')
    expect((await admin('POST', 'acme/policies/main/rollback', { version: 1 })).body?.warnings).toEqual([
      expect.stringContaining('/hide/0: found the tool "crm__find" of the server "crm", which is not there'),
    ])
  })

  test('is not deleted under a grant', async () => {
    await makeGrant('acme', 'bot')
    const refused = await admin('DELETE', 'acme/policies/bot')
    expect([refused.status, refused.body?.detail]).toEqual([
      409,
      'Grants are under this policy: bot. Put them under another one, or revoke them; then delete it.',
    ])
    await admin('DELETE', 'acme/grants/bot')
    expect((await admin('DELETE', 'acme/policies/bot')).body).toEqual({
      deleted: true,
      warnings: [],
      told: 0,
      pending: 0,
    })
    expect((await admin('GET', 'acme/policies/bot')).status).toBe(404)
  })

  describe('that was deleted', () => {
    const names = async (query = '') => {
      const { items } = (await admin('GET', `acme/policies${query}`)).body as { items: Json[] }
      return items.map(({ name, version }) => `${name} ${version}`)
    }
    const versions = async (name = 'main') => {
      const { items } = (await admin('GET', `acme/policies/${name}/versions`)).body as { items: Json[] }
      return items.map((it) => [it.version, it.current, it.deleted_at !== null])
    }
    /** Two versions, of which the first is the current one again; then none is. */
    async function deleted() {
      await put(ALLOW)
      await put(DENY)
      await admin('POST', 'acme/policies/main/rollback', { version: 1 })
      await admin('DELETE', 'acme/policies/main?reason=wrong+one')
    }

    test('is not there, and its versions are still to be read: who, when, why, and what differs', async () => {
      await deleted()
      expect((await admin('GET', 'acme/policies/main')).status).toBe(404)
      expect((await admin('DELETE', 'acme/policies/main')).status).toBe(404)
      expect((await admin('PUT', 'acme/grants/bot', { policy: 'main' })).status).toBe(422)
      expect([await names(), await names('?deleted=true')]).toEqual([[], ['main 1']])
      expect(await versions()).toEqual([
        [2, false, false],
        [1, false, true],
      ])
      expect((await admin('GET', 'acme/policies/main?version=2')).body).toMatchObject({
        ...{ version: 2, current: false, policy: DENY, created_by: 'root', deleted_at: null },
      })
      expect((await admin('GET', 'acme/policies/main?version=1')).body).toMatchObject({
        ...{ current: false, policy: ALLOW, deleted_at: expect.any(String) },
        ...{ deleted_by: 'root', deleted_reason: 'wrong one' },
      })
      expect((await admin('GET', 'acme/policies/main/diff?from=1&to=2')).body).toMatchObject({ same: false })
      expect((await admin('GET', 'acme/policies/main/diff?from=1')).status).toBe(404)
    })

    test('is followed by one whose numbers go on', async () => {
      await deleted()
      const made = await put(ALLOW)
      expect([made.status, made.body?.version]).toEqual([201, 3])
      expect([await names(), await names('?deleted=true')]).toEqual([['main 3'], []])
      expect(await versions()).toEqual([
        [3, true, false],
        [2, false, false],
        [1, false, true],
      ])
      await admin('DELETE', 'acme/policies/main')
      expect(await names('?deleted=true')).toEqual(['main 3'])
      expect((await put(ALLOW)).body?.version).toBe(4)
    })

    test('is brought back by a roll back, unless it is there', async () => {
      await deleted()
      const stale = await admin('POST', 'acme/policies/main/rollback', { version: 2 }, ROOT, {
        'if-match': '*',
      })
      expect(stale.status).toBe(412)
      const back = () =>
        admin('POST', 'acme/policies/main/rollback', { version: 2 }, ROOT, { 'if-none-match': '*' })
      const answer = await back()
      expect([answer.status, answer.body]).toEqual([
        200,
        expect.objectContaining({ version: 2, current: true, policy: DENY }),
      ])
      expect(answer.headers.get('etag')).toBe((await admin('GET', 'acme/policies/main')).headers.get('etag'))
      expect((await back()).status).toBe(412)
      expect((await admin('PUT', 'acme/grants/bot', { policy: 'main' })).status).toBe(201)
      expect((await admin('POST', 'acme/policies/main/rollback', { version: 9 })).status).toBe(404)
      const rows = await tenantRows<{ detail: string }>(
        'acme',
        "SELECT detail FROM changes WHERE action = 'policy.rollback' ORDER BY seq DESC LIMIT 1",
      )
      expect(rows).toEqual([{ detail: '{"from":null,"to":2}' }])
    })

    test('is one of at most 500; the one deleted first goes with its versions, and none that is there', async () => {
      await put(ALLOW, 'kept')
      await put(ALLOW, 'first')
      await admin('DELETE', 'acme/policies/first')
      await tenantRows(
        'acme',
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
         INSERT INTO policy_versions (name, version, document, created_at, created_by, deleted_at, deleted_by)
         SELECT 'old-' || i, 7, '{}', 1, 'root', 9000000000000 + i, 'root' FROM n`,
      )
      const count = async () =>
        (await tenantRows<{ n: number }>('acme', 'SELECT count(DISTINCT name) AS n FROM policy_versions'))[0]
          ?.n
      expect(await count()).toBe(501)
      vi.useFakeTimers({ toFake: ['Date'] })
      vi.setSystemTime(9_000_000_001_000)
      await put(ALLOW, 'last')
      await admin('DELETE', 'acme/policies/last')
      vi.useRealTimers()
      expect(await count()).toBe(501)
      expect([await versions('kept'), await versions('last')]).toEqual([
        [[1, true, false]],
        [[1, false, true]],
      ])
      expect((await admin('GET', 'acme/policies/first/versions')).status).toBe(404)
    })

    test('does not make room for more than there may be', async () => {
      await deleted()
      await tenantRows(
        'acme',
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO policy_versions (name, version, document, created_at) SELECT 'p-' || i, 1, '{}', 1 FROM n`,
      )
      await tenantRows(
        'acme',
        "INSERT INTO policies SELECT name, 1 FROM policy_versions WHERE name LIKE 'p-%'",
      )
      const full = await admin('POST', 'acme/policies/main/rollback', { version: 1 })
      expect([full.status, full.body?.detail]).toEqual([
        409,
        'found 500 policies already; allowed: at most 500',
      ])
      expect((await admin('GET', 'acme/policies/main')).status).toBe(404)
    })
  })

  test.each(['Main', 'a_b', '-a'])('cannot be called %s', async (name) => {
    const answer = await put(ALLOW, name)
    expect([answer.status, answer.body?.detail]).toEqual([
      422,
      `the policy's name: found ${JSON.stringify(name)}; allowed: 1 to 63 of a-z, 0-9 and -, with no - at either end`,
    ])
  })

  test('that would make a configuration too large is refused, and nothing has happened', async () => {
    const hide = Array.from({ length: 8_000 }, (_, i) => `${i}`.padStart(120, 'x'))
    expect((await put({ ...ALLOW, hide })).status).toBe(201)
    const headers = { 'x-a': 'v'.repeat(8_000), 'x-b': 'v'.repeat(8_000), 'x-c': 'v'.repeat(8_000) }
    const register = (name: string) =>
      admin('PUT', `acme/servers/${name}`, { url: 'https://a.example.com', headers })
    let last = await register('s0')
    let servers = 1
    for (; last.status === 201 && servers < 99; servers++) last = await register(`s${servers}`)
    expect([last.status, last.body?.detail]).toEqual([
      409,
      expect.stringMatching(
        /^found \d+ bytes of servers, settings and the largest policy together; allowed: at most 1500000$/,
      ),
    ])
    expect((await admin('GET', `acme/servers/s${servers - 1}`)).status).toBe(404)
    expect((await admin('GET', `acme/servers/s${servers - 2}`)).status).toBe(200)
  })

  test('holds for the next request of a client that is connected', async () => {
    const token = await makeGrant('acme', 'bot')
    const client = await connect({ token })
    expect(await client.tools()).toContain('auth_whoami')
    expect((await put({ ...ALLOW, hide: ['auth_whoami'] }, 'bot')).body?.pending).toBe(0)
    expect(await client.tools()).not.toContain('auth_whoami')
    expect((await client.call('auth_whoami')).isError).toBe(true)
    await put(ALLOW, 'bot')
    expect((await client.call('auth_whoami')).isError).toBe(false)
  })
})

describe('the settings of a tenant', () => {
  test('are created, read and replaced', async () => {
    const created = await admin('PUT', 'acme', { identity: { trusted: true } })
    expect([created.status, created.body]).toEqual([
      201,
      {
        name: 'acme',
        identity: { trusted: true, jwt: [], magento: [] },
        sessions: { idle_seconds: 1_800, absolute_seconds: 43_200 },
        audit: { retention_days: 400 },
        access: null,
        approvals: { expires_seconds: 900 },
        suspended_at: null,
        created_at: expect.any(String),
        updated_at: expect.any(String),
        warnings: [],
        told: 0,
        pending: 0,
      },
    ])
    const replaced = await admin('PUT', 'acme', { sessions: { idle_seconds: 60 } })
    expect([replaced.status, replaced.body?.identity]).toEqual([
      200,
      { trusted: false, jwt: [], magento: [] },
    ])
    expect((await admin('GET', 'acme')).body).toMatchObject({ sessions: { idle_seconds: 60 } })
  })

  test('that cannot be meant are refused, every problem named', async () => {
    const answer = await admin('PUT', 'acme', { servers: [], sesions: {}, sessions: { idle_seconds: 0 } })
    expect(answer.status).toBe(422)
    expect(answer.body?.problems).toEqual(
      expect.arrayContaining([
        expect.stringContaining(
          '/servers: found the unknown name "servers"; allowed: identity, sessions, approvals, audit',
        ),
        expect.stringContaining('did you mean "sessions"?'),
        expect.stringContaining('/sessions/idle_seconds: found 0'),
      ]),
    )
    expect((await admin('GET', 'acme')).status).toBe(404)
  })

  test('hold for the next request of every grant', async () => {
    const client = await connect({ token: await makeGrant('acme', 'bot') })
    expect((await client.login('ana')).isError).toBe(true)
    await admin('PUT', 'acme', { identity: { trusted: true } })
    expect((await client.login('ana')).isError).toBe(false)
  })
})

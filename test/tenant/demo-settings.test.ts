/** The settings of the demo's tenant: its built-in grant goes by what was said of them, and by the demo's file for the rest. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, test } from 'vitest'
import { admin, makeGrant, tenantObject } from '../support/admin.ts'
import { connect, fresh, principal, rows, type SessionClient } from '../support/gateway.ts'

beforeEach(fresh)

const put = (settings: unknown) => admin('PUT', 'demo', settings)
const GOES_BY = expect.stringContaining('goes by these settings now')
const KEEPS = 'The built-in grant demo/agent keeps the settings of src/demo/tenant.json.'

/** How long the session of a login may be idle, and how long it lasts at most, in seconds. */
async function timesOf(client: SessionClient): Promise<[number, number]> {
  const { structured } = await client.login('ana')
  const [started, idle, end] = [structured.started_at, structured.idle_expires_at, structured.expires_at].map(
    (at) => Date.parse(String(at)) / 1_000,
  )
  return [Math.round((idle ?? 0) - (started ?? 0)), Math.round((end ?? 0) - (started ?? 0))]
}
const FILE = [1_800, 43_200]

describe('what is said', () => {
  test('of sessions holds for the built-in grant, and what is left out is as the file has it', async () => {
    const client = await connect()
    expect(await timesOf(client)).toEqual(FILE)
    const said = await put({ sessions: { idle_seconds: 60 } })
    expect([said.status, said.body?.warnings]).toEqual([201, [GOES_BY]])
    expect(said.body).toMatchObject({
      identity: { trusted: true },
      sessions: { idle_seconds: 60, absolute_seconds: 43_200 },
    })
    expect(await timesOf(client)).toEqual([60, 43_200])
    expect(await timesOf(await connect())).toEqual([60, 43_200])
    await put({ sessions: { absolute_seconds: 90 } })
    expect((await timesOf(client))[1]).toBe(90)
  })

  test('of identity and approvals does, too', async () => {
    await put({ identity: { trusted: false } })
    expect((await (await connect()).login('ana')).code).toBe('login_failed')
    await put({ approvals: { expires_seconds: 61 } })
    expect((await (await connect()).login('ana')).isError).toBe(false)
    const [row] = await rows<{ config: string }>('SELECT config FROM grants')
    expect(JSON.parse(row?.config ?? '')).toMatchObject({
      settings: { approvals: { expires_seconds: 61 } },
      settingsOf: 'tenant',
    })
  })

  test('holds before the grant was ever used, after both objects were put away, and for others of the tenant', async () => {
    await put({ sessions: { idle_seconds: 61 } })
    expect(await timesOf(await connect())).toEqual([61, 43_200])
    const token = await makeGrant('demo', 'bot')
    expect(await timesOf(await connect({ token }))).toEqual([61, 43_200])
    await evictDurableObject(principal())
    await evictDurableObject(tenantObject('demo'))
    expect(await timesOf(await connect())).toEqual([61, 43_200])
  })

  test('stays said when servers come and go, and the tenant is suspended and resumed', async () => {
    await put({ sessions: { idle_seconds: 62 } })
    await admin('PUT', 'demo/servers/crm', { url: 'https://crm.example.com/mcp' })
    expect(await timesOf(await connect())).toEqual([62, 43_200])
    await admin('POST', 'demo/suspend')
    await expect(connect()).rejects.toThrow('403')
    await admin('POST', 'demo/resume')
    expect(await timesOf(await connect())).toEqual([62, 43_200])
    await admin('DELETE', 'demo/servers/crm')
    expect(await timesOf(await connect())).toEqual([62, 43_200])
  })

  test('is taken back by a document that says nothing', async () => {
    await put({ sessions: { idle_seconds: 60 } })
    for (const nothing of [{}, { sessions: {} }, { audit: { retention_days: 9 } }]) {
      expect((await put(nothing)).body?.warnings).toEqual([KEEPS])
      expect(await timesOf(await connect())).toEqual(FILE)
    }
  })

  test('is refused as in any tenant where it cannot be meant, and changes nothing', async () => {
    const refused = await put({ sessions: { idle_seconds: 0 } })
    expect([refused.status, refused.body?.problems]).toEqual([
      422,
      [expect.stringContaining('/sessions/idle_seconds')],
    ])
    expect(await timesOf(await connect())).toEqual(FILE)
  })

  test('is nothing of another tenant’s', async () => {
    expect((await admin('PUT', 'acme', { sessions: { idle_seconds: 60 } })).body?.warnings).toEqual([])
    expect(await timesOf(await connect())).toEqual(FILE)
  })
})

test('a file that was edited since the grant was stored holds for all that the grant does by itself', async () => {
  await connect()
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    const { config } = sql.exec<{ config: string }>('SELECT config FROM grants').one()
    const earlier = JSON.parse(config) as { settings: { sessions: object } }
    const sessions = { idle_seconds: 5, absolute_seconds: 6 }
    const settings = { ...earlier.settings, sessions }
    const stored = JSON.stringify({ ...earlier, version: 'earlier', settings })
    sql.exec('UPDATE grants SET config = ?', stored)
  })
  await evictDurableObject(principal())
  expect(await timesOf(await connect())).toEqual(FILE)
  const [row] = await rows<{ config: string }>('SELECT config FROM grants')
  expect(JSON.parse(row?.config ?? '')).toMatchObject({ settings: { sessions: { idle_seconds: 1_800 } } })
})

test('a tenant from before settings could be said keeps the file', async () => {
  await put({})
  await runInDurableObject(tenantObject('demo'), (_, { storage: { sql } }) => {
    sql.exec('ALTER TABLE tenant DROP COLUMN is_said; ALTER TABLE servers DROP COLUMN last_scan')
    sql.exec('UPDATE schema_version SET version = version - 2')
  })
  await evictDurableObject(tenantObject('demo'))
  await admin('PUT', 'demo/servers/crm', { url: 'https://crm.example.com/mcp' })
  expect(await timesOf(await connect())).toEqual(FILE)
})

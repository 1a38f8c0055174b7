/** Objects that hold data of an earlier schema go on with it. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { beforeEach, expect, test } from 'vitest'
import { migrate, schemaVersion } from '../../src/principal/schema.ts'
import { connect, fresh, principal, rows, settled } from '../support/gateway.ts'
import { WITHOUT_UPSTREAMS } from './earlier-schema.ts'

beforeEach(fresh)

const LATEST = 5

test('an object from before there were upstream servers keeps its sessions and its audit rows', async () => {
  const client = await connect()
  await client.login('ana')
  await settled()
  await runInDurableObject(principal(), (_, state) => {
    state.storage.sql.exec(WITHOUT_UPSTREAMS)
    expect(schemaVersion(state.storage.sql)).toBe(2)
  })
  await evictDurableObject(principal())
  expect((await client.call('auth_whoami')).structured).toMatchObject({ account: 'ana' })
  await client.login('bea')
  expect(await rows('SELECT account, client FROM sessions ORDER BY started_at, rowid')).toMatchObject([
    { account: 'ana', client: null },
    { account: 'bea', client: null },
  ])
  expect(await rows("SELECT tool, outcome FROM audit WHERE decision = 'allow'")).toEqual([
    { tool: 'auth_login', outcome: null },
    { tool: 'auth_whoami', outcome: null },
    { tool: 'auth_login', outcome: null },
  ])
  expect(await rows('SELECT count(*) AS n FROM upstream_sessions')).toEqual([{ n: 0 }])
})

test('bringing tables up to date again changes nothing', async () => {
  await connect()
  await runInDurableObject(principal(), (_, state) => {
    migrate(state.storage.sql)
    expect(schemaVersion(state.storage.sql)).toBe(LATEST)
  })
})

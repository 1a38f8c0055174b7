/** Objects that hold data of an earlier schema go on with it. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { beforeEach, expect, test } from 'vitest'
import { migrate, schemaVersion } from '../../src/principal/schema.ts'
import { connect, fresh, principal, rows, settled } from '../support/gateway.ts'
import { WITH_PLAIN_DIGESTS, WITHOUT_UPSTREAMS } from './earlier-schema.ts'

beforeEach(fresh)

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
    { tool: 'auth_whoami', outcome: 'result' },
    { tool: 'auth_login', outcome: 'result' },
  ])
  expect(await rows('SELECT count(*) AS n FROM upstream_sessions')).toEqual([{ n: 0 }])
})

test('an object whose approvals had plain digests lets none of them out', async () => {
  const digest = 'd'.repeat(64)
  await connect()
  await runInDurableObject(principal(), (_, { storage: { sql } }) => {
    sql.exec(WITH_PLAIN_DIGESTS)
    expect(schemaVersion(sql)).toBe(9)
    sql.exec(
      `INSERT INTO approvals (id, server, tool, arguments, argument_names, rule, config_version, message, url, requested_at,
         expires_at, state, revision) VALUES ('apr_agent_1', 's', 't', ?, '[]', '/r', 'v', 'm', 'u', 1, 2, 'pending', 1)`,
      digest,
    )
    const data = JSON.stringify({ id: 'apr_agent_1', argumentsSha256: digest })
    sql.exec("INSERT INTO announcements (id, at, type, data) VALUES ('a', 1, 'approval', ?)", data)
  })
  await evictDurableObject(principal())
  expect(await rows('SELECT data FROM announcements')).toEqual([
    { data: '{"id":"apr_agent_1","argumentsHmac":null}' },
  ])
  expect(JSON.stringify(await principal().approval('apr_agent_1'))).not.toContain(digest)
})

test('bringing tables up to date again changes nothing', async () => {
  await connect()
  await runInDurableObject(principal(), (_, state) => {
    const latest = schemaVersion(state.storage.sql)
    migrate(state.storage.sql)
    expect(schemaVersion(state.storage.sql)).toBe(latest)
  })
})

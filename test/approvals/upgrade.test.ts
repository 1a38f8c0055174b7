/** A tenant whose list was kept when approvals had plain digests, people no accounts and grants no owner. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { schemaVersion } from '../../src/durable/migrate.ts'
import { admin, makeGrant, makePerson, tenantObject } from '../support/admin.ts'
import { fresh } from '../support/gateway.ts'
import { ASKS, errorOf, told, track } from './support.ts'

const EARLIER = `
  ALTER TABLE grants DROP COLUMN sessions;
  ALTER TABLE grants DROP COLUMN owner;
  ALTER TABLE people DROP COLUMN accounts;
  UPDATE approvals SET view = json_set(json_remove(view, '$.argumentsHmac'), '$.argumentsSha256', 'plain-digest');
  ALTER TABLE tenant DROP COLUMN is_listed;
  DROP INDEX leaving_next;
  ALTER TABLE leaving DROP COLUMN revoked;
  ALTER TABLE leaving DROP COLUMN asked;
  ALTER TABLE tenant DROP COLUMN delete_round_at;
  ALTER TABLE servers DROP COLUMN incarnation;
  ALTER TABLE servers DROP COLUMN pins_revision;
  ALTER TABLE grants DROP COLUMN incarnation;
  ALTER TABLE servers DROP COLUMN left_out;
  ALTER TABLE listings DROP COLUMN names;
  ALTER TABLE secrets DROP COLUMN origins;
  ALTER TABLE pins DROP COLUMN is_exact;
  ALTER TABLE drift DROP COLUMN is_exact;
  ALTER TABLE servers DROP COLUMN declared;
  ALTER TABLE grants DROP COLUMN every_native;
  ALTER TABLE tenant DROP COLUMN is_said;
  ALTER TABLE servers DROP COLUMN last_scan;
  UPDATE schema_version SET version = version - 13;
`

test('goes on with it, and shows no such digest', async () => {
  await fresh()
  const token = await makeGrant('acme', 'bot', ASKS)
  await makePerson('acme', 'ana', 'admin')
  const { approval: id } = errorOf(await track(token))
  await told()
  await runInDurableObject(tenantObject('acme'), (_, { storage }) => {
    const before = schemaVersion(storage.sql)
    storage.sql.exec(EARLIER)
    expect(schemaVersion(storage.sql)).toBe(before - 13)
  })
  await evictDurableObject(tenantObject('acme'))
  const list = await admin('GET', 'acme/approvals')
  expect(list.body).toMatchObject({ items: [{ id, state: 'pending', arguments_hmac: null }] })
  expect(JSON.stringify(list.body)).not.toContain('plain-digest')
  expect((await admin('GET', 'acme/people/ana')).body).toMatchObject({ accounts: [] })
  expect((await admin('GET', 'acme/grants/bot')).body).toMatchObject({ owner: null })
  expect((await admin('POST', `acme/approvals/${id}`, { decision: 'approve' })).status).toBe(200)
  expect((await track(token)).isError).toBe(false)
  await told()
})

import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { recordChange } from '../../src/tenant/tables/changes.ts'
import { migrate } from '../../src/tenant/tables/schema.ts'

const change = { atMs: 1, actor: 'root', action: 'policy.put', subject: 'policy/main', detail: {} }

async function inTenant<T>(name: string, work: (sql: SqlStorage) => T): Promise<T> {
  return runInDurableObject(env.TENANT.getByName(name), (_, { storage }) =>
    storage.transactionSync(() => {
      migrate(storage.sql)
      return work(storage.sql)
    }),
  )
}

it('writes a change down, and what is longer than anybody needs is cut', async () => {
  const rows = await inTenant('changes-written', (sql) => {
    recordChange(sql, { ...change, detail: { from: 3, to: 4 }, requestId: 'r1' })
    recordChange(sql, { ...change, subject: 's'.repeat(1_000), detail: { x: 'y'.repeat(5_000) } })
    return sql.exec('SELECT * FROM changes ORDER BY seq').toArray()
  })
  expect(rows[0]).toEqual({
    seq: 1,
    at: 1,
    request_id: 'r1',
    actor: 'root',
    action: 'policy.put',
    subject: 'policy/main',
    detail: '{"from":3,"to":4}',
  })
  expect(String(rows[1]?.subject)).toHaveLength(201)
  expect(rows[1]?.detail).toBe('{"left_out":true}')
})

it('remembers everybody who ever had a grant', async () => {
  const names = await inTenant('changes-principals', (sql) => {
    sql.exec(
      `INSERT INTO grants (name, label, servers, secret_hash, origin, created_at, updated_at, revision, pushed)
       VALUES ('a', '', '"*"', x'00', 'tenant', 1, 1, 1, 0)`,
    )
    sql.exec("DELETE FROM grants WHERE name = 'a'")
    return sql.exec('SELECT name FROM audit_principals').toArray()
  })
  expect(names).toEqual([{ name: 'a' }])
})

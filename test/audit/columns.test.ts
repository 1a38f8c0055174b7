/** The table of columns is what the databases have, after all their migrations. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, expect, test } from 'vitest'
import { columnNames, columnOf, type RowKind } from '../../src/contract/audit-columns.ts'
import { migrate as migratePrincipal } from '../../src/principal/tables/schema.ts'
import { migrate as migrateTenant } from '../../src/tenant/tables/schema.ts'
import { auditDb, makeAuditTables } from '../support/audit.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)

type Typed = readonly (readonly [name: string, type: string])[]

/** Columns whose rows an object makes, and that are called the same in its table. */
const expected = (kinds: readonly RowKind[], otherwise: readonly string[]): Typed =>
  columnNames
    .filter((name) => kinds.some((kind) => columnOf(name).of.includes(kind)) && !otherwise.includes(name))
    .map((name) => [name, columnOf(name).type])

const typed = (rows: readonly Record<string, unknown>[]): Typed =>
  rows.map(({ name, type }) => [String(name), String(type)])

test('the audit database has every column, with its type, and no other', async () => {
  await makeAuditTables()
  const { results } = await auditDb().prepare('PRAGMA table_info(audit)').all()
  const logs: Typed = [
    ...(['tenant', 'principal', 'chain', 'kind', 'hash'] as const).map((name) => [name, 'TEXT'] as const),
    ...(['arrived', 'seq', 'at'] as const).map((name) => [name, 'INTEGER'] as const),
  ]
  const all = [...logs, ...columnNames.map((name) => [name, columnOf(name).type] as const)]
  expect(typed(results).toSorted()).toEqual(all.toSorted())
})

test('an object has the columns of its kinds of rows', async () => {
  const has = (stub: DurableObjectStub, migrate: (sql: SqlStorage) => void, table: string) =>
    runInDurableObject(stub, (_, { storage }) =>
      storage.transactionSync(() => {
        migrate(storage.sql)
        return typed(storage.sql.exec(`PRAGMA table_info(${table})`).toArray())
      }),
    )
  const principal = await has(env.PRINCIPAL.getByName('columns/bot'), migratePrincipal, 'audit')
  // A view, whose columns have no types. 'subject' is the approval, or what is read; the session is called session_id.
  const decided = expected(['decision', 'session'], ['session', 'subject']).map(([name]) => name)
  expect(principal.map(([name]) => name)).toEqual(expect.arrayContaining(decided))
  const tenant = await has(env.TENANT.getByName('columns'), migrateTenant, 'changes')
  expect(tenant).toEqual(expect.arrayContaining([...expected(['change'], [])]))
})

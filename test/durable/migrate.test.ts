/** Objects that come after the first of an isolate take over what its migrations came to: exactly that. */
import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, test } from 'vitest'
import { runMigrations, schemaVersion } from '../../src/durable/migrate.ts'
import { migrate as migratePrincipal } from '../../src/principal/tables/schema.ts'
import { migrate as migrateTenant } from '../../src/tenant/tables/schema.ts'
import { fresh } from '../support/gateway.ts'

beforeEach(fresh)

/** Works in the empty database of an object. */
const inEmpty = <T>(name: string, work: (sql: SqlStorage) => T) =>
  runInDurableObject(env.PRINCIPAL.getByName(name), (_, { storage }) =>
    storage.transactionSync(() => work(storage.sql)),
  )

/** Everything that a database holds, its columns as SQLite sees them. */
function contentsOf(sql: SqlStorage) {
  const parts = sql
    .exec<{ name: string; type: string }>(
      "SELECT name, type, tbl_name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY type, name",
    )
    .toArray()
  return parts.map((part) => {
    if (part.type === 'table')
      return {
        ...part,
        columns: sql.exec(`SELECT * FROM pragma_table_xinfo('${part.name}')`).toArray(),
        indexes: sql
          .exec(`SELECT name, "unique", origin, partial FROM pragma_index_list('${part.name}') ORDER BY name`)
          .toArray(),
        rows: sql.exec(`SELECT * FROM "${part.name}"`).toArray(),
      }
    return { ...part, ...sql.exec('SELECT sql FROM sqlite_master WHERE name = ?', part.name).one() }
  })
}

describe.each([
  ['principals', migratePrincipal],
  ['tenants', migrateTenant],
])('the tables of %s', (which, migrate) => {
  test('are the same whoever was first', async () => {
    const made = (sql: SqlStorage) => {
      migrate(sql)
      return contentsOf(sql)
    }
    const first = await inEmpty(`first/${which}`, made)
    const second = await inEmpty(`second/${which}`, made)
    expect(second).toEqual(first)
    expect(second.length).toBeGreaterThan(20)
  })
})

const migrations = [
  `CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT DEFAULT 'it''s' -- why
   ); CREATE TABLE "b c" (x BLOB, y REAL, z ANY, UNIQUE (x, z)) STRICT;`,
  `CREATE TRIGGER a_to_b AFTER INSERT ON a BEGIN INSERT INTO "b c" VALUES (x'00ff', 0.5, new.text); END;
   INSERT INTO a (text) VALUES ('it''s'), (NULL); CREATE INDEX a_text ON a (text) WHERE text IS NOT NULL;`,
  `ALTER TABLE a ADD COLUMN more INTEGER NOT NULL DEFAULT 7; DROP TABLE IF EXISTS absent; CREATE VIEW v AS SELECT id FROM a;`,
]

test('rows, triggers, defaults and what was added later are taken over, and each row stands once', async () => {
  const made = (sql: SqlStorage) => {
    runMigrations(sql, migrations)
    return contentsOf(sql)
  }
  const first = await inEmpty('first/own', made)
  expect(await inEmpty('second/own', made)).toEqual(first)
  expect(first.find(({ name }) => name === 'b c')).toMatchObject({ rows: [{ z: "it's" }, { z: null }] })
})

test('an object of an earlier version runs what is new to it, and one of a later version nothing', async () => {
  const earlier = migrations.slice(0, 2)
  await inEmpty('first/own', (sql) => runMigrations(sql, migrations))
  await inEmpty('old/own', (sql) => {
    runMigrations(sql, earlier)
    expect(schemaVersion(sql)).toBe(2)
    runMigrations(sql, migrations)
    expect(schemaVersion(sql)).toBe(3)
    expect(sql.exec('SELECT more FROM a').toArray()).toEqual([{ more: 7 }, { more: 7 }])
    runMigrations(sql, earlier)
    expect(schemaVersion(sql)).toBe(3)
  })
})

test('tables that were there before are not taken for the migrations’ own', async () => {
  const own = [...migrations]
  await inEmpty('first/own', (sql) => {
    sql.exec('CREATE TABLE stray (x)')
    runMigrations(sql, own)
  })
  await inEmpty('second/own', (sql) => {
    runMigrations(sql, own)
    expect(contentsOf(sql).map(({ name }) => name)).not.toContain('stray')
  })
})

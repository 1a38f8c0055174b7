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

type Contents = ReturnType<typeof contentsOf>

const chainOf = (contents: Contents) => {
  const table = contents.find(({ name }) => name === 'audit_chain')
  return table !== undefined && 'rows' in table ? table.rows[0]?.chain : undefined
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
    // Each log has a name of its own.
    const chains = [first, second].map(chainOf)
    expect(new Set(chains).size).toBe(2)
    const named = (contents: Contents, chain: unknown) =>
      JSON.parse(JSON.stringify(contents).replaceAll(String(chain), 'CHAIN')) as unknown
    expect(named(second, chains[1])).toEqual(named(first, chains[0]))
    expect(second.length).toBeGreaterThan(20)
    // Those that come after the first do not run them all.
    const statements = await inEmpty(`third/${which}`, (sql) => {
      let count = 0
      const exec = (query: string, ...values: unknown[]) => {
        count += 1
        return sql.exec(query, ...values)
      }
      migrate({ exec } as unknown as SqlStorage)
      return count
    })
    expect(statements).toBeLessThan(5)
  })
})

const migrations = [
  `CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT DEFAULT 'it''s' -- why
   ); CREATE TABLE "b c" (x BLOB, y REAL, z ANY, UNIQUE (x, z)) STRICT;`,
  `CREATE TRIGGER a_to_b AFTER INSERT ON a BEGIN INSERT INTO "b c" VALUES (x'00ff', 0.5, new.text); END;
   INSERT INTO a (text) VALUES ('it''s'), (NULL); CREATE INDEX a_text ON a (text) WHERE text IS NOT NULL;`,
  `ALTER TABLE a ADD COLUMN more INTEGER NOT NULL DEFAULT 7; DROP TABLE IF EXISTS absent; CREATE VIEW v AS SELECT id FROM a;`,
]

const firstRows = {
  a: `INSERT INTO a (text) VALUES ('it''s'), (NULL)`,
  'b c': `INSERT INTO "b c" VALUES (x'00ff', 0.5, 'it''s'), (x'00ff', 0.5, NULL)`,
}

test('rows, triggers, defaults and what was added later are the same, and each row stands once', async () => {
  const made = (sql: SqlStorage) => {
    runMigrations(sql, migrations, firstRows)
    return contentsOf(sql)
  }
  const first = await inEmpty('first/own', made)
  expect(await inEmpty('second/own', made)).toEqual(first)
  expect(first.find(({ name }) => name === 'b c')).toMatchObject({ rows: [{ z: "it's" }, { z: null }] })
})

test('rows of which nothing is said are made by the migrations, each time', async () => {
  const own = [...migrations, 'CREATE TABLE log (name); INSERT INTO log VALUES (hex(randomblob(8)))']
  const nameIn = (sql: SqlStorage) => {
    runMigrations(sql, own, firstRows)
    return sql.exec('SELECT name FROM log').one().name
  }
  const names = [await inEmpty('first/own', nameIn), await inEmpty('second/own', nameIn)]
  expect(new Set(names).size).toBe(2)
})

test('an object of an earlier version runs what is new to it, and one of a later version nothing', async () => {
  const earlier = migrations.slice(0, 2)
  await inEmpty('first/own', (sql) => runMigrations(sql, migrations, firstRows))
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
    runMigrations(sql, own, firstRows)
  })
  await inEmpty('second/own', (sql) => {
    runMigrations(sql, own, firstRows)
    expect(contentsOf(sql).map(({ name }) => name)).not.toContain('stray')
  })
})

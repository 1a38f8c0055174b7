/** Numbered migrations of a Durable Object's database: only ever appended, each run once, in their order. */

/** Returns the version of this object's tables, 0 where there are none. Writes nothing. */
export function schemaVersion(sql: SqlStorage): number {
  const known = sql
    .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'")
    .toArray()
  if (known.length === 0) return 0
  return sql.exec<{ version: number }>('SELECT version FROM schema_version').one().version
}

/**
 * The statements that make an empty database what the migrations make of it. The first new object of an isolate finds them
 * out; the others take them, in a third of the time that all migrations take.
 */
const finished = new WeakMap<readonly string[], string>()

/**
 * Brings the tables up to date with `migrations`. Call inside a transaction.
 * @param firstRows what fills the tables that the migrations fill in an empty database, by their names: rows are made, not taken
 * over, for there may be something random in them. Where these are not the tables that are filled, every object runs all migrations.
 */
export function runMigrations(
  sql: SqlStorage,
  migrations: readonly string[],
  firstRows: Readonly<Record<string, string>> = {},
): void {
  const from = schemaVersion(sql)
  // A later version of the gateway was here: what it made stays, or it would make it again when it comes back.
  if (from >= migrations.length) return
  const isEmpty = from === 0 && ownTables(sql).length === 0
  const made = isEmpty ? finished.get(migrations) : undefined
  if (made !== undefined) {
    sql.exec(made)
    return
  }
  if (from === 0)
    sql.exec('CREATE TABLE schema_version (version INTEGER NOT NULL); INSERT INTO schema_version VALUES (0)')
  for (const migration of migrations.slice(from)) sql.exec(migration)
  sql.exec('UPDATE schema_version SET version = ?', migrations.length)
  if (isEmpty) remember(sql, migrations, firstRows)
}

/** The tables that are not the runtime's, nor SQLite's own, in the order in which they were made. */
function ownTables(sql: SqlStorage): { name: string; sql: string }[] {
  return ownParts(sql, "type = 'table'")
}

function ownParts(sql: SqlStorage, condition: string): { name: string; sql: string }[] {
  return sql
    .exec<{ name: string; sql: string }>(
      `SELECT name, sql FROM sqlite_master WHERE ${condition} AND sql IS NOT NULL
       AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid`,
    )
    .toArray()
}

/** Keeps the statements: tables, then what stands in them, then what would act on that: indexes and triggers. */
function remember(
  sql: SqlStorage,
  migrations: readonly string[],
  firstRows: Readonly<Record<string, string>>,
): void {
  const tables = ownTables(sql)
  const known = { ...firstRows, schema_version: `INSERT INTO schema_version VALUES (${migrations.length})` }
  const isFilled = ({ name }: { name: string }) =>
    sql.exec(`SELECT 1 FROM "${name.replaceAll('"', '""')}" LIMIT 1`).toArray().length > 0
  const filled = tables.filter(isFilled).map(({ name }) => name)
  if (filled.toSorted().join() !== Object.keys(known).toSorted().join()) return
  const others = ownParts(sql, "type != 'table'")
  const statements = [...tables.map((it) => it.sql), ...Object.values(known), ...others.map((it) => it.sql)]
  finished.set(migrations, statements.join(';\n'))
}

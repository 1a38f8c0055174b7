/** Numbered migrations of a Durable Object's database: only ever appended, each run once, in their order. */

/** Returns the version of this object's tables, 0 where there are none. Writes nothing. */
export function schemaVersion(sql: SqlStorage): number {
  const known = sql
    .exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'")
    .toArray()
  if (known.length === 0) return 0
  return sql.exec<{ version: number }>('SELECT version FROM schema_version').one().version
}

/** Brings the tables up to date with `migrations`. Call inside a transaction. */
export function runMigrations(sql: SqlStorage, migrations: readonly string[]): void {
  const from = schemaVersion(sql)
  // A later version of the gateway was here: what it made stays, or it would make it again when it comes back.
  if (from >= migrations.length) return
  if (from === 0)
    sql.exec('CREATE TABLE schema_version (version INTEGER NOT NULL); INSERT INTO schema_version VALUES (0)')
  for (const migration of migrations.slice(from)) sql.exec(migration)
  sql.exec('UPDATE schema_version SET version = ?', migrations.length)
}

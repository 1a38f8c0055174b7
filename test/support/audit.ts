/** The audit database, with tables as a deployment would have them. */
import { env } from 'cloudflare:workers'

const migrations = import.meta.glob<string>('../../migrations/*.sql', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** The database; a test's deployment has one. */
export function auditDb(): D1Database {
  if (env.AUDIT_DB === undefined) throw new Error('there is no binding AUDIT_DB')
  return env.AUDIT_DB
}

/**
 * Runs the migrations in their order, unless they have run.
 *
 * @param most only the first so many: a database that has yet to be brought up to date
 */
export async function makeAuditTables(most = Number.POSITIVE_INFINITY): Promise<void> {
  const db = auditDb()
  const made = await db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'audit'").all()
  if (made.results.length > 0) return
  const statements = Object.keys(migrations)
    .sort()
    .slice(0, most)
    .flatMap((name) => (migrations[name] ?? '').replaceAll(/--.*$/gm, '').split(';'))
    .map((text) => text.trim())
    .filter((text) => text !== '')
  await db.batch(statements.map((text) => db.prepare(text)))
}

/** All rows of the audit database, in the order in which they came. */
export async function carriedRows<T = Record<string, unknown>>(where = 'TRUE'): Promise<T[]> {
  const { results } = await auditDb().prepare(`SELECT * FROM audit WHERE ${where} ORDER BY arrived`).all<T>()
  return results
}

/** The audit database, with tables as a deployment would have them. */
import { env } from 'cloudflare:workers'
import migration from '../../migrations/0001_audit.sql?raw'

/** The database; a test's deployment has one. */
export function auditDb(): D1Database {
  if (env.AUDIT_DB === undefined) throw new Error('there is no binding AUDIT_DB')
  return env.AUDIT_DB
}

/** Runs the migrations. */
export async function makeAuditTables(): Promise<void> {
  const statements = migration
    .replaceAll(/--.*$/gm, '')
    .replaceAll(/CREATE (TABLE|INDEX)/g, 'CREATE $1 IF NOT EXISTS')
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '')
  const db = auditDb()
  await db.batch(statements.map((text) => db.prepare(text)))
}

/** All rows of the audit database, in the order in which they came. */
export async function carriedRows<T = Record<string, unknown>>(where = 'TRUE'): Promise<T[]> {
  const { results } = await auditDb().prepare(`SELECT * FROM audit WHERE ${where} ORDER BY arrived`).all<T>()
  return results
}

/** Audit rows of one principal, put into its database while no gateway runs, and counted while one does. */
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The database of the only principal that there is. */
export function principalDatabase(state: string): string {
  const folder = join(state, 'PrincipalObject')
  const sizes = readdirSync(folder).filter((name) => name.endsWith('.sqlite') && name !== 'metadata.sqlite')
  if (sizes.length !== 1)
    throw new Error(`${sizes.length} databases in ${folder}, where one principal is meant`)
  return join(folder, sizes[0] ?? '')
}

/** Rows as an upstream call with one limit leaves them: half an hour's every time that one is `ageMs` old. */
export function putRows(
  file: string,
  kinds: readonly { readonly rows: number; readonly ageMs: number }[],
): void {
  const db = new DatabaseSync(file)
  const insert = db.prepare(
    `INSERT INTO audit (at, request_id, session_id, account, server, tool, decision, rule, config_version,
       argument_names, charged, outcome, upstream_status, latency_ms)
     VALUES (?, ?, NULL, NULL, 'up', 'echo', 'allow', '/tools/up__echo', ?, '["text"]', ?, 'result', 200, 12)`,
  )
  const version = 'v'.repeat(43)
  const nowMs = Date.now()
  db.exec('BEGIN')
  for (const { rows, ageMs } of kinds)
    for (let i = 0; i < rows; i++)
      insert.run(
        nowMs - ageMs + i,
        randomUUID(),
        version,
        '[["up__echo/calls/minute/grant",1893456000000,"1"]]',
      )
  db.exec('COMMIT')
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

export interface Standing {
  readonly rows: number
  /** Rows whose time is over. */
  readonly old: number
  /** The last row that there ever was, and the last that is in the audit database. */
  readonly last: number
  readonly head: number
}

/** Looks into the database of a principal, which may be in use. */
export function standing(file: string, beforeMs: number): Standing {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return db
      .prepare(
        `SELECT (SELECT count(*) FROM audit) AS rows, (SELECT count(*) FROM audit WHERE at < ?) AS old,
           (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit') AS last,
           (SELECT head_seq FROM audit_chain) AS head`,
      )
      .get(beforeMs) as unknown as Standing
  } finally {
    db.close()
  }
}

/** Decisions of one principal, put into its database while no gateway runs, and counted while one does. */
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The database of the only principal that there is. */
export function principalDatabase(state: string): string {
  const folder = join(state, 'PrincipalObject')
  const names = readdirSync(folder).filter((name) => name.endsWith('.sqlite') && name !== 'metadata.sqlite')
  const [name, ...others] = names
  if (name === undefined || others.length > 0)
    throw new Error(`${names.length} databases in ${folder}, where one principal is meant`)
  return join(folder, name)
}

/** Revisions from before decisions were a log keep each as a row of a table `audit`, with two indexes. */
function hasLog(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'log'").get() !== undefined
}

const VERSION = 'v'.repeat(43)
const KEY = 'up__echo/calls/minute/grant'

/** Calls of an upstream server's tool with one limit, each decided by itself, `ageMs` ago, and known to have ended well. */
export function putDecisions(file: string, many: number, ageMs: number): void {
  const db = new DatabaseSync(file)
  const atMs = Date.now() - ageMs
  db.exec('BEGIN')
  if (hasLog(db)) putLog(db, many, atMs)
  else putRows(db, many, atMs)
  db.exec('COMMIT')
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

function putLog(db: DatabaseSync, many: number, atMs: number): void {
  // The call that made the principal warm was cut off: those behind it would wait a minute for how it ended.
  db.exec('DELETE FROM log; DELETE FROM counters')
  const insert = db.prepare('INSERT INTO log (seq, at, entries) VALUES (?, ?, ?)')
  let length = 0
  const head = (db.prepare('SELECT head_seq AS head FROM audit_chain').get() as { head: number }).head
  for (let seq = head + 1; seq <= head + many; seq++) {
    const entry = JSON.stringify([
      ...[seq, atMs + seq, randomUUID(), 'allow', '/tools/up__echo', 'up', 'echo', null, VERSION],
      ...[
        ['text'],
        null,
        null,
        null,
        null,
        null,
        [[KEY, 1_893_456_000_000, '1', 1_893_456_000_000]],
        [],
        null,
      ],
      ['result', 200, 12],
    ])
    insert.run(seq, atMs + seq, entry)
    length = entry.length
  }
  db.prepare('UPDATE log_state SET last_seq = ?1, saved_row = ?1, saved_length = ?2, settled_seq = ?1').run(
    head + many,
    length,
  )
}

function putRows(db: DatabaseSync, many: number, atMs: number): void {
  db.prepare("UPDATE audit SET outcome = 'unknown', at = ? WHERE outcome IS NULL").run(atMs)
  const insert = db.prepare(
    `INSERT INTO audit (at, request_id, session_id, account, server, tool, decision, rule, config_version,
       argument_names, charged, outcome, upstream_status, latency_ms)
     VALUES (?, ?, NULL, NULL, 'up', 'echo', 'allow', '/tools/up__echo', ?, '["text"]', ?, 'result', 200, 12)`,
  )
  const charged = JSON.stringify([[KEY, 1_893_456_000_000, '1']])
  for (let i = 0; i < many; i++) insert.run(atMs + i, randomUUID(), VERSION, charged)
}

export interface Standing {
  /** Stored rows, of which a log has one for all decisions that were written together. */
  readonly rows: number
  /** Rows whose time is over. */
  readonly old: number
  /** The last decision that is in the audit database. */
  readonly head: number
}

/** Looks into the database of a principal, which may be in use. */
export function standing(file: string, beforeMs: number): Standing {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const table = hasLog(db) ? 'log' : 'audit'
    return db
      .prepare(
        `SELECT (SELECT count(*) FROM ${table}) AS rows, (SELECT count(*) FROM ${table} WHERE at < ?) AS old,
           (SELECT head_seq FROM audit_chain) AS head`,
      )
      .get(beforeMs) as unknown as Standing
  } finally {
    db.close()
  }
}

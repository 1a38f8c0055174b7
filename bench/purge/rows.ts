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
export function putRows(file: string, kinds: readonly Kind[]): void {
  const db = new DatabaseSync(file)
  if (hasLog(db)) putEntries(db, kinds)
  else putAuditRows(db, kinds)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

/** Builds since decision 49 keep several decisions in a row. */
function hasLog(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'log'").get() !== undefined
}

interface Kind {
  readonly rows: number
  readonly ageMs: number
}

const VERSION = 'v'.repeat(43)

/** Decisions of one row, as calls leave them that share commits. */
const IN_A_ROW = 8

function putEntries(db: DatabaseSync, kinds: readonly Kind[]): void {
  const insert = db.prepare('INSERT INTO log (seq, at, entries) VALUES (?, ?, ?)')
  let seq = (db.prepare('SELECT last_seq FROM log_state').get() as { last_seq: number }).last_seq
  const nowMs = Date.now()
  const charges = [['up__echo/calls/minute/grant', 1_893_456_000_000, '1', 1_893_456_060_000]]
  db.exec('BEGIN')
  db.exec('DELETE FROM log')
  let row = { seq: 0, length: 0 }
  for (const { rows, ageMs } of kinds)
    for (let i = 0; i < rows; i += IN_A_ROW) {
      const entries = Array.from({ length: Math.min(IN_A_ROW, rows - i) }, (_, k) => {
        const call = [
          nowMs - ageMs + i + k,
          randomUUID(),
          'allow',
          '/tools/up__echo',
          'up',
          'echo',
          null,
          VERSION,
        ]
        const rest = [['text'], null, null, null, null, null, charges, [], null, ['result', 200, 12]]
        return JSON.stringify([seq + 1 + k, ...call, ...rest])
      })
      row = { seq: seq + 1, length: entries.join().length }
      insert.run(row.seq, nowMs - ageMs + i + entries.length - 1, entries.join())
      seq += entries.length
    }
  db.prepare('UPDATE log_state SET last_seq = ?, saved_row = ?, saved_length = ?').run(
    seq,
    row.seq,
    row.length,
  )
  db.exec('COMMIT')
}

function putAuditRows(db: DatabaseSync, kinds: readonly Kind[]): void {
  const insert = db.prepare(
    `INSERT INTO audit (at, request_id, session_id, account, server, tool, decision, rule, config_version,
       argument_names, charged, outcome, upstream_status, latency_ms)
     VALUES (?, ?, NULL, NULL, 'up', 'echo', 'allow', '/tools/up__echo', ?, '["text"]', ?, 'result', 200, 12)`,
  )
  const nowMs = Date.now()
  db.exec('BEGIN')
  // The call that made the principal warm was cut off: rows behind it would wait a minute for how it ended.
  db.prepare("UPDATE audit SET outcome = 'unknown', at = ? WHERE outcome IS NULL").run(nowMs - 60_000)
  for (const { rows, ageMs } of kinds)
    for (let i = 0; i < rows; i++)
      insert.run(
        nowMs - ageMs + i,
        randomUUID(),
        VERSION,
        '[["up__echo/calls/minute/grant",1893456000000,"1"]]',
      )
  db.exec('COMMIT')
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
        hasLog(db)
          ? `SELECT coalesce((SELECT max(seq) FROM log) - (SELECT min(seq) FROM log) + 1, 0) AS rows,
               ${IN_A_ROW} * (SELECT count(*) FROM log WHERE at < ?) AS old,
               max((SELECT last_seq FROM log_state), coalesce((SELECT max(seq) FROM log), 0)) AS last,
               (SELECT head_seq FROM audit_chain) AS head`
          : `SELECT (SELECT count(*) FROM audit) AS rows, (SELECT count(*) FROM audit WHERE at < ?) AS old,
           (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit') AS last,
           (SELECT head_seq FROM audit_chain) AS head`,
      )
      .get(beforeMs) as unknown as Standing
  } finally {
    db.close()
  }
}

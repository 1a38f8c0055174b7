/** The records of retention about each log, in the tenant's object: where it is cut, and how far it was looked at. */
import type { Checkpoint } from '../contract/audit-logs.ts'
import type { Log } from '../contract/audit-row.ts'

/** The place where a log is cut. */
export interface CutPlace extends Checkpoint {
  /** Rows up to here are gone from the audit database for sure. */
  readonly removedSeq: number
}

/** Rows of a log that have been hashed again, and that nothing has confirmed yet. */
export interface Walk {
  /** The place of the cut from which it began: after another cut it is worth nothing. */
  readonly fromSeq: number
  /** Rows from before this time are old, in Unix milliseconds. */
  readonly beforeMs: number
  /** The last row that was hashed, and its hash as it must have been. */
  readonly seq: number
  readonly hash: string
  /** The last of the old rows at the beginning of the log; null: there is none. */
  readonly cut: Checkpoint | null
}

export function readCut(sql: SqlStorage, { principal, chain }: Log): CutPlace | null {
  const [cut] = sql
    .exec<{ seq: number; hash: string; removedSeq: number }>(
      'SELECT seq, hash, removed_seq AS removedSeq FROM audit_cuts WHERE principal = ? AND chain = ?',
      principal,
      chain,
    )
    .toArray()
  return cut ?? null
}

/** From now on the log begins after this row, whatever happens. */
export function writeCut(sql: SqlStorage, { principal, chain }: Log, { seq, hash }: Checkpoint): void {
  sql.exec(
    `INSERT INTO audit_cuts (principal, chain, seq, hash) VALUES (?, ?, ?, ?)
     ON CONFLICT (principal, chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
     WHERE excluded.seq > seq`,
    principal,
    chain,
    seq,
    hash,
  )
}

/** No row up to `seq` may be in the audit database any more. */
export function markRemoved(sql: SqlStorage, { principal, chain }: Log, seq: number): void {
  sql.exec(
    'UPDATE audit_cuts SET removed_seq = max(removed_seq, ?) WHERE principal = ? AND chain = ?',
    seq,
    principal,
    chain,
  )
}

/** Logs that are cut, and whose rows up to there may still be in the audit database. */
export function unremoved(
  sql: SqlStorage,
  most: number,
): readonly (Pick<Log, 'principal' | 'chain'> & Checkpoint)[] {
  return sql
    .exec<{ principal: string; chain: string; seq: number; hash: string }>(
      'SELECT principal, chain, seq, hash FROM audit_cuts WHERE removed_seq < seq LIMIT ?',
      most,
    )
    .toArray()
}

interface WalkRow extends Record<string, SqlStorageValue> {
  from_seq: number
  before_at: number
  seq: number
  hash: string
  cut_seq: number | null
  cut_hash: string | null
}

export function readWalk(sql: SqlStorage, { principal, chain }: Log): Walk | null {
  const [row] = sql
    .exec<WalkRow>(
      `SELECT from_seq, before_at, seq, hash, cut_seq, cut_hash FROM audit_walks
       WHERE principal = ? AND chain = ?`,
      principal,
      chain,
    )
    .toArray()
  if (row === undefined) return null
  const { cut_seq, cut_hash } = row
  return {
    fromSeq: row.from_seq,
    beforeMs: row.before_at,
    seq: row.seq,
    hash: row.hash,
    cut: cut_seq === null || cut_hash === null ? null : { seq: cut_seq, hash: cut_hash },
  }
}

/** Null forgets it. */
export function writeWalk(sql: SqlStorage, { principal, chain }: Log, walk: Walk | null): void {
  if (walk === null) {
    sql.exec('DELETE FROM audit_walks WHERE principal = ? AND chain = ?', principal, chain)
    return
  }
  sql.exec(
    'INSERT OR REPLACE INTO audit_walks VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    principal,
    chain,
    walk.fromSeq,
    walk.beforeMs,
    walk.seq,
    walk.hash,
    walk.cut?.seq ?? null,
    walk.cut?.hash ?? null,
  )
}

/** The progress of a round over all logs. */
export interface Round {
  /** The last log that was looked at; '' before the first. */
  readonly principal: string
  readonly chain: string
  /** The wait until another round must follow; null: nothing was left over. */
  readonly againMs: number | null
}

export function readRound(sql: SqlStorage): Round {
  return sql
    .exec<{ principal: string; chain: string; againMs: number | null }>(
      'SELECT principal, chain, again_ms AS againMs FROM audit_retention',
    )
    .one()
}

export function writeRound(sql: SqlStorage, { principal, chain, againMs }: Round): void {
  sql.exec('UPDATE audit_retention SET principal = ?, chain = ?, again_ms = ?', principal, chain, againMs)
}

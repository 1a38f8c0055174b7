/** The progress of an object's log, chained and carried: one row, the same in a PrincipalObject and a TenantObject. */

/** The row as it is. Times are Unix milliseconds. */
export interface Progress {
  readonly chain: string
  /** The first row of the chain; null while nothing was frozen. */
  readonly firstSeq: number | null
  /** Rows up to here change no more; they may have been sent. */
  readonly frozenSeq: number
  /** Rows up to here are in the audit database. */
  readonly headSeq: number
  readonly headHash: string
  readonly failures: number
  readonly retryAtMs: number
}

interface ProgressRow extends Record<string, SqlStorageValue> {
  chain: string
  first_seq: number | null
  frozen_seq: number
  head_seq: number
  head_hash: string
  failures: number
  retry_at: number
}

export function readProgress(sql: SqlStorage): Progress {
  const row = sql.exec<ProgressRow>('SELECT * FROM audit_chain WHERE id = 1').one()
  return {
    chain: row.chain,
    firstSeq: row.first_seq,
    frozenSeq: row.frozen_seq,
    headSeq: row.head_seq,
    headHash: row.head_hash,
    failures: row.failures,
    retryAtMs: row.retry_at,
  }
}

/** From now on rows from `firstSeq` to `lastSeq` never change. */
export function markFrozen(sql: SqlStorage, firstSeq: number, lastSeq: number): void {
  sql.exec(
    'UPDATE audit_chain SET first_seq = coalesce(first_seq, ?), frozen_seq = max(frozen_seq, ?) WHERE id = 1',
    firstSeq,
    lastSeq,
  )
}

/** The audit database holds everything up to `seq`. */
export function markCarried(sql: SqlStorage, seq: number, hash: string): void {
  sql.exec(
    'UPDATE audit_chain SET head_seq = ?1, head_hash = ?2, failures = 0, retry_at = 0 WHERE id = 1 AND head_seq < ?1',
    seq,
    hash,
  )
}

/** Nothing could be carried; it is tried again, less and less often. */
export function markFailed(sql: SqlStorage, nowMs: number): void {
  const { failures } = readProgress(sql)
  const delayMs = Math.min(RETRY_MS * 2 ** Math.min(failures, 10), LONGEST_RETRY_MS)
  sql.exec('UPDATE audit_chain SET failures = failures + 1, retry_at = ? WHERE id = 1', nowMs + delayMs)
}

const RETRY_MS = 5_000
const LONGEST_RETRY_MS = 5 * 60_000

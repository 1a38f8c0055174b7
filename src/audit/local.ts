/** What an object says of its own log: for verification, for live tails, and for up to when a query is complete. */
import type { Source } from './carry.ts'
import { type Checkpoint, forgetCheckpoints, readCheckpoints } from './checkpoints.ts'
import { readProgress } from './progress.ts'
import type { AuditRow } from './row.ts'

/** Where a log ends and what of it is in the audit database. */
export interface LogHead {
  readonly chain: string
  /** Where the log begins; null: nothing of it was ever sent. */
  readonly firstSeq: number | null
  /** The last row that the audit database has confirmed, and its hash. */
  readonly headSeq: number
  readonly headHash: string
  /** Rows up to here may be in the audit database. */
  readonly frozenSeq: number
  /** When the oldest row happened that is not there for sure, in Unix milliseconds; null: there is none. */
  readonly oldestWaitingMs: number | null
}

/** All that a log's own object knows of what was carried: what the audit database says must agree with it. */
export interface LogEvidence extends LogHead {
  /** Rows whose hashes it remembers, in order, the head last. */
  readonly checkpoints: readonly Checkpoint[]
}

export interface LocalRows {
  readonly chain: string
  readonly headSeq: number
  /** The last row of the log, carried or not. */
  readonly lastSeq: number
  /** `isOpen`: how it ended is not known yet. */
  readonly rows: readonly (AuditRow & { readonly isOpen: boolean })[]
}

export function readHead(sql: SqlStorage, source: Source): LogHead {
  const { chain, firstSeq, headSeq, headHash, frozenSeq } = readProgress(sql)
  const [oldest] = source.after(headSeq, 1)
  return { chain, firstSeq, headSeq, headHash, frozenSeq, oldestWaitingMs: oldest?.row.at ?? null }
}

/** `cut`: where retention has cut a log; checkpoints up to there are let go. */
export function readEvidence(
  sql: SqlStorage,
  source: Source,
  cut: Pick<Cut, 'chain' | 'seq'> | null,
): LogEvidence {
  const head = readHead(sql, source)
  if (cut !== null && cut.chain === head.chain) forgetCheckpoints(sql, cut.seq)
  const earlier = readCheckpoints(sql).filter(({ seq }) => seq < head.headSeq)
  const last = head.headSeq === 0 ? [] : [{ seq: head.headSeq, hash: head.headHash }]
  return { ...head, checkpoints: [...earlier, ...last] }
}

export function readLocal(sql: SqlStorage, source: Source, seq: number, most: number): LocalRows {
  const { chain, headSeq } = readProgress(sql)
  const pending = source.after(seq, most)
  const rows = pending.map(({ row, waitsUntilMs }) => ({ ...row, isOpen: waitsUntilMs !== null }))
  return { chain, headSeq, lastSeq: Math.max(headSeq, source.last()), rows }
}

/** The logs of a tenant. */
export interface TenantLogs {
  /** Grants that there are or were. */
  readonly principals: readonly string[]
  readonly cuts: readonly Cut[]
  /** The log of administrative changes. */
  readonly own: LogHead
}

/** The last row of a log that retention has removed. */
export interface Cut {
  readonly principal: string
  readonly chain: string
  readonly seq: number
  readonly hash: string
  /** Rows up to here are gone from the audit database for sure. */
  readonly removedSeq: number
}

export function readTenantLogs(sql: SqlStorage, source: Source): TenantLogs {
  const principals = sql
    .exec<{ name: string }>('SELECT name FROM audit_principals ORDER BY name')
    .toArray()
    .map(({ name }) => name)
  const cuts = sql
    .exec<Record<string, SqlStorageValue>>(
      'SELECT principal, chain, seq, hash, removed_seq AS removedSeq FROM audit_cuts',
    )
    .toArray() as unknown as Cut[]
  return { principals, cuts, own: readHead(sql, source) }
}

/** The audit logs of objects, as the objects report them: for verification, live tails and complete queries. */
import type { AuditRow } from './audit-row.ts'

/** A row that was carried, and the hash that it had. */
export interface Checkpoint {
  readonly seq: number
  /** As hex. */
  readonly hash: string
}

/** The end of a log, and the part of it that is in the audit database. */
export interface LogHead {
  readonly chain: string
  /** The first row of the log; null: none was ever sent. */
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

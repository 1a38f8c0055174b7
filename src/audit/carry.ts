/**
 * Carries an object's log to the audit database: freeze, chain, put, confirm, forget.
 *
 * 1. One transaction freezes the next rows: from then on they never change, so that whatever is sent again is the same.
 * 2. They are hashed, put into the database, and seen to be there.
 * 3. One transaction moves the head, remembers it where it is far from the last that is remembered, and lets go of the rows.
 *
 * A crash between any two of them repeats what came after the last transaction; the database keeps the first of two
 * equal rows. So nothing is lost and nothing is doubled.
 */
import { errorName, log } from '../base/log.ts'
import type { AuditRow } from '../contract/audit-row.ts'
import { chainRows } from './chain.ts'
import { markCheckpoint } from './checkpoints.ts'
import { markCarried, markFailed, markFrozen, type Progress, readProgress } from './progress.ts'
import { putRows, StoreError } from './store.ts'

/** An object's rows, in its own tables. */
export interface Source {
  /** The first rows after `seq`, in order, and whether each may still change. */
  after(seq: number, most: number): readonly Pending[]
  /** The last row's `seq`, 0 for none. */
  last(): number
  /** Rows up to `seq` must not change any more: whatever was awaited of them is not awaited any longer. */
  freeze(seq: number): void
  /** Rows up to `seq` are elsewhere. */
  forget(seq: number, nowMs: number): void
}

/** A row that has not been carried yet. */
export interface Pending {
  readonly row: AuditRow
  /** Until when it may wait for what is still missing in it, in Unix milliseconds; null: it is complete. */
  readonly waitsUntilMs: number | null
}

export interface CarryContext {
  readonly sql: SqlStorage
  readonly db: D1Database
  readonly tenant: string
  readonly principal: string
  readonly source: Source
  /** One transaction, and the wake-up after a crash with it. */
  readonly commit: <T>(work: () => T) => Promise<T>
  readonly now: () => number
}

/** Rows gather for so long, so that few are carried together rather than each alone. */
export const GATHER_MS = 10_000
const MOST_ROWS = 500
/** D1 takes 2 MB in one parameter. */
const MOST_BATCH_CHARS = 400_000
/** Batches of one run: then other work of the object has its turn. */
const MOST_BATCHES = 100

/** Carries all that can be carried now. Never throws. True when there is more to be carried at once. */
export async function carry(context: CarryContext): Promise<boolean> {
  try {
    for (let batch = 0; batch < MOST_BATCHES; batch++) {
      if (!(await carryBatch(context))) return false
    }
    return true
  } catch (error) {
    const { tenant, principal } = context
    const code = error instanceof StoreError ? error.code : errorName(error)
    log('warn', 'audit.not_carried', { tenant, principal, error: code })
    // Should even that not be written, the wake-up of the last transaction tries again.
    await context.commit(() => markFailed(context.sql, context.now())).catch(() => {})
    return false
  }
}

async function carryBatch({
  sql,
  db,
  tenant,
  principal,
  source,
  commit,
  now,
}: CarryContext): Promise<boolean> {
  const frozen = await commit(() => freezeNext(sql, source, now()))
  if (frozen === null) return false
  const { rows, progress } = frozen
  const chainLog = { tenant, principal, chain: progress.chain }
  const chained = await chainRows(progress.headHash, chainLog, rows)
  await putRows(db, chainLog, chained)
  const last = chained.at(-1)
  if (last === undefined) return false
  await commit(() => {
    markCarried(sql, last.seq, last.hash)
    markCheckpoint(sql, last.seq, last.hash)
    source.forget(last.seq, now())
  })
  return true
}

/** The next rows to carry, frozen; null when there are none that are ready. */
function freezeNext(
  sql: SqlStorage,
  source: Source,
  nowMs: number,
): { rows: readonly AuditRow[]; progress: Progress } | null {
  const progress = readProgress(sql)
  const pending = source.after(progress.headSeq, MOST_ROWS)
  let chars = 0
  let ready = 0
  for (const { row, waitsUntilMs } of pending) {
    // In order or not at all: a row that waits lets those behind it wait, too.
    const isReady = row.seq <= progress.frozenSeq || waitsUntilMs === null || waitsUntilMs <= nowMs
    chars += JSON.stringify(row).length
    if (!isReady || (ready > 0 && chars > MOST_BATCH_CHARS)) break
    ready += 1
  }
  const [first, last] = [pending[0]?.row, pending[ready - 1]?.row]
  if (ready === 0 || first === undefined || last === undefined) return null
  source.freeze(last.seq)
  markFrozen(sql, first.seq, last.seq)
  // Read again: freezing may have said what nobody will say any more.
  return { rows: source.after(progress.headSeq, ready).map(({ row }) => row), progress }
}

/** When there will be something to carry, in Unix milliseconds; null for nothing. */
export function nextCarryMs(sql: SqlStorage, source: Source, nowMs: number): number | null {
  const { headSeq, frozenSeq, retryAtMs } = readProgress(sql)
  const [oldest] = source.after(headSeq, 1)
  if (oldest === undefined) return null
  const { row, waitsUntilMs } = oldest
  // A clock that stepped back must not put it off for long.
  const gatheredMs = row.seq <= frozenSeq ? nowMs : Math.min(row.at, nowMs) + GATHER_MS
  return Math.max(gatheredMs, Math.min(waitsUntilMs ?? 0, nowMs + LONGEST_WAIT_MS), retryAtMs, nowMs)
}

/** The time that a row waits for its outcome; after it the row says "unknown". */
export const LONGEST_WAIT_MS = 60_000

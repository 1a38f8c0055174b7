/**
 * Carries an object's log to the audit database: freeze, chain, put, confirm, forget.
 *
 * 1. One transaction freezes the next rows: from then on they never change, so that whatever is sent again is the same.
 * 2. They are hashed, put into the database, and seen to be there.
 * 3. One transaction moves the head, remembers it where it is far from the last that is remembered, and lets go of the rows.
 *
 * A crash between any two of them repeats what came after the last transaction; the database keeps the first of two
 * equal rows. Thus nothing is lost and nothing is doubled.
 */
import { errorName, log } from '../base/log.ts'
import type { AuditRow } from '../contract/audit-row.ts'
import { chainRows } from './chain.ts'
import { markCheckpoint } from './checkpoints.ts'
import type { ObjectLog } from './object-log.ts'
import { markCarried, markFailed, markFrozen, type Progress, readProgress } from './progress.ts'
import { putRows, StoreError } from './store.ts'

export interface CarryContext {
  readonly log: ObjectLog
  readonly db: D1Database
  readonly tenant: string
  readonly principal: string
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
    await context.commit(() => markFailed(context.log.sql, context.now())).catch(() => {})
    return false
  }
}

async function carryBatch({ log, db, tenant, principal, commit, now }: CarryContext): Promise<boolean> {
  const frozen = await commit(() => freezeNext(log, now()))
  if (frozen === null) return false
  const { rows, progress } = frozen
  const chainLog = { tenant, principal, chain: progress.chain }
  const chained = await chainRows(progress.headHash, chainLog, rows)
  await putRows(db, chainLog, chained)
  const last = chained.at(-1)
  if (last === undefined) return false
  await commit(() => {
    markCarried(log.sql, last.seq, last.hash)
    markCheckpoint(log.sql, last.seq, last.hash)
    log.forget(last.seq, now())
  })
  return true
}

/** The next rows to carry, frozen; null when there are none that are ready. */
function freezeNext(log: ObjectLog, nowMs: number): { rows: readonly AuditRow[]; progress: Progress } | null {
  const progress = readProgress(log.sql)
  const pending = log.after(progress.headSeq, MOST_ROWS)
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
  log.freeze(last.seq)
  markFrozen(log.sql, first.seq, last.seq)
  // Read again: freezing may have said what nobody will say any more.
  return { rows: log.after(progress.headSeq, ready).map(({ row }) => row), progress }
}

/** When there will be something to carry, in Unix milliseconds; null for nothing. */
export function nextCarryMs(log: ObjectLog, nowMs: number): number | null {
  const { headSeq, frozenSeq, retryAtMs } = readProgress(log.sql)
  const [oldest] = log.after(headSeq, 1)
  if (oldest === undefined) return null
  const { row, waitsUntilMs } = oldest
  // A clock that stepped back must not put it off for long.
  const gatheredMs = row.seq <= frozenSeq ? nowMs : Math.min(row.at, nowMs) + GATHER_MS
  return Math.max(gatheredMs, Math.min(waitsUntilMs ?? 0, nowMs + LONGEST_WAIT_MS), retryAtMs, nowMs)
}

/** The time that a row waits for its outcome; after it the row says "unknown". */
export const LONGEST_WAIT_MS = 60_000

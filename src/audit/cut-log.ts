/**
 * Cuts one log from its beginning. The audit database is not trusted: rows are hashed again, from the last cut to the next row whose hash
 * the log's own object has kept, and unless they come out at that hash, none goes. A log that was rewritten in the database, with all its
 * hashes, therefore stays, and verification finds it.
 */
import { errorName, log } from '../base/log.ts'
import type { Checkpoint, Cut, LogEvidence } from '../contract/audit-logs.ts'
import type { Log, StoredRow } from '../contract/audit-row.ts'
import { GENESIS, linkHash } from './chain.ts'
import { markRemoved, readCut, readWalk, type Walk, writeCut, writeWalk } from './cuts.ts'
import { readLog } from './query.ts'
import { asked } from './store.ts'

export interface CutContext {
  readonly sql: SqlStorage
  readonly db: D1Database
  /** Asks a log's own object what it knows of it after the cut; null: it knows of no log. */
  readonly evidence: (
    principal: string,
    cut: Pick<Cut, 'chain' | 'seq'> | null,
  ) => Promise<LogEvidence | null>
  readonly commit: <T>(work: () => T) => Promise<T>
}

/** Statements that may still be sent to the database. */
export interface Budget {
  left: number
}

/** `more`: the budget is spent, and the log goes on later. `unreachable`: its object did not answer. */
export type CutOutcome = 'done' | 'more' | 'refused' | 'unreachable'

/** Rows that are read at a time, and that are removed at a time. */
const PIECE = 1_000
const MOST_REMOVED = 5_000

/**
 * Lets the rows of a log go that are from before `beforeMs`, up to the first that is not.
 * @throws StoreError
 */
export async function cutLog(
  context: CutContext,
  of: Log,
  beforeMs: number,
  budget: Budget,
): Promise<CutOutcome> {
  const { sql, db, commit } = context
  let cut: Checkpoint | null = readCut(sql, of)
  let evidence: LogEvidence | null
  try {
    evidence = await context.evidence(of.principal, cut === null ? null : { chain: of.chain, seq: cut.seq })
  } catch (error) {
    said('warn', of, { error: 'unreachable', reason: errorName(error) })
    return 'unreachable'
  }
  if (evidence === null || evidence.chain !== of.chain)
    return refuse(context, of, { cut, seq: 0, error: 'unknown_log' })
  let walk = resumed(readWalk(sql, of), cut, beforeMs)
  for (;;) {
    const target = evidence.checkpoints.find(({ seq }) => seq > walk.seq)
    // Later rows are not confirmed yet.
    if (target === undefined) return 'done'
    if (budget.left <= 0) {
      const left = walk
      await commit(() => writeWalk(sql, of, left))
      return 'more'
    }
    budget.left -= 1
    const rows = await readLog(db, of, walk.seq, PIECE)
    const gone = await further(of, walk, rows, target)
    if ('altered' in gone) return refuse(context, of, { cut, seq: gone.altered, error: 'altered' })
    walk = gone.walk
    // Nothing at its beginning is old: nothing goes, whatever follows.
    if (walk.cut === null) return 'done'
    if (walk.seq < target.seq) continue
    // Its rows are what was written, from the last cut to here.
    const next = walk.cut
    await commit(() => {
      writeCut(sql, of, next)
      writeWalk(sql, of, null)
    })
    if (!(await removeUpTo(context, of, next.seq, budget))) return 'more'
    if (next.seq < target.seq) return 'done'
    cut = next
    walk = begun(cut, beforeMs)
  }
}

/**
 * Removes what is cut, and writes down that it is gone: from then on no such row may be there. False: the budget was spent.
 * @throws StoreError
 */
export async function removeUpTo(
  { sql, db, commit }: Pick<CutContext, 'sql' | 'db' | 'commit'>,
  of: Log,
  seq: number,
  budget: Budget,
): Promise<boolean> {
  for (let isMore = true; isMore; ) {
    if (budget.left <= 0) return false
    budget.left -= 1
    const { meta } = await asked(() =>
      db
        .prepare(
          `DELETE FROM audit WHERE arrived IN (SELECT arrived FROM audit
             WHERE tenant = ?1 AND principal = ?2 AND chain = ?3 AND seq <= ?4 ORDER BY seq LIMIT ${MOST_REMOVED})`,
        )
        .bind(of.tenant, of.principal, of.chain, seq)
        .run(),
    )
    isMore = meta.changes >= MOST_REMOVED
  }
  await commit(() => markRemoved(sql, of, seq))
  return true
}

function begun(cut: Checkpoint | null, beforeMs: number): Walk {
  const { seq, hash } = cut ?? { seq: 0, hash: GENESIS }
  return { fromSeq: seq, beforeMs, seq, hash, cut: null }
}

/** A walk that another run had begun counts while the log is cut where it was, and nothing is young that it took for old. */
function resumed(earlier: Walk | null, cut: Checkpoint | null, beforeMs: number): Walk {
  const anew = begun(cut, beforeMs)
  return earlier !== null && earlier.fromSeq === anew.fromSeq && earlier.beforeMs <= beforeMs ? earlier : anew
}

/**
 * Hashes rows that follow a walk, up to `target`. `altered`: they are not what was written, as is seen at that row; or some
 * before the target are not there. A row whose place does not follow on need not be: an object that could not carry its rows
 * for long has let some go, and then the hashes say so.
 */
async function further(
  of: Log,
  walk: Walk,
  rows: readonly StoredRow[],
  target: Checkpoint,
): Promise<{ readonly walk: Walk } | { readonly altered: number }> {
  let { seq, hash, cut } = walk
  for (const row of rows) {
    if (row.seq > target.seq) return { altered: target.seq }
    // A log goes from its beginning: a row that is not old keeps all that follow it.
    const isFirst = (cut?.seq ?? walk.fromSeq) === seq
    const isOld = isFirst && row.at < walk.beforeMs
    if (cut === null && !isOld) return { walk: { ...walk, seq, hash, cut } }
    hash = await linkHash(hash, of, row)
    seq = row.seq
    if (hash !== row.hash) return { altered: seq }
    if (isOld) cut = { seq, hash }
    if (seq === target.seq)
      return hash === target.hash ? { walk: { ...walk, seq, hash, cut } } : { altered: seq }
  }
  return rows.length < PIECE ? { altered: seq + 1 } : { walk: { ...walk, seq, hash, cut } }
}

async function refuse(
  { sql, commit }: CutContext,
  of: Log,
  {
    cut,
    seq,
    error,
  }: {
    readonly cut: Checkpoint | null
    readonly seq: number
    readonly error: 'altered' | 'unknown_log'
  },
): Promise<CutOutcome> {
  // Another run may have cut it meanwhile: then rows are not there because they went.
  if ((readCut(sql, of)?.seq ?? 0) !== (cut?.seq ?? 0)) return 'more'
  await commit(() => writeWalk(sql, of, null))
  said('error', of, { error, seq })
  return 'refused'
}

function said(
  level: 'warn' | 'error',
  { tenant, principal, chain }: Log,
  what: Record<string, string | number>,
) {
  log(level, 'audit.not_cut', { tenant, grant: principal, chain, ...what })
}

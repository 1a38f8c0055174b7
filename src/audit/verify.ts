/**
 * Proves that nothing was removed from a tenant's trail and nothing altered: every hash is computed again, from where
 * retention last cut a log to the head that the log's own object keeps, and on the way compared with those of other rows
 * that it has kept. The object is asked first: the rows that were confirmed to it must be there.
 */
import type { Checkpoint, Cut, LogEvidence } from '../contract/audit-logs.ts'
import { type Log, TENANT_LOG } from '../contract/audit-row.ts'
import type { Env } from '../contract/env.ts'
import { principalObject, tenantObject } from '../contract/objects.ts'
import { GENESIS, linkHash } from './chain.ts'
import { firstUpTo, otherLogs, readLog, storedPrincipals } from './query.ts'

/** One thing that is not as it was written. */
export interface Finding {
  readonly grant: string
  readonly chain: string
  readonly seq: number
  readonly problem: /** The row or one before it was altered, or another was put in its place. */
    | 'altered'
    /** Rows from this one on are not there, up to the next that is. */
    | 'missing'
    /** The log should go on to a row that is not there. */
    | 'cut_short'
    /** Rows from this one on were not written by the log's object. */
    | 'made_up'
    /** Rows of a log that no object knows: of one that was deleted, or made up. */
    | 'unknown_log'
  /**
   * The rows between which a log was altered: it is as it was written up to the first of them, and the alteration is not behind the
   * second. Null: they cannot be found.
   */
  readonly between: readonly [after: number, until: number] | null
}

export interface Verification {
  readonly rows: number
  readonly logs: number
  readonly findings: readonly Finding[]
  /** The place to go on from; null: all of it was looked at. */
  readonly next: string | null
}

/** The progress of verifying a log. */
interface Thread {
  /** The last row that was looked at, and the hash that the database has for it. */
  readonly seq: number
  readonly hash: string
  /** The hash that follows from all that the rows say, from the last one that is known for sure: the cut, or a checkpoint. */
  readonly genuine: string
  /** The row of that checkpoint. */
  readonly sure: number
  /** Something was found since then: it is why the next checkpoint is not met. */
  readonly isTold: boolean
}

/** The place where verifying stopped: in a log, or before one. */
interface Place {
  readonly principal: string
  readonly chain: string
  readonly thread: Thread
}

/** Rows in one go: hashing costs about 10 µs each. */
const MOST_ROWS = 20_000
/** Each takes five requests, of which one invocation has 1,000. */
const MOST_LOGS = 150
const MOST_FINDINGS = 100
const PAGE = 1_000

/** Verifies a tenant's trail, or goes on with it. Null: `after` is no cursor, or there is no such tenant. */
export async function verify(
  env: Env,
  db: D1Database,
  tenant: string,
  after: string | null,
): Promise<Verification | null> {
  const from = after === null ? null : readPlace(after)
  if (after !== null && from === null) return null
  const known = await tenantObject(env, tenant).auditLogs()
  if (known === null) return null
  const stored = await storedPrincipals(db, tenant, from?.principal ?? '')
  const names = [...new Set([TENANT_LOG, ...known.principals, ...stored])].sort()
  const run = new Run(db, async () => (await tenantObject(env, tenant).auditLogs())?.cuts ?? [])
  for (const principal of names) {
    if (from !== null && principal < from.principal) continue
    if (run.isFull()) return run.result({ principal, chain: '', thread: startAt({ seq: 0, hash: GENESIS }) })
    const object =
      principal === TENANT_LOG ? tenantObject(env, tenant) : principalObject(env, tenant, principal)
    const askEvidence = async () => object.auditEvidence(null)
    const evidence = await askEvidence()
    for (const chain of await otherLogs(db, tenant, principal, evidence?.chain ?? null))
      run.found({ grant: principal, chain, seq: 0, problem: 'unknown_log', between: null })
    if (evidence === null) continue
    const thread = from?.principal === principal && from.chain === evidence.chain ? from.thread : null
    const stopped = await run.log({ tenant, principal, chain: evidence.chain }, evidence, thread, askEvidence)
    if (stopped !== null) return run.result(stopped)
  }
  return run.result(null)
}

class Run {
  readonly #db: D1Database
  readonly #askCuts: () => Promise<readonly Cut[]>
  readonly #findings: Finding[] = []
  #rows = 0
  #logs = 0

  constructor(db: D1Database, askCuts: () => Promise<readonly Cut[]>) {
    this.#db = db
    this.#askCuts = askCuts
  }

  found(finding: Finding): void {
    if (this.#findings.length < MOST_FINDINGS) this.#findings.push(finding)
  }

  isFull(): boolean {
    return this.#rows >= MOST_ROWS || this.#logs >= MOST_LOGS || this.#findings.length >= MOST_FINDINGS
  }

  result(next: Place | null): Verification {
    return {
      rows: this.#rows,
      logs: this.#logs,
      findings: this.#findings,
      next: next === null ? null : writePlace(next),
    }
  }

  /** Verifies one log, from its beginning or from the place `from`. Returns the place where it stopped, or null at the log's end. */
  async log(
    log: Log,
    evidence: LogEvidence,
    from: Thread | null,
    askEvidence: () => Promise<LogEvidence | null>,
  ): Promise<Place | null> {
    const { principal, chain } = log
    const { headSeq, headHash, checkpoints } = evidence
    const hashes = new Map(checkpoints.map(({ seq, hash }) => [seq, hash]))
    const found = (problem: Finding['problem'], seq: number, between: Finding['between'] = null) =>
      this.found({ grant: principal, chain, seq, problem, between })
    const altered = (seq: number, sure: number) => {
      const until = checkpoints.find((it) => it.seq >= seq)?.seq
      found('altered', seq, until === undefined ? null : [sure, until])
    }
    /** Returns the place where retention has cut the log, if that is further on. */
    const cutAfter = async (thread: Thread): Promise<Thread> => {
      const cut = await this.#beginning(log, evidence)
      if (cut.seq <= thread.seq) return thread
      if (cut.seq === headSeq && cut.hash !== headHash) found('altered', cut.seq)
      return startAt(cut)
    }

    let thread = from
    if (thread === null) {
      this.#logs += 1
      const beginning = await this.#beginning(log, evidence)
      const early = await firstUpTo(this.#db, log, beginning.goneSeq)
      if (early !== null) found('made_up', early)
      if (beginning.seq === headSeq && beginning.hash !== headHash) found('altered', headSeq)
      thread = startAt(beginning)
    }
    for (;;) {
      const page = await readLog(this.#db, log, thread.seq, PAGE)
      for (const row of page) {
        this.#rows += 1
        // Retention may be cutting the log: rows that are not there are gone where the cut says so, and those before it go.
        if (row.seq > thread.seq + 1) thread = await cutAfter(thread)
        if (row.seq <= thread.seq) continue
        const isGap: boolean = row.seq > thread.seq + 1
        if (isGap) {
          found('missing', thread.seq + 1)
          thread = over(thread, row.seq, checkpoints)
        }
        const expected: string = await linkHash(thread.hash, log, row)
        const isLinked: boolean = isGap || expected === row.hash
        if (!isLinked) altered(row.seq, thread.sure)
        const genuine: string =
          thread.genuine === thread.hash ? expected : await linkHash(thread.genuine, log, row)
        // The rows behind it are looked at by themselves: one finding for one thing.
        const isTold: boolean = thread.isTold || !isLinked
        const point = hashes.get(row.seq)
        if (point !== undefined && genuine !== point && !isTold) altered(row.seq, thread.sure)
        const { seq, hash } = row
        thread =
          point === undefined
            ? { seq, hash, genuine, sure: thread.sure, isTold }
            : { seq, hash, genuine: point, sure: seq, isTold: false }
      }
      if (page.length < PAGE) break
      if (this.isFull()) return { principal, chain, thread }
    }
    if (thread.seq < headSeq) thread = await cutAfter(thread)
    if (thread.seq < headSeq) found('cut_short', thread.seq + 1)
    if (thread.seq > evidence.frozenSeq) {
      // It may have gone on meanwhile.
      const frozenSeq = (await askEvidence())?.frozenSeq ?? evidence.frozenSeq
      if (thread.seq > frozenSeq) found('made_up', frozenSeq + 1)
    }
    return null
  }

  /** Returns the hash that the first row that should be there is chained to, and the row up to which there must be none for sure. */
  async #beginning(
    { principal, chain }: Log,
    { firstSeq }: LogEvidence,
  ): Promise<Checkpoint & { readonly goneSeq: number }> {
    const cut = (await this.#askCuts()).find((it) => it.principal === principal && it.chain === chain)
    if (cut !== undefined) return { seq: cut.seq, hash: cut.hash, goneSeq: cut.removedSeq }
    const seq = (firstSeq ?? 1) - 1
    return { seq, hash: GENESIS, goneSeq: seq }
  }
}

function startAt({ seq, hash }: Checkpoint): Thread {
  return { seq, hash, genuine: hash, sure: seq, isTold: false }
}

/** A thread that goes on with row `next` though rows before it are missing; a checkpoint among those is known for sure. */
function over(thread: Thread, next: number, checkpoints: readonly Checkpoint[]): Thread {
  const passed = checkpoints.findLast(({ seq }) => seq > thread.seq && seq < next)
  if (passed === undefined) return { ...thread, isTold: true }
  return { ...thread, genuine: passed.hash, sure: passed.seq, isTold: passed.seq < next - 1 }
}

function writePlace({ principal, chain, thread }: Place): string {
  const { seq, hash, genuine, sure, isTold } = thread
  return JSON.stringify([principal, chain, seq, hash, genuine, sure, isTold])
}

function readPlace(text: string): Place | null {
  try {
    const [principal, chain, seq, hash, genuine, sure, isTold] = JSON.parse(text) as unknown[]
    const areTexts = [principal, chain, hash, genuine].every((it) => typeof it === 'string')
    const areNumbers = [seq, sure].every((it) => Number.isSafeInteger(it))
    if (!areTexts || !areNumbers || typeof isTold !== 'boolean') return null
    return { principal, chain, thread: { seq, hash, genuine, sure, isTold } } as Place
  } catch {
    return null
  }
}

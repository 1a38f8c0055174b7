/**
 * Proves that nothing was removed from a tenant's trail and nothing altered: every hash is computed again, from where
 * retention last cut a log to the head that the log's own object keeps. That object is asked first: what it has been
 * confirmed must be there.
 */
import type { Env } from '../env.ts'
import { principalObject, tenantObject } from '../objects.ts'
import { GENESIS, linkHash } from './chain.ts'
import type { Cut, LogHead } from './local.ts'
import { firstUpTo, otherLogs, readLog, storedPrincipals } from './query.ts'
import { type Log, TENANT_LOG } from './row.ts'

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
}

export interface Verification {
  readonly rows: number
  readonly logs: number
  readonly findings: readonly Finding[]
  /** Where to go on; null: all of it was looked at. */
  readonly next: string | null
}

/** Where verifying stopped: in a log, after a row whose hash this is. */
interface Place {
  readonly principal: string
  readonly chain: string
  readonly seq: number
  readonly hash: string
}

type Point = Pick<Place, 'seq' | 'hash'>

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
    if (run.isFull()) return run.result({ principal, chain: '', seq: 0, hash: '' })
    const askHead = async () =>
      principal === TENANT_LOG
        ? ((await tenantObject(env, tenant).auditLogs())?.own ?? null)
        : principalObject(env, tenant, principal).auditHead()
    const head = await askHead()
    for (const chain of await otherLogs(db, tenant, principal, head?.chain ?? null))
      run.found({ grant: principal, chain, seq: 0, problem: 'unknown_log' })
    if (head === null) continue
    const place = from?.principal === principal && from.chain === head.chain ? from : null
    const stopped = await run.log({ tenant, principal, chain: head.chain }, head, place, askHead)
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
    const cursor = next === null ? null : JSON.stringify([next.principal, next.chain, next.seq, next.hash])
    return { rows: this.#rows, logs: this.#logs, findings: this.#findings, next: cursor }
  }

  /** Verifies one log, from its beginning or from `place`. Where it stopped, or null at its end. */
  async log(
    log: Log,
    head: LogHead,
    place: Place | null,
    askHead: () => Promise<LogHead | null>,
  ): Promise<Place | null> {
    const { principal, chain } = log
    const finding = (problem: Finding['problem'], at: number) =>
      this.found({ grant: principal, chain, seq: at, problem })
    const beginning = await this.#beginning(log, head)
    let { seq, hash } = place ?? beginning
    if (place === null) {
      this.#logs += 1
      const early = await firstUpTo(this.#db, log, beginning.goneSeq)
      if (early !== null) finding('made_up', early)
      if (seq === head.headSeq && hash !== head.headHash) finding('altered', seq)
    }
    for (;;) {
      const page = await readLog(this.#db, log, seq, PAGE)
      for (const row of page) {
        this.#rows += 1
        // Retention may have cut the log since.
        if (row.seq !== seq + 1) ({ seq, hash } = later({ seq, hash }, await this.#beginning(log, head)))
        if (row.seq !== seq + 1) finding('missing', seq + 1)
        else if ((await linkHash(hash, log, row)) !== row.hash) finding('altered', row.seq)
        // What follows is looked at by itself: one finding for one thing.
        seq = row.seq
        hash = row.hash
        if (seq === head.headSeq && hash !== head.headHash) finding('altered', seq)
      }
      if (page.length < PAGE) break
      if (this.isFull()) return { principal, chain, seq, hash }
    }
    if (seq < head.headSeq) {
      ;({ seq, hash } = later({ seq, hash }, await this.#beginning(log, head)))
      if (seq === head.headSeq && hash !== head.headHash) finding('altered', seq)
    }
    if (seq < head.headSeq) finding('cut_short', seq + 1)
    if (seq > head.frozenSeq) {
      // It may have gone on meanwhile.
      const frozenSeq = (await askHead())?.frozenSeq ?? head.frozenSeq
      if (seq > frozenSeq) finding('made_up', frozenSeq + 1)
    }
    return null
  }

  /** What the first row that should be there is chained to, and up to where there must be none for sure. */
  async #beginning(
    { principal, chain }: Log,
    head: LogHead,
  ): Promise<{ seq: number; hash: string; goneSeq: number }> {
    const cut = (await this.#askCuts()).find((it) => it.principal === principal && it.chain === chain)
    if (cut !== undefined) return { seq: cut.seq, hash: cut.hash, goneSeq: cut.removedSeq }
    const seq = (head.firstSeq ?? 1) - 1
    return { seq, hash: GENESIS, goneSeq: seq }
  }
}

function later(one: Point, other: Point): Point {
  return other.seq > one.seq ? other : one
}

function readPlace(text: string): Place | null {
  try {
    const [principal, chain, seq, hash] = JSON.parse(text) as unknown[]
    const texts = [principal, chain, hash]
    if (texts.some((it) => typeof it !== 'string') || !Number.isSafeInteger(seq)) return null
    return { principal, chain, seq, hash } as Place
  } catch {
    return null
  }
}

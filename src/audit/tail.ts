/**
 * The trail as it grows, as server-sent events. Once a second it sends the rows that have come to the audit database, and,
 * for a tenant with few grants, those that are still where they were decided, so that a denial is seen at once. Each log is in its own
 * order, and there is no order between logs; a row that came twice after a reconnect is known by `grant`, `chain` and `seq`.
 */
import type { LocalRows } from '../contract/audit-logs.ts'
import { TENANT_LOG } from '../contract/audit-row.ts'
import type { Env } from '../contract/env.ts'
import { principalObject, tenantObject } from '../contract/objects.ts'
import { type Filter, matches } from './filter.ts'
import { lastArrived, readArrived } from './query.ts'
import { type ShownRow, shownRow } from './shown.ts'

export interface TailContext {
  readonly env: Env
  readonly db: D1Database
  readonly tenant: string
  readonly filter: Filter
  /** `Last-Event-ID`: arrivals up to here were sent; null to begin now. */
  readonly after: number | null
  /** Tells whether the person may still see it; checked now and then, for a tail outlives many changes. */
  readonly isAllowed: () => Promise<boolean>
  readonly now: () => number
  readonly wait: (ms: number) => Promise<void>
}

const EVERY_MS = 1_000
/** The time that a row waits for its outcome; then it is sent without. */
const OUTCOME_MS = 2_000
const HEARTBEAT_MS = 15_000
/** More grants are heard of only when their rows arrive, which is within a minute or so. */
const MOST_LOGS = 20
const MOST_LOCAL = 200
const MOST_ARRIVED = 500
/** Grants are looked for in every so manieth look. */
const GRANTS_EVERY = 5
/**
 * The most requests of one tail, all in all; then the client comes again. The platform allows 1,000; a stream that makes more breaks off
 * without saying its end.
 */
const MOST_ASKED = 800
/** The most requests of checking that it is still allowed: of a person by Access the team, its keys, and the person. */
const ALLOWED_ASKS = 3
const LONGEST_MS = 15 * 60_000
const ALLOWED_EVERY_MS = 5_000

/** The progress of a tail in one log. */
interface Followed {
  readonly chain: string
  /** Rows up to here were there before it began. */
  readonly from: number
  /** Rows that were sent before they arrived. */
  readonly early: Set<number>
  /** The last row that was sent early; none up to here is, for the database had them all when the log became known. */
  last: number
  /** The last row that arrived. */
  arrived: number
}

/** Looks again and again; each look gives the rows that are new. */
export class Tail {
  readonly #context: TailContext
  readonly #followed = new Map<string, Followed>()
  #names: readonly string[] = []
  #arrived = 0
  #asked = 0
  #asks = 0

  constructor(context: TailContext) {
    this.#context = context
  }

  /** Starts the tail: rows from before this are not sent. */
  async begin(): Promise<void> {
    const { db, tenant, after } = this.#context
    // First the logs: what they hold now and what arrives of it meanwhile is from before.
    if (after === null)
      for (const [name, rows] of await this.#ask(Number.MAX_SAFE_INTEGER)) this.#know(name, rows)
    this.#arrived = after ?? (await lastArrived(db, tenant))
    this.#asked += 1
  }

  /** The number up to which the rows of the audit database have been sent. */
  get arrived(): number {
    return this.#arrived
  }

  /** It has asked as much as one request may. */
  get isSpent(): boolean {
    return this.#asked > MOST_ASKED
  }

  /** Counts what was asked beside it. */
  charge(asked: number): void {
    this.#asked += asked
  }

  async look(): Promise<readonly ShownRow[]> {
    const { db, tenant, filter } = this.#context
    // First the logs, then the database: what left a log in between has arrived.
    const local = await this.#ask(null)
    const arrivals = await readArrived(db, tenant, {
      filter: {},
      arrived: this.#arrived,
      limit: MOST_ARRIVED,
    })
    this.#asked += 1
    const found: ShownRow[] = []
    for (const row of arrivals) {
      this.#arrived = row.arrived
      const log = this.#followed.get(row.principal)
      if (log === undefined || log.chain !== row.chain) found.push(row)
      else {
        log.arrived = row.seq
        if (!log.early.delete(row.seq) && row.seq > log.from) found.push(row)
      }
    }
    for (const [name, rows] of local) found.push(...this.#early(name, rows))
    return found.filter((row) => matches(filter, row.principal, row))
  }

  /** Rows that have not arrived yet, up to the first whose outcome is worth a moment's waiting. */
  #early(name: string, { chain, rows }: LocalRows): ShownRow[] {
    const log = this.#followed.get(name)
    if (log === undefined) return []
    const found: ShownRow[] = []
    for (const { isOpen, ...row } of rows) {
      if (row.seq <= Math.max(log.last, log.arrived, log.from)) continue
      if (isOpen && row.at + OUTCOME_MS > this.#context.now()) break
      log.last = row.seq
      log.early.add(row.seq)
      found.push({ ...row, principal: name, chain, hash: null })
    }
    return found
  }

  #know(name: string, { chain, lastSeq }: LocalRows): void {
    this.#followed.set(name, { chain, from: lastSeq, early: new Set(), last: 0, arrived: 0 })
  }

  /** Returns the rows of the logs, after `seq` or after those that were sent of each. */
  async #ask(seq: number | null): Promise<readonly (readonly [string, LocalRows])[]> {
    const { env, tenant, filter } = this.#context
    if (this.#asks++ % GRANTS_EVERY === 0) {
      const logs = await tenantObject(env, tenant).auditLogs()
      this.#asked += 1
      const all = logs === null ? [] : [TENANT_LOG, ...logs.principals]
      const wanted = filter.grant === undefined ? all : all.filter((name) => name === filter.grant)
      this.#names = wanted.length > MOST_LOGS ? [] : wanted
    }
    const answers = await Promise.all(
      this.#names.map(async (name) => {
        const object = name === TENANT_LOG ? tenantObject(env, tenant) : principalObject(env, tenant, name)
        const log = this.#followed.get(name)
        const after = seq ?? Math.max(log?.last ?? 0, log?.arrived ?? 0, log?.from ?? 0)
        return [name, await object.auditRows(after, MOST_LOCAL)] as const
      }),
    )
    this.#asked += this.#names.length
    const known = answers.flatMap(([name, rows]) => (rows === null ? [] : [[name, rows] as const]))
    if (seq === null)
      // A log keeps rows that were carried long ago, for what they charged: those come by the database or came before.
      for (const [name, { chain, headSeq }] of known)
        if (!this.#followed.has(name))
          this.#followed.set(name, { chain, from: 0, early: new Set(), last: headSeq, arrived: 0 })
    return known
  }
}

/** The events of a tail; ends by itself, with an event that says so. */
export function tailEvents(context: TailContext): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const { now, wait } = context
  const tail = new Tail(context)
  const startedAtMs = now()
  let heardAtMs = startedAtMs
  let allowedAtMs = startedAtMs
  const isAllowed = async () => {
    if (now() - allowedAtMs < ALLOWED_EVERY_MS) return true
    allowedAtMs = now()
    tail.charge(ALLOWED_ASKS)
    return context.isAllowed()
  }
  let isOver = false
  return new ReadableStream(
    {
      async start(controller) {
        await tail.begin()
        controller.enqueue(encoder.encode(`retry: ${EVERY_MS}\nid: ${tail.arrived}\n\n`))
      },
      async pull(controller) {
        while (!isOver) {
          await wait(EVERY_MS)
          if (isOver) return
          if (tail.isSpent || now() - startedAtMs > LONGEST_MS || !(await isAllowed())) {
            controller.enqueue(encoder.encode('event: end\ndata: {}\n\n'))
            controller.close()
            return
          }
          const rows = await tail.look()
          if (rows.length === 0 && now() - heardAtMs < HEARTBEAT_MS) continue
          heardAtMs = now()
          const text = rows.map((row) => `data: ${JSON.stringify(shownRow(row))}\n\n`).join('')
          controller.enqueue(encoder.encode(`${text}id: ${tail.arrived}\n: \n\n`))
          return
        }
      },
      cancel() {
        isOver = true
      },
    },
    { highWaterMark: 0 },
  )
}

/**
 * The log of decisions against a plain reference, which keeps a row for every decision and a counter for every limit: whatever
 * is written, settled, refunded, carried and let go, taken back half-way or read anew, both say the same.
 */
import { runInDurableObject } from 'cloudflare:test'
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { markCarried, markFrozen, readProgress } from '../../../src/audit/progress.ts'
import type { CallOutcomeKind } from '../../../src/contract/principal.ts'
import { refund, reserve } from '../../../src/policy/counting.ts'
import type { Charge } from '../../../src/policy/model.ts'
import { windowOf } from '../../../src/policy/window.ts'
import { DecisionLog, type LogSizes } from '../../../src/principal/log/decision-log.ts'
import { principalLog } from '../../../src/principal/tables/audit-log.ts'
import { MemoryCounters } from '../../policy/support.ts'
import { decided, inLog } from '../../support/decision-log.ts'
import { fresh, installGrant, principal } from '../../support/gateway.ts'

const START = Date.parse('2030-01-01T10:00:00Z')
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

beforeEach(fresh)

const charge = (key: string, sliding: boolean, max: string, scope: Charge['scope'] = 'grant'): Charge => ({
  ...{ rule: '/r', counter: 'c', key, window: windowOf('minute', sliding), scope, max },
  ...{ strict: false, amount: key === 'sum' ? '0.25' : '1', unit: 'calls', message: null, shadow: false },
})
const limits: readonly Charge[] = [
  charge('minute', false, '4'),
  charge('sliding', true, '5'),
  charge('account', false, '3', 'account'),
  charge('sum', false, '2.5'),
]

type Op =
  | { readonly kind: 'call'; readonly limits: number; readonly account: number; readonly isDone: boolean }
  | { readonly kind: 'deny' }
  | { readonly kind: 'end' }
  | { readonly kind: 'settle'; readonly which: number; readonly outcome: CallOutcomeKind }
  | { readonly kind: 'refund'; readonly which: number }
  | { readonly kind: 'freeze'; readonly most: number }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'drop'; readonly keep: number }
  | { readonly kind: 'save' }
  /** Another grant takes the name. */
  | { readonly kind: 'anew' }

const op: fc.Arbitrary<Op> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      limits: fc.nat(15),
      account: fc.nat(1),
      isDone: fc.boolean(),
    }),
    weight: 8,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which: fc.nat(30),
      outcome: fc.constantFrom<CallOutcomeKind>('result', 'timeout'),
    }),
    weight: 5,
  },
  { arbitrary: fc.record({ kind: fc.constant('refund' as const), which: fc.nat(30) }), weight: 3 },
  {
    arbitrary: fc.record({
      kind: fc.constantFrom('deny' as const, 'end' as const, 'save' as const, 'anew' as const),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({ kind: fc.constant('freeze' as const), most: fc.integer({ min: 1, max: 12 }) }),
    weight: 2,
  },
  { arbitrary: fc.record({ kind: fc.constant('confirm' as const) }), weight: 2 },
)
const dropping: fc.Arbitrary<Op> = fc.oneof(
  { arbitrary: op.filter(({ kind }) => kind !== 'freeze' && kind !== 'confirm'), weight: 12 },
  { arbitrary: fc.record({ kind: fc.constant('drop' as const), keep: fc.nat(20) }), weight: 1 },
)

/** Works that share a transaction; where one fails, or a statement of the log, nothing of any has happened. */
interface Group {
  readonly ops: readonly Op[]
  readonly afterMs: number
  readonly fails: 'not' | 'at the end' | number
  /** The object ends after it, and another begins. */
  readonly ends: boolean
}

const group = (of: fc.Arbitrary<Op>): fc.Arbitrary<Group> =>
  fc.record({
    ops: fc.array(of, { minLength: 1, maxLength: 6 }),
    afterMs: fc.oneof(fc.nat(2_000), fc.nat(MINUTE_MS), fc.nat(HOUR_MS)),
    fails: fc.oneof(
      { arbitrary: fc.constant('not' as const), weight: 6 },
      { arbitrary: fc.constant('at the end' as const), weight: 1 },
      { arbitrary: fc.nat(6), weight: 1 },
    ),
    ends: fc.boolean(),
  })

interface Row {
  readonly seq: number
  readonly atMs: number
  readonly requestId: string
  readonly decision: 'allow' | 'deny' | 'end'
  readonly taken: readonly (readonly [string, number, string?])[]
  outcome: CallOutcomeKind | null
  isRefunded: boolean
}

/** The reference: everything is kept, and everything is looked up. */
class Reference {
  rows: Row[] = []
  counters = new MemoryCounters()
  frozenSeq = 0
  headSeq = 0
  droppedSeq = 0
  predecessorSeq = 0
  decidedAtMs: number | null = null

  copy(): Reference {
    const copy = new Reference()
    Object.assign(copy, this, { rows: this.rows.map((row) => ({ ...row })), counters: new MemoryCounters() })
    for (const [name, row] of this.counters.rows) copy.counters.rows.set(name, { ...row })
    return copy
  }

  /** What has yet to be carried, or is kept. */
  get kept(): unknown[] {
    return this.rows
      .filter(({ seq }) => seq > Math.max(this.headSeq, this.droppedSeq))
      .map(({ seq, atMs, requestId, decision, outcome }) => ({
        seq,
        at: atMs,
        request_id: decision === 'end' ? null : requestId,
        decision,
        outcome: outcome ?? (decision === 'allow' && seq <= this.frozenSeq ? 'unknown' : null),
      }))
  }
}

/** Six hundred histories take seconds, and a minute on a machine that does other things. */
const LONG_MS = 300_000

const FAILED = new Error('failed')

/** One history on the tables of an object. */
class History {
  reference = new Reference()
  nowMs = START
  readonly #storage: DurableObjectStorage
  readonly #sizes: LogSizes
  readonly #sql: SqlStorage
  #log: DecisionLog
  /** Statements until one fails. */
  #left = Number.POSITIVE_INFINITY
  #names = 0

  constructor(storage: DurableObjectStorage, sizes: LogSizes) {
    this.#storage = storage
    this.#sizes = sizes
    const exec: SqlStorage['exec'] = (query, ...bindings) => {
      if (this.#left-- <= 0) throw FAILED
      return storage.sql.exec(query, ...bindings)
    }
    this.#sql = { exec } as SqlStorage
    storage.sql.exec(`DELETE FROM log; DELETE FROM counters; UPDATE grants SET predecessor_seq = 0;
      UPDATE log_state SET last_seq = 0, saved_row = 0, saved_length = 0, settled_seq = 0, decided_at = NULL;
      UPDATE audit_chain SET first_seq = NULL, frozen_seq = 0, head_seq = 0`)
    this.#log = new DecisionLog(this.#sql, sizes)
  }

  run({ ops, afterMs, fails, ends }: Group): void {
    this.nowMs += afterMs
    const before = this.reference.copy()
    this.#log.begin()
    try {
      this.#storage.transactionSync(() => {
        if (typeof fails === 'number') this.#left = fails
        for (const it of ops) this.#apply(it)
        if (fails === 'at the end') throw FAILED
        this.#log.finish()
      })
    } catch (error) {
      if (error !== FAILED) throw error
      this.#log.undo()
      this.reference = before
    } finally {
      this.#left = Number.POSITIVE_INFINITY
    }
    this.compare()
    if (ends) {
      this.#log = new DecisionLog(this.#sql, this.#sizes)
      this.compare()
    }
  }

  compare(): void {
    const { reference } = this
    const progress = readProgress(this.#sql)
    expect([progress.headSeq, progress.frozenSeq]).toEqual([reference.headSeq, reference.frozenSeq])
    const log = principalLog(this.#sql, this.#log)
    const after = Math.max(reference.headSeq, reference.droppedSeq)
    const said = log.after(after, 1_000).map(({ row: { seq, at, request_id, decision, outcome } }) => ({
      ...{ seq, at, request_id, decision, outcome },
    }))
    expect(said).toEqual(reference.kept)
    expect(log.last()).toBe(reference.rows.at(-1)?.seq ?? 0)
    expect(this.#log.decidedAtMs).toBe(reference.decidedAtMs)
    for (const { key, startMs, used } of reference.counters.rows.values())
      expect([key, startMs, this.#log.counters.read(key, startMs, startMs)[0]?.used]).toEqual([
        key,
        startMs,
        used,
      ])
    // A person who looks into the database sees the same.
    const seen = this.#sql
      .exec(
        'SELECT seq, outcome, refunded_at IS NOT NULL AS refunded FROM audit WHERE seq > ? ORDER BY seq',
        after,
      )
      .toArray()
    const rows = reference.rows.filter(({ seq }) => seq > after)
    expect(seen).toEqual(
      (reference.kept as { seq: number; outcome: string | null }[]).map(({ seq, outcome }, i) => ({
        ...{ seq, outcome, refunded: rows[i]?.isRefunded === true ? 1 : 0 },
      })),
    )
  }

  #apply(it: Op): void {
    if (it.kind === 'call') this.#call(it)
    if (it.kind === 'deny' || it.kind === 'end') this.#write(it.kind)
    if (it.kind === 'settle') this.#settle(it.which, it.outcome)
    if (it.kind === 'refund') this.#refund(it.which)
    if (it.kind === 'freeze') this.#freeze(it.most)
    if (it.kind === 'confirm') this.#confirm()
    if (it.kind === 'drop') this.#drop(it.keep)
    if (it.kind === 'save') this.#log.save()
    if (it.kind === 'anew') this.#beginAnew()
  }

  #call({ limits: which, account, isDone }: Extract<Op, { kind: 'call' }>): void {
    const charges = limits.filter((_, i) => (which >> i) % 2 === 1)
    const subject = { session: null, account: `a${account}` }
    const [ours, theirs] = [this.#log.counters, this.reference.counters].map((store) =>
      reserve(store, charges, subject, this.nowMs),
    )
    expect(ours).toEqual(theirs)
    if (theirs?.ok !== true) return
    this.#write('allow', theirs.taken, isDone ? 'result' : null)
  }

  #write(decision: Row['decision'], taken: Row['taken'] = [], outcome: CallOutcomeKind | null = null): void {
    const requestId = decision === 'end' ? '' : `r${this.#names++}`
    const seq = (this.reference.rows.at(-1)?.seq ?? 0) + 1
    const row = { seq, atMs: this.nowMs, requestId, decision, taken, outcome, isRefunded: false }
    this.reference.rows.push(row)
    if (decision !== 'end') this.reference.decidedAtMs = this.nowMs
    this.#log.write(
      decided({ atMs: this.nowMs, requestId, decision, taken, ...(outcome === null ? {} : { outcome }) }),
    )
  }

  /** One of the calls of which something may still be said. */
  #young(which: number): Row | undefined {
    const calls = this.reference.rows.filter(
      ({ decision, atMs, seq }) =>
        decision === 'allow' && atMs > this.nowMs - MINUTE_MS && seq > this.reference.droppedSeq,
    )
    return calls[calls.length - 1 - (which % Math.max(1, calls.length))]
  }

  #settle(which: number, outcome: CallOutcomeKind): void {
    const row = this.#young(which)
    const requestId = row?.requestId ?? 'nobody'
    this.#log.settle([{ requestId, outcome, upstreamStatus: 200, latencyMs: 1.4 }], this.nowMs)
    if (row !== undefined && row.outcome === null && row.seq > this.reference.frozenSeq) row.outcome = outcome
  }

  /** A call whose end nobody has said can be refunded for an hour, any other for a minute. */
  #refund(which: number): void {
    const late = this.reference.rows.find(
      ({ decision, atMs, seq, outcome, taken }) =>
        decision === 'allow' &&
        outcome === null &&
        taken.length > 0 &&
        seq <= this.reference.frozenSeq &&
        atMs > this.nowMs - HOUR_MS,
    )
    const row =
      which % 4 === 0 && late !== undefined ? late : which % 3 === 0 ? this.#kept(which) : this.#young(which)
    const done = this.#log.refund(row?.requestId ?? 'nobody', this.nowMs)
    if (row === undefined) {
      expect(done).toBe(false)
      return
    }
    if (row.taken.length > 0) expect(done).toBe(!row.isRefunded)
    if (!done) return
    row.isRefunded = true
    if (row.seq > this.reference.predecessorSeq) refund(this.reference.counters, row.taken)
  }

  /** Where nothing is carried, all of an hour can be refunded, whatever is known of their ends. */
  #kept(which: number): Row | undefined {
    const { rows, frozenSeq, droppedSeq } = this.reference
    const calls = rows.filter(
      ({ decision, atMs, seq }) => decision === 'allow' && atMs > this.nowMs - HOUR_MS && seq > droppedSeq,
    )
    return frozenSeq > 0 ? this.#young(which) : calls[which % Math.max(1, calls.length)]
  }

  #beginAnew(): void {
    const seq = this.#log.last()
    this.#sql.exec('UPDATE grants SET predecessor_seq = ?', seq)
    this.#log.beginAnew()
    Object.assign(this.reference, { predecessorSeq: seq, decidedAtMs: null, counters: new MemoryCounters() })
  }

  /** As audit/carry.ts does: in order, up to the first that waits. */
  #freeze(most: number): void {
    const pending = principalLog(this.#sql, this.#log).after(this.reference.headSeq, most)
    const waiting = pending.findIndex(
      ({ row, waitsUntilMs }) =>
        row.seq > this.reference.frozenSeq && waitsUntilMs !== null && waitsUntilMs > this.nowMs,
    )
    const ready = waiting === -1 ? pending : pending.slice(0, waiting)
    const [first, last] = [ready[0]?.row.seq, ready.at(-1)?.row.seq]
    if (first === undefined || last === undefined) return
    this.#log.freeze(last)
    markFrozen(this.#sql, first, last)
    this.reference.frozenSeq = Math.max(this.reference.frozenSeq, last)
  }

  #confirm(): void {
    const { frozenSeq, headSeq } = this.reference
    if (frozenSeq <= headSeq) return
    markCarried(this.#sql, frozenSeq, 'hash')
    this.#log.forgetUpTo(frozenSeq, this.nowMs)
    this.reference.headSeq = frozenSeq
  }

  /** Where rows are carried nowhere. */
  #drop(keep: number): void {
    while (this.#log.dropBeyond(keep)) {}
    const last = this.reference.rows.at(-1)?.seq ?? 0
    const [first] = this.#log.after(0, 1)
    // Rows of the log go whole, so some more may stay.
    const gone = (first?.seq ?? last + 1) - 1
    expect(gone).toBeLessThanOrEqual(Math.max(this.reference.droppedSeq, last - keep))
    this.reference.droppedSeq = Math.max(this.reference.droppedSeq, gone)
  }
}

const sizes: fc.Arbitrary<LogSizes> = fc.record({
  savedEvery: fc.integer({ min: 1, max: 30 }),
  longLog: fc.integer({ min: 1, max: 30 }),
  joinedAtOnce: fc.integer({ min: 1, max: 4 }),
  shortRow: fc.constantFrom(0, 400, 2_500),
})

test.each([
  ['carried elsewhere', op],
  ['kept', dropping],
])(
  'a log whose rows are %s says what a table of rows would say',
  async (_, of) => {
    await installGrant('acme', 'bot')
    await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
      const histories = fc.property(
        sizes,
        fc.array(group(of), { minLength: 1, maxLength: 25 }),
        (given, groups) => {
          const history = new History(storage, given)
          for (const it of groups) history.run(it)
        },
      )
      fc.assert(histories, { numRuns: 600 })
    })
  },
  LONG_MS,
)

test('a group of more calls than a stored value holds is stored in several', async () => {
  await installGrant('acme', 'bot')
  await runInDurableObject(principal('acme/bot'), (_, { storage }) => {
    const count = 10_000
    inLog(storage, (log) => {
      for (let i = 0; i < count; i++) log.write(decided({ requestId: `r${i}`, rule: `/${'x'.repeat(300)}` }))
      log.settle([{ requestId: 'r0', outcome: 'result', upstreamStatus: 200, latencyMs: 1 }], Date.now())
    })
    const log = new DecisionLog(storage.sql)
    expect(log.last()).toBe(count)
    expect(log.after(0, 1)).toMatchObject([{ requestId: 'r0', end: ['result', 200, 1] }])
    expect(log.after(count - 1, 10)).toMatchObject([{ seq: count, requestId: `r${count - 1}` }])
    expect(storage.sql.exec('SELECT count(*) AS n FROM log').one()).toEqual({ n: 9 })
  })
})

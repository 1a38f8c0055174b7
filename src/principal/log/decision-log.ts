/**
 * The log of a principal: every decision, how its call ended, what was refunded, and with them the counters. What calls that share a
 * transaction write is one row of the table `log`, or the end of the last one: a row costs as much as a statement and a page of its own.
 *
 * Memory is the truth while the object lives. When it starts, it reads the end of the log: which calls are open, and what was counted since
 * the counters were last saved (docs/decisions/0049-a-log-of-decisions.md). Used inside transactions of durable/commits.ts: `begin`,
 * whatever is written, then `finish`, or `undo`.
 */
import { LONGEST_WAIT_MS } from '../../audit/carry.ts'
import { readProgress } from '../../audit/progress.ts'
import { MOST_SETTLED, type Settled } from '../../contract/principal.ts'
import { countAgain, refund, type Taken } from '../../policy/counting.ts'
import { type Call, Calls, REFUNDABLE_MS } from './calls.ts'
import { Counters } from './counters.ts'
import {
  type AuditEntry,
  type Charge,
  type Decision,
  decode,
  type End,
  type Entry,
  encode,
  encodeDecision,
  endOf,
} from './entries.ts'
import * as stored from './rows.ts'

/** How much of the log is worth how much work. */
export interface LogSizes {
  /** Entries after which the counters are saved: as many are counted once more at most when the object starts. */
  readonly savedEvery: number
  /**
   * Of more decisions that are carried nowhere, the older ones are to say themselves how their calls ended: so neither memory nor what
   * a starting object reads grows with the log.
   */
  readonly longLog: number
  /** Rows of which that is made true in one transaction. */
  readonly joinedAtOnce: number
  /** A row that has fewer characters takes further entries: with them it still fits a page of the database or two. */
  readonly shortRow: number
}

const SIZES: LogSizes = { savedEvery: 500, longLog: 20_000, joinedAtOnce: 50, shortRow: 2_500 }

/** Characters that are stored at once: a value may have 2 MB, and a group may be any number of calls. */
const MOST_AT_ONCE = 500_000

export class DecisionLog {
  readonly counters: Counters
  readonly #sql: SqlStorage
  readonly #sizes: LogSizes
  readonly #calls = new Calls()
  #isLoaded = false
  /** A transaction is under way. */
  #isOpen = false
  /** Memory has what it needs to take back the group's changes. */
  #canUndo = true
  #nextSeq = 1
  /** The first decision that is not stored yet. */
  #firstSeq = 1
  #nextSeqBefore = 1
  /** The last row, which takes further entries while it is short. */
  #tail: stored.Place | null = null
  /** The table of counters holds what was counted up to here. */
  #saved: stored.Place = stored.BEGINNING
  #sinceSaved = 0
  /** Nothing is awaited of decisions up to here, for they are carried as they are. */
  #frozenSeq = 0
  /** Decisions up to here say themselves how their calls ended. */
  #settledSeq = 0
  /** Decisions up to here are elsewhere. */
  #goneSeq = 0
  /** Decisions from here on, and those that were elsewhere, were read when the object started. */
  #readFromSeq = 0
  #decidedAtMs: number | null = null
  #decidedAtMsBefore: number | null = null
  /** No decision is old enough before. */
  #joinFromMs = 0
  /** What this group writes. */
  #entries: string[] = []
  #characters = 0
  #atMs = 0

  /** @param sizes others than the product's, for tests that write few entries */
  constructor(sql: SqlStorage, sizes: LogSizes = SIZES) {
    this.#sql = sql
    this.#sizes = sizes
    this.counters = new Counters(sql)
  }

  /** A transaction begins. */
  begin(): void {
    this.#isOpen = true
    this.#canUndo = this.#isLoaded
    this.#nextSeqBefore = this.#nextSeq
    this.#decidedAtMsBefore = this.#decidedAtMs
    this.#calls.begin()
    this.counters.begin()
  }

  /** The last step of a transaction: stores what was written in it. */
  finish(): void {
    const hasWritten = this.#entries.length > 0
    this.#flush()
    if (hasWritten && this.#sinceSaved >= this.#sizes.savedEvery) this.save()
    if (hasWritten && this.#isLong && this.#atMs >= this.#joinFromMs) this.#joinEnds()
    this.#atMs = 0
    this.#isOpen = false
  }

  /** The transaction is taken back, and everything in memory that was of it. */
  undo(): void {
    this.#isOpen = false
    this.#atMs = 0
    if (!this.#canUndo) {
      this.forget()
      return
    }
    this.#entries = []
    this.#characters = 0
    this.#nextSeq = this.#nextSeqBefore
    this.#decidedAtMs = this.#decidedAtMsBefore
    this.#calls.undo()
    this.counters.undo()
  }

  /** Storage is not what it was: everything is read again when it is asked for. */
  forget(): void {
    this.#isLoaded = false
    this.#entries = []
    this.#characters = 0
    this.#calls.forget()
    this.counters.forget()
  }

  /** Writes a decision down, whose charges have been taken from the counters. */
  write(entry: AuditEntry): void {
    this.#load()
    const seq = this.#nextSeq++
    const charges = entry.taken.map((taken) => this.#chargeOf(taken))
    this.#append(encodeDecision(seq, entry, charges), entry.atMs)
    if (entry.decision !== 'end') this.#decidedAtMs = entry.atMs
    if (entry.decision !== 'allow') return
    const { atMs, requestId } = entry
    // An approval that was used for nothing is given back, too.
    const isCharged = charges.length > 0 || (entry.approvalId ?? null) !== null
    this.#calls.add({ seq, atMs, requestId, isCharged }, entry.outcome !== undefined)
  }

  /**
   * Writes down how calls ended. Only for calls that were let through and only once each: what names no such call
   * changes nothing.
   */
  settle(settled: readonly Settled[], nowMs: number): void {
    if (settled.length === 0) return
    this.#load()
    for (const one of settled.slice(0, MOST_SETTLED)) {
      const call = this.#calls.open(one.requestId)
      if (call === undefined || call.seq <= Math.max(this.#frozenSeq, this.#settledSeq)) continue
      const end = endOf(one)
      this.#calls.settle(call, end)
      this.#append(encode({ kind: 'settlement', seq: call.seq, end }), nowMs)
    }
  }

  /**
   * Refunds the call of `requestId`, once: the log says what was charged, and that it was given back. False when there is nothing to refund.
   */
  refund(requestId: string, nowMs: number): boolean {
    this.#load()
    this.#flush()
    const found = this.#refundable(requestId, nowMs)
    if (found === undefined || found.isRefunded || this.#calls.isRefunded(found.decision.seq)) return false
    const { decision, row } = found
    const { seq } = decision
    // A grant of the same name that was deleted has taken nothing from the counters of this one.
    const charges = seq <= stored.predecessorSeq(this.#sql) ? [] : decision.charges
    refund(this.counters, charges.map(takenOf))
    this.#calls.refund(seq, requestId)
    this.#append(encode({ kind: 'refund', seq, atMs: nowMs, charges }), nowMs)
    if (row !== this.#open?.row) {
      this.#canUndo = false
      stored.append(this.#sql, row, encode({ kind: 'refunded', seq, atMs: nowMs }), 0)
    }
    return true
  }

  /** The last decision's `seq`, 0 for none. */
  last(): number {
    this.#load()
    return this.#nextSeq - 1
  }

  /** When a request was last decided, however that came out; null: none was. */
  get decidedAtMs(): number | null {
    this.#load()
    return this.#decidedAtMs
  }

  /** Has the table of counters hold them as they are now. */
  save(): void {
    this.#load()
    this.#flush()
    this.#canUndo = false
    this.counters.save()
    this.#calls.prune(this.#atMs)
    this.#saved = this.#tail ?? { row: this.#firstSeq, length: 0 }
    this.#sinceSaved = 0
    this.#writeState()
  }

  /** The first decisions after `seq`, in order, with what is known of their ends. */
  after(seq: number, most: number): readonly Decision[] {
    this.#load()
    this.#flush()
    const found: Decision[] = []
    for (const { entries } of stored.from(this.#sql, seq + 1)) {
      for (const entry of decode(entries)) {
        if (entry.kind !== 'decision' || entry.seq <= seq) continue
        found.push(this.#whole(entry))
        if (found.length === most) return found
      }
    }
    return found
  }

  /** Decisions up to `seq` change no more: whatever was awaited of them is not awaited any longer. */
  freeze(seq: number): void {
    this.#load()
    this.#canUndo = false
    this.#frozenSeq = Math.max(this.#frozenSeq, seq)
    this.#calls.close(this.#frozenSeq)
  }

  /** Decisions up to `seq` are elsewhere: all go but those whose calls may be refunded, and the rows that they stand in. */
  forgetUpTo(seq: number, nowMs: number): void {
    this.#load()
    this.#flush()
    this.#canUndo = false
    this.#readUnread(this.#goneSeq + 1, seq)
    this.#calls.forgetEnds(this.#goneSeq + 1, seq)
    this.#goneSeq = Math.max(this.#goneSeq, seq)
    this.#calls.prune(nowMs)
    this.#drop(Math.min(seq + 1, this.#calls.firstCharged), this.#calls.late)
  }

  /** Lets go of rows from before `beforeMs`, some at a time. True when there may be more. */
  dropOld(beforeMs: number): boolean {
    this.#load()
    this.#flush()
    const { endSeq, isMore } = stored.oldest(this.#sql, beforeMs)
    this.#drop(endSeq ?? this.#nextSeq, [])
    return isMore
  }

  /** Lets go of the oldest decisions, so that `most` stay, some at a time. True when there may be more. */
  dropBeyond(most: number): boolean {
    this.#load()
    this.#flush()
    const { endSeq, isMore } = stored.first(this.#sql, this.#nextSeq - most)
    this.#drop(endSeq, [])
    return isMore
  }

  /** The time of the oldest row, in Unix milliseconds; null: there is none. */
  oldestMs(): number | null {
    this.#load()
    this.#flush()
    return stored.firstRow(this.#sql)?.atMs ?? null
  }

  /** Tells whether the oldest row holds decisions up to `seq` alone. */
  isOldestUpTo(seq: number): boolean {
    this.#load()
    this.#flush()
    const [first, second] = stored.between(this.#sql, 0, Number.MAX_SAFE_INTEGER, 2)
    return first !== undefined && (second?.row ?? this.#nextSeq) <= seq + 1
  }

  /** The grant is another one of the same name: all that was counted, and when it was used, was its predecessor's. */
  beginAnew(): void {
    this.#load()
    this.#flush()
    this.#canUndo = false
    this.counters.forget()
    this.#sql.exec('DELETE FROM counters')
    this.#decidedAtMs = null
    this.save()
  }

  /** The last row where it takes what is written next; null: that is a row of its own. */
  get #open(): stored.Place | null {
    const tail = this.#tail
    if (tail === null) return null
    // A row without a decision is named like the next decision.
    return tail.length < this.#sizes.shortRow || tail.row === this.#firstSeq ? tail : null
  }

  /** So many decisions that neither are elsewhere nor say how their calls ended that some should. */
  get #isLong(): boolean {
    return this.#nextSeq - Math.max(this.#settledSeq, this.#goneSeq) > this.#sizes.longLog
  }

  #append(entry: string, atMs: number): void {
    if (!this.#isOpen) throw new Error('the log is written outside of a transaction')
    this.#entries.push(entry)
    this.#characters += entry.length
    this.#atMs = Math.max(this.#atMs, atMs)
    if (this.#characters > MOST_AT_ONCE) this.#flush()
  }

  /** Stores what was written; from here on the group is not taken back without reading everything again. */
  #flush(): void {
    const count = this.#entries.length
    if (count === 0) return
    this.#canUndo = false
    const text = this.#entries.join(',')
    const [tail, row] = [this.#open, this.#firstSeq]
    if (tail !== null) {
      stored.append(this.#sql, tail.row, text, this.#atMs)
      this.#tail = { row: tail.row, length: tail.length + 1 + text.length }
    } else {
      stored.insert(this.#sql, row, text, this.#atMs)
      this.#tail = { row, length: text.length }
    }
    this.#entries = []
    this.#characters = 0
    this.#firstSeq = this.#nextSeq
    this.#sinceSaved += count
  }

  #writeState(): void {
    stored.writeState(this.#sql, {
      lastSeq: this.#nextSeq - 1,
      saved: this.#saved,
      settledSeq: this.#settledSeq,
      decidedAtMs: this.#decidedAtMs,
    })
  }

  /** Deletes the rows that hold decisions before `endSeq` alone, but for those with a decision of `keep`. */
  #drop(endSeq: number, keep: readonly number[]): void {
    if (stored.firstRow(this.#sql) === null) return
    this.#canUndo = false
    const isAll = endSeq >= this.#firstSeq
    const endRow = isAll ? Number.MAX_SAFE_INTEGER : (stored.rowOf(this.#sql, endSeq) ?? 0)
    const kept = keep.map((seq) => stored.rowOf(this.#sql, seq) ?? 0)
    if (isAll && this.#tail !== null && !kept.includes(this.#tail.row)) this.#tail = null
    // What goes must not have to be counted once more.
    if (this.#saved.row < endRow) this.save()
    stored.remove(this.#sql, endRow, kept)
    this.#calls.forgetRefunds(stored.firstRow(this.#sql)?.row ?? this.#firstSeq)
  }

  /** Has some more decisions say themselves how their calls ended, so that memory need not. */
  #joinEnds(): void {
    const sinceMs = this.#atMs - LONGEST_WAIT_MS
    const begin = stored.rowOf(this.#sql, this.#settledSeq + 1) ?? 0
    let settledSeq = this.#settledSeq
    for (const { row, entries } of stored.between(
      this.#sql,
      begin,
      this.#saved.row,
      this.#sizes.joinedAtOnce,
    )) {
      const all = decode(entries)
      const decisions = all.filter((entry) => entry.kind === 'decision')
      const young = decisions.find(({ atMs }) => atMs > sinceMs)
      if (young !== undefined) {
        this.#joinFromMs = young.atMs + LONGEST_WAIT_MS
        break
      }
      const joined = all.flatMap((entry) => (entry.kind === 'settlement' ? [] : [this.#joined(entry)]))
      const text = joined.map(encode).join(',')
      if (text !== entries) stored.rewrite(this.#sql, row, text)
      settledSeq = decisions.at(-1)?.seq ?? settledSeq
    }
    if (settledSeq === this.#settledSeq) return
    this.#calls.forgetEnds(this.#settledSeq + 1, settledSeq)
    this.#calls.close(settledSeq)
    this.#settledSeq = settledSeq
    this.#writeState()
  }

  #joined(entry: Entry): Entry {
    if (entry.kind !== 'decision' || entry.end !== null) return entry
    return { ...entry, end: this.#calls.endOf(entry.seq) ?? null }
  }

  /** The decision with all that is known of how its call ended. */
  #whole(decision: Decision): Decision {
    const end = decision.end ?? this.#calls.endOf(decision.seq) ?? null
    const isUnknown = end === null && decision.decision === 'allow' && decision.seq <= this.#frozenSeq
    return { ...decision, end: isUnknown ? UNKNOWN : end }
  }

  #chargeOf([key, startMs, amount = '1']: Taken): Charge {
    return [key, startMs, amount, this.counters.keepUntilMs(key, startMs)]
  }

  /** The decision that may be refunded, the row that it stands in, and whether that row says that it was refunded. */
  #refundable(
    requestId: string,
    nowMs: number,
  ): { decision: Decision; row: number; isRefunded: boolean } | undefined {
    const known = this.#calls.charged(requestId)
    const row = known === undefined ? null : stored.rowOf(this.#sql, known.seq)
    const rows =
      row === null
        ? stored.having(this.#sql, JSON.stringify(requestId), nowMs - REFUNDABLE_MS)
        : [stored.readRow(this.#sql, row)]
    for (const { row, entries } of rows) {
      const all = decode(entries)
      const decision = all
        .filter((entry) => entry.kind === 'decision')
        .find((entry) => entry.requestId === requestId && entry.decision === 'allow')
      if (decision === undefined) continue
      const { seq } = decision
      const isRefunded = all.some(
        (entry) => (entry.kind === 'refund' || entry.kind === 'refunded') && entry.seq === seq,
      )
      return { decision, row, isRefunded }
    }
    return undefined
  }

  #load(): void {
    if (this.#isLoaded) return
    this.#canUndo = false
    const { headSeq, frozenSeq } = readProgress(this.#sql)
    const { lastSeq, saved, settledSeq, decidedAtMs } = stored.readState(this.#sql)
    this.#frozenSeq = frozenSeq
    this.#goneSeq = headSeq
    this.#readFromSeq = settledSeq + 1
    this.#settledSeq = settledSeq
    this.#saved = saved
    this.#sinceSaved = 0
    this.#decidedAtMs = decidedAtMs
    this.#tail = null
    this.#nextSeq = Math.max(lastSeq, headSeq) + 1
    this.#joinFromMs = 0
    const ofAnother = stored.predecessorSeq(this.#sql)
    const names = new Map<number, string>()
    const begin = Math.min(stored.rowOf(this.#sql, settledSeq + 1) ?? 0, saved.row)
    for (const { row, entries } of stored.needed(this.#sql, headSeq, begin)) {
      const counted = row < saved.row ? entries.length : row === saved.row ? saved.length : 0
      for (const entry of decode(entries.slice(0, counted)))
        this.#know(entry, { names, ofAnother, isNew: false })
      for (const entry of decode(entries.slice(counted))) this.#know(entry, { names, ofAnother, isNew: true })
      this.#nextSeq = Math.max(this.#nextSeq, row)
      this.#tail = { row, length: entries.length }
    }
    this.#firstSeq = this.#nextSeq
    this.#calls.close(Math.max(frozenSeq, settledSeq))
    this.#calls.begin()
    this.counters.begin()
    this.#isLoaded = true
  }

  /** Takes into memory which calls may be refunded of decisions that were not read when the object started, for they are old. */
  #readUnread(fromSeq: number, toSeq: number): void {
    const endSeq = Math.min(toSeq, this.#readFromSeq - 1)
    if (fromSeq > endSeq) return
    const names = new Map<number, string>()
    for (const { row, entries } of stored.from(this.#sql, fromSeq)) {
      if (row > endSeq) break
      for (const entry of decode(entries)) {
        if (entry.kind === 'refund' || entry.kind === 'refunded')
          this.#calls.knowRefund(entry.seq, names.get(entry.seq))
        if (entry.kind !== 'decision' || entry.seq > endSeq) continue
        names.set(entry.seq, entry.requestId)
        const call = entry.end === null ? callOf(entry) : null
        if (call?.isCharged === true) this.#calls.addLate(call)
      }
    }
  }

  /** Takes into memory what an entry says. `isNew`: the table of counters does not know it. */
  #know(
    entry: Entry,
    {
      names,
      ofAnother,
      isNew,
    }: { readonly names: Map<number, string>; readonly ofAnother: number; readonly isNew: boolean },
  ): void {
    const { seq } = entry
    if (isNew) this.#sinceSaved += 1
    switch (entry.kind) {
      case 'settlement':
        if (seq > this.#settledSeq) this.#calls.knowEnd(seq, names.get(seq), entry.end)
        return
      case 'refund':
        if (isNew) refund(this.counters, entry.charges.map(takenOf))
        this.#calls.knowRefund(seq, names.get(seq))
        return
      case 'refunded':
        this.#calls.knowRefund(seq, names.get(seq))
        return
      case 'decision': {
        const { atMs, requestId, charges, end, decision } = entry
        this.#nextSeq = Math.max(this.#nextSeq, seq + 1)
        if (isNew && decision !== 'end' && seq > ofAnother) this.#decidedAtMs = atMs
        if (isNew) for (const charge of charges) countAgain(this.counters, takenOf(charge), charge[3])
        const call = callOf(entry)
        if (call === null) return
        names.set(seq, requestId)
        this.#calls.add(call, end !== null)
      }
    }
  }
}

const UNKNOWN: End = ['unknown', null, null]

/** The call that a decision lets through; null: it lets none through. An approval that was used for nothing is given back, too. */
function callOf({ seq, atMs, requestId, decision, charges, approvalId }: Decision): Call | null {
  if (decision !== 'allow') return null
  return { seq, atMs, requestId, isCharged: charges.length > 0 || approvalId !== null }
}

function takenOf([key, startMs, amount]: Charge): Taken {
  return [key, startMs, amount]
}

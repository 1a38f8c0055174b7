/**
 * Calls of which something may still be said: how they ended, or that they are refunded. In memory, for the log says it, too, and is read
 * when the object starts. PURE.
 */
import type { End } from './entries.ts'

/**
 * The time for which a call that may still be refunded keeps its entry, for the entry says what was charged. Whether a call happened at all
 * is known long before.
 */
export const REFUNDABLE_MS = 3_600_000
/** The outcome of a call is reported together with its refund; the refund may come a little later. */
const REFUND_GRACE_MS = 60_000

/** A call that was let through. */
export interface Call {
  readonly seq: number
  readonly atMs: number
  readonly requestId: string
  /** It has taken something that may be given back. */
  readonly isCharged: boolean
}

export class Calls {
  /** Nobody has said how they ended. */
  readonly #open = new Map<string, Call>()
  /** Charged, and young. */
  readonly #charged = new Map<string, Call>()
  /** Charged, and nobody has said for long how they ended. */
  readonly #late = new Map<string, Call>()
  /** How calls ended whose own entries do not say so, by `seq`. */
  readonly #ends = new Map<number, End>()
  readonly #refunded = new Set<number>()
  /** What was done since the group began. */
  #added: Call[] = []
  #settled: Call[] = []
  #given: (readonly [seq: number, charged: Call | undefined])[] = []

  /** From here on changes can be taken back. */
  begin(): void {
    this.#added = []
    this.#settled = []
    this.#given = []
  }

  /** Takes back what was done since the group began. */
  undo(): void {
    for (const { seq, requestId } of this.#added) {
      for (const calls of [this.#open, this.#charged])
        if (calls.get(requestId)?.seq === seq) calls.delete(requestId)
    }
    for (const call of this.#settled) {
      this.#ends.delete(call.seq)
      if (!this.#added.includes(call)) this.#open.set(call.requestId, call)
    }
    for (const [seq, charged] of this.#given) {
      this.#refunded.delete(seq)
      if (charged !== undefined) this.#charged.set(charged.requestId, charged)
    }
    this.begin()
  }

  add(call: Call, isSettled: boolean): void {
    if (!isSettled) this.#open.set(call.requestId, call)
    if (call.isCharged) this.#charged.set(call.requestId, call)
    if (!isSettled || call.isCharged) this.#added.push(call)
  }

  /** A call of before the object started, of which nobody has said how it ended. */
  addLate(call: Call): void {
    this.#late.set(call.requestId, call)
  }

  /** The call whose end is awaited; undefined: there is none of that name, or its end is known. */
  open(requestId: string): Call | undefined {
    return this.#open.get(requestId)
  }

  settle(call: Call, end: End): void {
    this.#open.delete(call.requestId)
    this.#ends.set(call.seq, end)
    this.#settled.push(call)
  }

  /** The same for a settlement that the log says, whose call may be gone. */
  knowEnd(seq: number, requestId: string | undefined, end: End): void {
    if (requestId !== undefined) this.#open.delete(requestId)
    this.#ends.set(seq, end)
  }

  endOf(seq: number): End | undefined {
    return this.#ends.get(seq)
  }

  /** The call that may be refunded, as far as it is remembered. */
  charged(requestId: string): Call | undefined {
    return this.#charged.get(requestId) ?? this.#late.get(requestId)
  }

  isRefunded(seq: number): boolean {
    return this.#refunded.has(seq)
  }

  refund(seq: number, requestId: string): void {
    this.#refunded.add(seq)
    this.#given.push([seq, this.#charged.get(requestId)])
    this.#charged.delete(requestId)
  }

  /** The same for a refund that the log says, whose call may be gone. */
  knowRefund(seq: number, requestId: string | undefined): void {
    this.#refunded.add(seq)
    if (requestId !== undefined) this.#charged.delete(requestId)
  }

  /** Forgets the ends of decisions up to `seq`, which say them by themselves now, or are gone. */
  forgetEnds(fromSeq: number, seq: number): void {
    if (this.#ends.size === 0) return
    if (seq - fromSeq < this.#ends.size) for (let it = fromSeq; it <= seq; it++) this.#ends.delete(it)
    else for (const it of this.#ends.keys()) if (it <= seq) this.#ends.delete(it)
  }

  /** Nothing is awaited of calls up to `seq`. */
  close(seq: number): void {
    for (const [requestId, call] of this.#open) {
      if (call.seq > seq) break
      this.#open.delete(requestId)
      if (call.isCharged) this.#late.set(requestId, call)
    }
  }

  /** Forgets calls of which nothing can come any more. */
  prune(nowMs: number): void {
    for (const [requestId, call] of this.#charged) {
      if (call.atMs > nowMs - REFUND_GRACE_MS) break
      this.#charged.delete(requestId)
      if (this.#open.has(requestId)) this.#late.set(requestId, call)
    }
    for (const [requestId, { atMs }] of this.#open) {
      if (atMs > nowMs - REFUNDABLE_MS) break
      this.#open.delete(requestId)
    }
    for (const [requestId, { seq, atMs }] of this.#late)
      if (atMs <= nowMs - REFUNDABLE_MS || this.#refunded.has(seq)) this.#late.delete(requestId)
  }

  /** Forgets that decisions before `beforeSeq` were refunded: they are gone. */
  forgetRefunds(beforeSeq: number): void {
    for (const seq of this.#refunded) if (seq < beforeSeq) this.#refunded.delete(seq)
  }

  /** The first call that is young enough for a refund; infinity: there is none. */
  get firstCharged(): number {
    for (const { seq } of this.#charged.values()) return seq
    return Number.POSITIVE_INFINITY
  }

  /** The places of older calls that may be refunded all the same. */
  get late(): readonly number[] {
    return [...this.#late.values()].map(({ seq }) => seq)
  }

  forget(): void {
    for (const it of [this.#open, this.#charged, this.#late, this.#ends, this.#refunded]) it.clear()
    this.begin()
  }
}

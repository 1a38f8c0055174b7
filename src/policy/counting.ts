/**
 * Counting: what a call takes from its limits, and what is given back. Arithmetic over a store of counters, which
 * holds one decimal number by key and by the start of a stretch of time.
 *
 * The guarantees, however reservations, refunds and the clock are interleaved, as long as the clock does not
 * step back behind what the store has dropped:
 * - a calendar window, or one of so many seconds, never holds more than `max`;
 * - a sliding window: no stretch of its length holds more than `max`, wherever it begins. It is counted in slices
 *   of a sixtieth, and a slice that the window touches counts whole, before and after `now`: so up to a sixtieth
 *   of the length longer than promised is looked at, and never less.
 */
import {
  type Amount,
  addAmounts,
  compareAmounts,
  formatAmount,
  readAmount,
  subtractAmounts,
} from './amount.ts'
import type { Charge, Scope, Shadow } from './model.ts'
import { describeWindow, sliceMs, stretchAt } from './window.ts'

/** The store of counters. The caller's transaction makes a reservation one step. */
export interface CounterStore {
  /** Returns the counts of the stretches that begin from `fromMs` to `toMs`, both included. */
  read(key: string, fromMs: number, toMs: number): readonly Counted[]
  /** Sets what is counted; `keepUntilMs` is when nothing asks for it any more. */
  put(key: string, startMs: number, used: string, keepUntilMs: number): void
  /** Sets what is counted in a stretch that `read` has just returned. */
  replace(key: string, startMs: number, used: string): void
}

export interface Counted {
  readonly startMs: number
  /** Decimal text. */
  readonly used: string
}

/** The owner of the counted calls: the session and its account, or null for none. */
export interface Subject {
  readonly session: string | null
  readonly account: string | null
}

/** The amount taken from one counter, which is exactly what a refund gives back. Without an amount it is 1. */
export type Taken = readonly [key: string, startMs: number, amount?: string]

/** The state of one limit. */
export interface Standing {
  readonly rule: string
  readonly counter: string
  /** "minute", "any 90 seconds". */
  readonly window: string
  readonly windowMs: number
  readonly scope: Scope
  readonly unit: Charge['unit']
  /** `max` itself is too much already. */
  readonly strict: boolean
  /** Decimal text, as are `remaining` and `amount`. */
  readonly max: string
  readonly remaining: string
  /** The amount that the call adds, or would have added. */
  readonly amount: string
  /** When there is room again: for a refused call, for itself; else for more than now. Unix milliseconds. */
  readonly resetsAtMs: number
  readonly nowMs: number
}

/** Which limit had no room. */
export interface Limited extends Standing {
  readonly message: string | null
  /** False where the call alone is more than the limit, so that waiting does not help. */
  readonly canRetry: boolean
}

export type Reservation =
  | {
      readonly ok: true
      readonly taken: readonly Taken[]
      /** The limits as they stand after it, those in shadow left out. */
      readonly standings: readonly Standing[]
      /** The refusals that limits in shadow would have made. */
      readonly shadow: readonly Shadow[]
    }
  | { readonly ok: false; readonly limited: Limited }

/** One counter that a call touches. */
interface Tally {
  readonly key: string
  readonly stretches: readonly Counted[]
  readonly startMs: number
  readonly keepUntilMs: number
  readonly before: Amount
  amount: Amount
  wanted: boolean
}

/**
 * Charges a call to every limit, or to none when one of them has no room. Limits on one counter charge it once.
 */
export function reserve(
  store: CounterStore,
  charges: readonly Charge[],
  subject: Subject,
  nowMs: number,
): Reservation {
  const tallies = talliesOf(store, charges, subject, nowMs)
  const standings: Standing[] = []
  const shadow: Shadow[] = []
  for (const charge of charges) {
    const tally = tallies.get(keyOf(charge, subject)) as Tally
    const { max, message } = charge
    if (max === null || fits(addAmounts(tally.before, tally.amount), amountIn(max), charge.strict)) {
      tally.wanted = true
      if (max !== null && !charge.shadow)
        standings.push(standing(charge, { max, tally, isTaken: true }, nowMs))
      continue
    }
    if (!charge.shadow) {
      const canRetry = fits(tally.amount, amountIn(max), charge.strict)
      return {
        ok: false,
        limited: { ...standing(charge, { max, tally, isTaken: false }, nowMs), message, canRetry },
      }
    }
    // It watches and counts all the same: another limit may look at the counter.
    tally.wanted = true
    shadow.push({ action: 'deny', rule: charge.rule, message: message ?? `The limit of ${max} is used up.` })
  }
  return { ok: true, taken: [...tallies.values()].flatMap((tally) => take(store, tally)), standings, shadow }
}

/** Gives back what was taken, to the windows that it was taken from, even when those are over. Never below zero. */
export function refund(store: CounterStore, taken: readonly Taken[]): void {
  for (const [key, startMs, amount = '1'] of taken) {
    const [counted] = store.read(key, startMs, startMs)
    if (counted === undefined) continue
    const left = subtractAmounts(amountIn(counted.used), amountIn(amount))
    store.replace(key, startMs, formatLeft(left))
  }
}

/** Counts once more what was taken, in a store that has lost it. */
export function countAgain(
  store: CounterStore,
  [key, startMs, amount = '1']: Taken,
  keepUntilMs: number,
): void {
  const [counted] = store.read(key, startMs, startMs)
  const used = counted === undefined ? 0 : amountIn(counted.used)
  store.put(key, startMs, formatAmount(addAmounts(used, amountIn(amount))), keepUntilMs)
}

/** A limit as a call would find it. */
export interface Prospect extends Standing {
  readonly hasRoom: boolean
  readonly shadow: boolean
}

/** Returns the state of limits without charging anything. */
export function prospectsOf(
  store: CounterStore,
  charges: readonly Charge[],
  subject: Subject,
  nowMs: number,
): readonly Prospect[] {
  const tallies = talliesOf(store, charges, subject, nowMs)
  return charges.flatMap((charge) => {
    const { max, strict, shadow } = charge
    if (max === null) return []
    const tally = tallies.get(keyOf(charge, subject)) as Tally
    const hasRoom = fits(addAmounts(tally.before, tally.amount), amountIn(max), strict)
    return [{ ...standing(charge, { max, tally, isTaken: false }, nowMs), hasRoom, shadow }]
  })
}

/**
 * A limit of scope `session` or `account` counts calls without one in a bucket of their own, so that they share
 * one allowance instead of having none. (The scope is part of `key`.)
 */
function keyOf({ key, scope }: Charge, { session, account }: Subject): string {
  // Counters of a tenant are kept in a place of their own, so their key needs no subject either.
  if (scope === 'grant' || scope === 'tenant') return key
  return JSON.stringify([key, scope === 'session' ? session : account])
}

/** Every counter that the charges touch, and the most that one of them adds. */
function talliesOf(
  store: CounterStore,
  charges: readonly Charge[],
  subject: Subject,
  nowMs: number,
): ReadonlyMap<string, Tally> {
  const tallies = new Map<string, Tally>()
  for (const charge of charges) {
    const key = keyOf(charge, subject)
    let tally = tallies.get(key)
    if (tally === undefined) {
      tally = tallyOf(store, key, charge, nowMs)
      tallies.set(key, tally)
    }
    const amount = amountIn(charge.amount)
    if (compareAmounts(amount, tally.amount) > 0) tally.amount = amount
  }
  return tallies
}

function tallyOf(store: CounterStore, key: string, { window }: Charge, nowMs: number): Tally {
  const { lengthMs, sliding } = window
  const length = sliding ? sliceMs(window) : lengthMs
  const { startMs, endMs } = stretchAt(length, nowMs)
  // After a clock has stepped back, what was counted later than now is as near as what was counted before.
  const reachMs = sliding ? lengthMs : 0
  const stretches = sliding
    ? store.read(key, stretchAt(length, nowMs - reachMs).startMs, stretchAt(length, nowMs + reachMs).startMs)
    : store.read(key, startMs, startMs)
  const before = stretches.reduce((sum: Amount, { used }) => addAmounts(sum, amountIn(used)), 0)
  return { key, stretches, startMs, keepUntilMs: endMs + reachMs, before, amount: 0, wanted: false }
}

function take(store: CounterStore, { key, stretches, startMs, keepUntilMs, amount, wanted }: Tally): Taken[] {
  if (!wanted || compareAmounts(amount, 0) === 0) return []
  const here = stretches.find((stretch) => stretch.startMs === startMs)
  const used = here === undefined ? 0 : amountIn(here.used)
  store.put(key, startMs, formatAmount(addAmounts(used, amount)), keepUntilMs)
  return [[key, startMs, formatAmount(amount)]]
}

function standing(
  charge: Charge,
  {
    max,
    tally,
    isTaken,
  }: {
    readonly max: string
    readonly tally: Tally
    readonly isTaken: boolean
  },
  nowMs: number,
): Standing {
  const { rule, counter, window, scope, unit, strict } = charge
  const left = subtractAmounts(amountIn(max), isTaken ? addAmounts(tally.before, tally.amount) : tally.before)
  return {
    rule,
    counter,
    window: describeWindow(window),
    windowMs: window.lengthMs,
    scope,
    unit,
    strict,
    max,
    remaining: formatLeft(left),
    amount: formatAmount(tally.amount),
    resetsAtMs: resetOf(charge, amountIn(max), tally),
    nowMs,
  }
}

/** When enough has passed for `tally.amount` to fit again. */
function resetOf({ window, strict }: Charge, max: Amount, tally: Tally): number {
  // Nothing is kept longer than it counts.
  if (!window.sliding) return tally.keepUntilMs
  let left = tally.before
  let atMs = tally.keepUntilMs
  for (const { startMs, used } of [...tally.stretches].sort((a, b) => a.startMs - b.startMs)) {
    left = subtractAmounts(left, amountIn(used))
    atMs = startMs + sliceMs(window) + window.lengthMs
    if (fits(addAmounts(left, tally.amount), max, strict)) break
  }
  return atMs
}

function fits(total: Amount, max: Amount, strict: boolean): boolean {
  const order = compareAmounts(total, max)
  return strict ? order < 0 : order <= 0
}

/** Never below zero. */
function formatLeft(left: Amount): string {
  return compareAmounts(left, 0) < 0 ? '0' : formatAmount(left)
}

/** Reads an amount that this module wrote; a counter that holds anything else counts as more than any limit. */
function amountIn(text: string): Amount {
  return readAmount(text) ?? BEYOND
}

const BEYOND: Amount = { units: 10n ** 400n, scale: 0 }

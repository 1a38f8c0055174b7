/**
 * The principal's counters, in memory. The object is the only one that writes them, so memory is the truth while it lives; the table
 * `counters` holds them as they were at one place of the log, and what came after it is counted once more when the object starts.
 */
import type { Counted, CounterStore } from '../../policy/counting.ts'
import type { Charge } from './entries.ts'

/** A counter; never changed, but replaced. */
interface Counter {
  readonly used: string
  readonly keepUntilMs: number
}

/** All counters of a key from `fromMs` on are here; of the others the table knows. */
interface OfKey {
  fromMs: number
  readonly counters: Map<number, Counter>
}

/** Beyond these, what the table knows as well is forgotten. */
const MOST_OF_KEY = 256
const MOST_KEYS = 5_000

export class Counters implements CounterStore {
  readonly #sql: SqlStorage
  readonly #keys = new Map<string, OfKey>()
  /** Those that are not in the table as they are here. */
  readonly #changed = new Map<string, readonly [key: string, startMs: number]>()
  /** Each as it was before it was changed, since the group began. */
  #before: (readonly [key: string, startMs: number, was: Counter | undefined])[] = []

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  read(key: string, fromMs: number, toMs: number): readonly Counted[] {
    const { counters } = this.#from(key, fromMs)
    if (fromMs === toMs) {
      const found = counters.get(fromMs)
      return found === undefined ? [] : [{ startMs: fromMs, used: found.used }]
    }
    const found: Counted[] = []
    for (const [startMs, { used }] of counters)
      if (startMs >= fromMs && startMs <= toMs) found.push({ startMs, used })
    return found.sort((a, b) => a.startMs - b.startMs)
  }

  put(key: string, startMs: number, used: string, keepUntilMs: number): void {
    this.#set(key, startMs, { used, keepUntilMs })
  }

  replace(key: string, startMs: number, used: string): void {
    const found = this.#from(key, startMs).counters.get(startMs)
    if (found !== undefined) this.#set(key, startMs, { ...found, used })
  }

  /** Until when a counter that there is is kept, in Unix milliseconds. */
  keepUntilMs(key: string, startMs: number): number {
    return this.#from(key, startMs).counters.get(startMs)?.keepUntilMs ?? startMs
  }

  /** From here on changes can be taken back. */
  begin(): void {
    if (this.#before.length > 0) this.#before = []
  }

  /** Takes back what was changed since the group began. */
  undo(): void {
    for (const [key, startMs, was] of this.#before.reverse()) {
      const counters = this.#keys.get(key)?.counters
      if (was === undefined) counters?.delete(startMs)
      else counters?.set(startMs, was)
    }
    this.#before = []
  }

  /** Has the table hold them as they are. */
  save(): void {
    const rows: Charge[] = []
    for (const [key, startMs] of this.#changed.values()) {
      const found = this.#keys.get(key)?.counters.get(startMs)
      if (found !== undefined) rows.push([key, startMs, found.used, found.keepUntilMs])
    }
    if (rows.length > 0)
      this.#sql.exec(
        `INSERT INTO counters (key, window_start, used, window_end)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
         ON CONFLICT (key, window_start) DO UPDATE SET used = excluded.used`,
        JSON.stringify(rows),
      )
    this.#changed.clear()
    if (this.#keys.size > MOST_KEYS) this.#keys.clear()
  }

  /** Memory knows nothing: storage is not what it was. */
  forget(): void {
    this.#keys.clear()
    this.#changed.clear()
    this.#before = []
  }

  #set(key: string, startMs: number, counter: Counter): void {
    const { counters } = this.#from(key, startMs)
    this.#before.push([key, startMs, counters.get(startMs)])
    counters.set(startMs, counter)
    this.#changed.set(`${startMs} ${key}`, [key, startMs])
  }

  /** The counters of a key, all of those from `fromMs` on. */
  #from(key: string, fromMs: number): OfKey {
    let ofKey = this.#keys.get(key)
    if (ofKey === undefined) {
      ofKey = { fromMs: Number.POSITIVE_INFINITY, counters: new Map() }
      this.#keys.set(key, ofKey)
    }
    if (fromMs < ofKey.fromMs) this.#load(key, ofKey, fromMs)
    else if (ofKey.counters.size > MOST_OF_KEY && fromMs > ofKey.fromMs) this.#trim(key, ofKey, fromMs)
    return ofKey
  }

  #load(key: string, ofKey: OfKey, fromMs: number): void {
    const stored = this.#sql.exec<{ at: number; used: string; keep: number }>(
      `SELECT window_start AS at, used, window_end AS keep FROM counters
       WHERE key = ? AND window_start >= ? AND window_start < ?`,
      key,
      fromMs,
      Math.min(ofKey.fromMs, Number.MAX_SAFE_INTEGER),
    )
    for (const { at, used, keep } of stored.toArray()) ofKey.counters.set(at, { used, keepUntilMs: keep })
    ofKey.fromMs = fromMs
  }

  /** Forgets what nobody has asked for lately. What is not in the table stays, and with it all that follows. */
  #trim(key: string, ofKey: OfKey, fromMs: number): void {
    const ahead = [...ofKey.counters.keys()].filter((startMs) => this.#changed.has(`${startMs} ${key}`))
    const keepFromMs = Math.min(fromMs, ...ahead)
    for (const startMs of ofKey.counters.keys()) if (startMs < keepFromMs) ofKey.counters.delete(startMs)
    ofKey.fromMs = keepFromMs
  }
}

/** The table of this principal's counters. Their meaning is defined in policy/counting.ts. */
import type { Counted, CounterStore } from '../policy/counting.ts'

/** The table `counters` as a store. The caller's transaction holds a reservation together. */
export function counterStore(sql: SqlStorage): CounterStore {
  return {
    read: (key, fromMs, toMs) =>
      sql
        .exec<{ startMs: number; used: string }>(
          `SELECT window_start AS startMs, used FROM counters
           WHERE key = ? AND window_start BETWEEN ? AND ? ORDER BY window_start`,
          key,
          fromMs,
          toMs,
        )
        .toArray() satisfies Counted[],
    put: (key, startMs, used, keepUntilMs) => {
      sql.exec(
        `INSERT INTO counters (key, window_start, used, window_end) VALUES (?, ?, ?, ?)
         ON CONFLICT (key, window_start) DO UPDATE SET used = excluded.used`,
        key,
        startMs,
        used,
        keepUntilMs,
      )
    },
    replace: (key, startMs, used) => {
      sql.exec('UPDATE counters SET used = ? WHERE key = ? AND window_start = ?', used, key, startMs)
    },
  }
}

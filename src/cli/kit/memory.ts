/** Counters in memory, for as long as a command runs. */
import type { Counted, CounterStore } from '../../policy/counting.ts'

/** A new store in which nothing is counted yet. */
export function memoryCounters(): CounterStore {
  const counters = new Map<string, Map<number, string>>()
  return {
    read: (key, fromMs, toMs) =>
      [...(counters.get(key) ?? [])]
        .filter(([startMs]) => startMs >= fromMs && startMs <= toMs)
        .map(([startMs, used]): Counted => ({ startMs, used })),
    put: (key, startMs, used) => {
      const stretches = counters.get(key) ?? new Map<number, string>()
      counters.set(key, stretches.set(startMs, used))
    },
    replace: (key, startMs, used) => {
      counters.get(key)?.set(startMs, used)
    },
  }
}

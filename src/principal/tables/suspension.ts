/**
 * Requests while the tenant is suspended: none is served, and refused calls are recorded. The number of rows is bounded, for a tenant
 * that is not served should cost little.
 */
import type { TenantConfig } from '../../contract/config.ts'
import type { CounterStore, Taken } from '../../policy/counting.ts'

/** Rows of one principal in one minute; of more calls nothing is written. */
export const MOST_SUSPENDED_ROWS = 60
const MINUTE_MS = 60_000
/** No policy's limit has such a key. */
const KEY = '(suspended)'

/**
 * The configuration as isolates are to know it. While the tenant is suspended it has a version of its own: an isolate that
 * knows the other is told, and from then on prepares nothing for a call, such as a login at a store.
 */
export function effectiveConfig(config: TenantConfig): TenantConfig {
  return config.suspended === true ? { ...config, version: `suspended:${config.version}` } : config
}

/**
 * The rule of a refused call's row, counting it, and what it was counted by; null where this minute has had its rows. The last one
 * says so.
 */
export function suspendedRule(
  store: CounterStore,
  nowMs: number,
): { readonly rule: string; readonly taken: readonly Taken[] } | null {
  const startMs = nowMs - (nowMs % MINUTE_MS)
  const written = Number(store.read(KEY, startMs, startMs)[0]?.used ?? 0)
  if (written >= MOST_SUSPENDED_ROWS) return null
  store.put(KEY, startMs, String(written + 1), startMs + MINUTE_MS)
  const rule = written + 1 === MOST_SUSPENDED_ROWS ? '(suspended, more this minute)' : '(suspended)'
  return { rule, taken: [[KEY, startMs, '1']] }
}

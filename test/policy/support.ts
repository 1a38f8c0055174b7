/** What several tests of the policy engine share. */
import type { Counted, CounterStore } from '../../src/policy/counting.ts'
import { loadPolicy, loadPolicyText } from '../../src/policy/load.ts'
import type { Call, Context, Policy } from '../../src/policy/model.ts'
import { describeProblem } from '../../src/policy/problem.ts'

/** A Tuesday noon in UTC; in São Paulo it is nine. */
export const NOON: Context = { nowMs: Date.parse('2030-01-01T12:00:00Z'), account: 'ana', label: 'Agent' }

export function call(args: Record<string, unknown> = {}, tool = 't'): Call {
  return { tool, args }
}

/** The policy that a document of any dialect compiles to. */
export function policyOf(document: unknown): Policy {
  const loaded = typeof document === 'string' ? loadPolicyText(document) : loadPolicy(document)
  if (!loaded.ok) throw new Error(loaded.problems.map(describeProblem).join('\n'))
  return loaded.policy
}

/** What is wrong with a document, one line each. */
export function problemsOf(document: unknown): string[] {
  const loaded =
    typeof document === 'string' || document instanceof Uint8Array
      ? loadPolicyText(document)
      : loadPolicy(document)
  return loaded.ok ? [] : loaded.problems.map(describeProblem)
}

/** Counters in memory, as a database would keep them. */
export class MemoryCounters implements CounterStore {
  readonly rows = new Map<string, { key: string; startMs: number; used: string; keepUntilMs: number }>()

  read(key: string, fromMs: number, toMs: number): readonly Counted[] {
    return [...this.rows.values()].filter(
      (row) => row.key === key && row.startMs >= fromMs && row.startMs <= toMs,
    )
  }

  put(key: string, startMs: number, used: string, keepUntilMs: number): void {
    this.rows.set(`${startMs} ${key}`, { key, startMs, used, keepUntilMs })
  }

  replace(key: string, startMs: number, used: string): void {
    const row = this.rows.get(`${startMs} ${key}`)
    if (row !== undefined) row.used = used
  }

  /** Drops what nothing asks for any more. */
  purge(nowMs: number): void {
    for (const [name, { keepUntilMs }] of this.rows) if (keepUntilMs <= nowMs) this.rows.delete(name)
  }
}

/** The calls that the administration makes to the directory of tenants. */
import type { Page } from './tenant.ts'

export interface DirectoryCalls extends Rpc.DurableObjectBranded {
  /** Writes a name down. Durable once it is answered. */
  add(tenant: string): Promise<void>

  /** Strikes a name off. */
  remove(tenant: string): Promise<void>

  /** Strikes off names that no tenant came of, unless one of them was written down after `beforeMs`: it may be in the making. */
  removeUnmade(tenants: readonly string[], beforeMs: number): Promise<void>

  /** Names in order. */
  names(request: Page): Promise<readonly string[]>
}

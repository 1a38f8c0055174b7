/** Rounds of a tenant's deletion: one at a time, the next by alarm, until nothing is left (deletion.ts). */
import type { ChangeContext, DeletionView, RefusedChange } from '../../contract/tenant.ts'
import { checkPreconditions } from '../tables/etags.ts'
import { record } from '../tables/recording.ts'
import { readTenant } from '../tables/settings.ts'
import type { AuditKeeping } from './audit-keeping.ts'
import { DELETION_ROUND_MS, planRound, resumeDeletion, startDeletion } from './deletion.ts'
import { refusedBy, type Tenancy } from './tenancy.ts'

export class DeletionRounds {
  readonly #tenancy: Tenancy
  readonly #keeping: AuditKeeping
  #running: Promise<DeletionView> | null = null

  constructor(tenancy: Tenancy, keeping: AuditKeeping) {
    this.#tenancy = tenancy
    this.#keeping = keeping
  }

  /**
   * Begins to delete the tenant and goes as far as it can get at once; the rest is the alarm's.
   *
   * @param patienceMs how long events are waited for that Legiti does not take; afterwards they are lost
   */
  async start(patienceMs: number, by: ChangeContext): Promise<DeletionView | RefusedChange> {
    const { sql } = this.#tenancy
    if (!this.#tenancy.isThere) return { kind: 'absent' }
    try {
      this.#tenancy.commit(() => {
        const nowMs = Date.now()
        checkPreconditions(sql, by.expected, 'tenant', true)
        record(sql, by, { action: 'tenant.delete', subject: 'tenant', detail: {}, atMs: nowMs })
        startDeletion(sql, { nowMs, byMs: nowMs + patienceMs }, by)
      })
    } catch (error) {
      return refusedBy(error)
    }
    return this.resume()
  }

  /** Does as much as it can; while something is left, the alarm goes on. A call during a round joins it. */
  resume(): Promise<DeletionView> {
    this.#running ??= this.#round().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #round(): Promise<DeletionView> {
    const { sql, env, wake, propagator } = this.#tenancy
    const sinceMs = readTenant(sql)?.deletion?.sinceMs ?? null
    // A tenant that was made anew meanwhile is another one.
    const isStill = () =>
      this.#tenancy.isThere && sinceMs !== null && readTenant(sql)?.deletion?.sinceMs === sinceMs
    if (!isStill()) return { kind: 'absent' }
    // Should this object die on its way, the alarm goes on.
    planRound(sql, Date.now() + DELETION_ROUND_MS)
    await wake.rearm()
    if (!isStill()) return { kind: 'absent' }
    const quiet = (grant: string) => propagator.quiet(grant)
    const kept = () => this.#keeping.quiet()
    const { view, isMore } = await resumeDeletion({ sql, env, isStill, quiet, kept }, Date.now())
    if (!isStill()) return { kind: 'absent' }
    if (view.kind === 'gone') await this.#tenancy.erase()
    else {
      planRound(sql, Date.now() + (isMore ? 0 : DELETION_ROUND_MS))
      await wake.rearm()
    }
    return view
  }
}

/**
 * Propagates a change to its principals before the change is answered. It works in rounds, for one invocation may make only
 * so many requests. The alarm goes on with the principals that are left (docs/decisions/0019-telling-in-rounds.md).
 */
import { errorName, log } from '../../base/log.ts'
import type { Env } from '../../contract/env.ts'
import { tenantObject } from '../../contract/objects.ts'
import type { Propagation } from '../../contract/tenant.ts'
import { countPending, dueGrants, likelyFirst } from '../tables/propagation.ts'
import { readTenant } from '../tables/settings.ts'
import { Pushes } from './pushes.ts'
import type { Wake } from './wake.ts'

/**
 * Principals of one round. Each is a subrequest of the invocation, of which the platform allows 1,000
 * (developers.cloudflare.com/workers/platform/limits); the other half is left to other work.
 */
const MOST_A_ROUND = 500
/** After this time no round and no push begins; the alarm takes over at once. */
const MOST_MS = 25_000

export interface PropagatorContext {
  readonly sql: SqlStorage
  readonly env: () => Env
  /** Tells whether there is a tenant; it may be deleted at any time. */
  readonly isThere: () => boolean
  readonly wake: Wake
}

export class Propagator {
  readonly #context: PropagatorContext
  readonly #pushes: Pushes

  constructor(context: PropagatorContext) {
    const { sql, env, isThere } = context
    this.#context = context
    this.#pushes = new Pushes(() => {
      const tenant = isThere() ? readTenant(sql) : null
      if (tenant === null) return null
      const { name, settings, isSaid, isSuspended, deletion } = tenant
      const isLeaving = deletion !== null
      return { sql, env: env(), tenant: name, settings, isSaid, isSuspended, isLeaving, isThere }
    })
  }

  /** Propagates to the principals of these grants, and sets the alarm anew in any case. Never throws for a principal. */
  async propagate(touched: readonly string[]): Promise<Propagation> {
    const { sql, env, isThere, wake } = this.#context
    if (touched.length === 0) {
      await wake.rearm()
      return { told: 0, pending: 0 }
    }
    const untilMs = Date.now() + MOST_MS
    await this.#counted(async () => {
      await this.#pushes.push(likelyFirst(sql, touched).slice(0, MOST_A_ROUND), untilMs)
      if (touched.length <= MOST_A_ROUND) return
      // The object calls itself from outside, so that every round is an invocation of its own.
      const tenant = readTenant(sql)?.name ?? ''
      for (let more = true; more && Date.now() < untilMs; )
        more = await tenantObject(env(), tenant).propagateDue(untilMs)
    })
    const pending = isThere() ? countPending(sql, touched) : 0
    return { told: touched.length - pending, pending }
  }

  /** Does one round with the principals that are due. Returns true where more are. */
  async propagateDue(untilMs: number): Promise<boolean> {
    return (await this.#round(untilMs)) > MOST_A_ROUND && this.#isStaying()
  }

  /** Does the alarm's round; none while a request propagates, for that does it. Returns how many principals were due. */
  async propagateByAlarm(): Promise<number> {
    return this.#context.wake.propagating === 0 ? this.#round(Number.POSITIVE_INFINITY) : 0
  }

  async #round(untilMs: number): Promise<number> {
    const due = dueGrants(this.#context.sql, MOST_A_ROUND + 1, Date.now())
    await this.#counted(() => this.#pushes.push(due.slice(0, MOST_A_ROUND), untilMs))
    return due.length
  }

  /** False for a tenant that is being deleted, of which no further round is done. */
  #isStaying(): boolean {
    const { sql, isThere } = this.#context
    return isThere() && readTenant(sql)?.deletion === null
  }

  /** Waits until no push to the principal of this grant is on its way. */
  quiet(grant: string): Promise<void> {
    return this.#pushes.quiet(grant)
  }

  /** Does `work` under an alarm, which goes on with the rest should this object die meanwhile. */
  async #counted(work: () => Promise<void>): Promise<void> {
    const { wake } = this.#context
    wake.propagating += 1
    try {
      await wake.rearm()
      await work()
    } catch (error) {
      log('warn', 'tenant.telling_failed', { error: errorName(error) })
    } finally {
      wake.propagating -= 1
    }
    await wake.rearm()
  }
}

/**
 * Tells principals of a change, before it is answered: in rounds, for one invocation may ask only so many. Whoever could
 * not be told by then is told by alarm (docs/decisions/0019-telling-in-rounds.md).
 */
import { errorName, log } from '../../base/log.ts'
import type { Env } from '../../contract/env.ts'
import { tenantObject } from '../../contract/objects.ts'
import type { Told } from '../../contract/tenant.ts'
import { countPending, dueGrants, likelyFirst } from '../tables/grants-told.ts'
import { readTenant } from '../tables/settings.ts'
import { Pushes } from './pushes.ts'
import type { Wake } from './wake.ts'

/**
 * Principals that are told in one round. Each is a subrequest of the invocation, of which the platform allows 1,000
 * (developers.cloudflare.com/workers/platform/limits); half of them are left to whatever else goes on.
 */
const MOST_A_ROUND = 500
/** No round begins, and nobody is told first, later than this after the change; the alarm takes over at once. */
const MOST_MS = 25_000

export interface TellingContext {
  readonly sql: SqlStorage
  readonly env: () => Env
  /** Whether there is a tenant; it may go at any time. */
  readonly isThere: () => boolean
  readonly wake: Wake
}

export class Telling {
  readonly #context: TellingContext
  readonly #pushes: Pushes

  constructor(context: TellingContext) {
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

  /** Tells the principals of these grants. The alarm is set anew in any case. Never throws for a principal. */
  async tell(touched: readonly string[]): Promise<Told> {
    const { sql, env, isThere, wake } = this.#context
    if (touched.length === 0) {
      await wake.rearm()
      return { told: 0, pending: 0 }
    }
    const untilMs = Date.now() + MOST_MS
    await this.#counted(async () => {
      await this.#pushes.tell(likelyFirst(sql, touched).slice(0, MOST_A_ROUND), untilMs)
      if (touched.length <= MOST_A_ROUND) return
      // Asked from outside, so that every round is an invocation of its own.
      const tenant = readTenant(sql)?.name ?? ''
      for (let more = true; more && Date.now() < untilMs; )
        more = await tenantObject(env(), tenant).tellDue(untilMs)
    })
    const pending = isThere() ? countPending(sql, touched) : 0
    return { told: touched.length - pending, pending }
  }

  /** One round: tells those that are due. Answers whether more are. */
  async tellDue(untilMs: number): Promise<boolean> {
    return (await this.#round(untilMs)) > MOST_A_ROUND && this.#isStaying()
  }

  /** The alarm's round; none while a request is telling, for that does it. Answers how many were due. */
  async tellByAlarm(): Promise<number> {
    return this.#context.wake.telling === 0 ? this.#round(Number.POSITIVE_INFINITY) : 0
  }

  async #round(untilMs: number): Promise<number> {
    const due = dueGrants(this.#context.sql, MOST_A_ROUND + 1, Date.now())
    await this.#counted(() => this.#pushes.tell(due.slice(0, MOST_A_ROUND), untilMs))
    return due.length
  }

  /** Of a tenant that is going nobody is told. */
  #isStaying(): boolean {
    const { sql, isThere } = this.#context
    return isThere() && readTenant(sql)?.deletion === null
  }

  /** Waits until no push to the principal of this grant is on its way. */
  quiet(grant: string): Promise<void> {
    return this.#pushes.quiet(grant)
  }

  /** Does `work` with an alarm set that finds what is left should this object die meanwhile. */
  async #counted(work: () => Promise<void>): Promise<void> {
    const { wake } = this.#context
    wake.telling += 1
    try {
      await wake.rearm()
      await work()
    } catch (error) {
      log('warn', 'tenant.telling_failed', { error: errorName(error) })
    } finally {
      wake.telling -= 1
    }
    await wake.rearm()
  }
}

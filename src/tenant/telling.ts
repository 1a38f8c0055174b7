/** Tells principals of a change, before it is answered; whoever could not be told then is told by alarm. */
import type { Env } from '../env.ts'
import { pendingGrants } from './grants.ts'
import { LONGEST_RETRY_MS, RETRY_MS } from './housekeeping.ts'
import { present } from './present.ts'
import { Pushes } from './pushes.ts'
import { readTenant, writePushFailures } from './settings.ts'
import { RESTLESS_MS, type Wake } from './wake.ts'

/** Principals that one invocation may ask; the platform counts. The rest is the alarm's. */
const MOST_TOLD = 500

export class Telling {
  readonly #sql: SqlStorage
  readonly #wake: Wake
  readonly #pushes: Pushes

  constructor(sql: SqlStorage, env: () => Env, wake: Wake) {
    this.#sql = sql
    this.#wake = wake
    this.#pushes = new Pushes(() => {
      const { name, settings, isSuspended, deletion } = present(readTenant(sql))
      return { sql, env: env(), tenant: name, settings, isSuspended, isLeaving: deletion !== null }
    })
  }

  /**
   * Tells the principals of these grants; whoever cannot be told is left to the alarm, which is set anew in any case.
   * Answers how many have yet to be told.
   */
  async tell(touched: readonly string[], isRetry = false): Promise<number> {
    if (touched.length === 0) {
      await this.#wake.rearm()
      return 0
    }
    // Before the first push: should this object die meanwhile, the alarm finds what was left.
    this.#wake.tellAtMs = Date.now() + RETRY_MS
    await this.#wake.rearm()
    const untold = Math.max(0, touched.length - MOST_TOLD)
    const pending = untold + (await this.#pushes.tell(touched.slice(0, MOST_TOLD)))
    const failures = pending === 0 ? 0 : (readTenant(this.#sql)?.pushFailures ?? 0) + (isRetry ? 1 : 0)
    writePushFailures(this.#sql, failures)
    const isOver = pendingGrants(this.#sql).length === 0
    this.#wake.tellAtMs = isOver ? null : Date.now() + Math.min(RETRY_MS * 2 ** failures, LONGEST_RETRY_MS)
    await this.#wake.rearm()
    return pending
  }

  /** Whom a restless server concerns is told by alarm, soon. */
  async leaveToAlarm(): Promise<void> {
    this.#wake.tellAtMs = Math.min(this.#wake.tellAtMs ?? Number.POSITIVE_INFINITY, Date.now() + RESTLESS_MS)
    await this.#wake.rearm()
  }

  /** Waits until no push is on its way. */
  quiet(): Promise<void> {
    return this.#pushes.quiet()
  }
}

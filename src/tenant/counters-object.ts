import { DurableObject } from 'cloudflare:workers'
import type { CountersCalls } from '../contract/counters-calls.ts'
import type { Env } from '../contract/env.ts'
import { Commits } from '../durable/commits.ts'
import { counterStore } from '../durable/counters.ts'
import { purgeRows, retention } from '../durable/retention.ts'
import { inTurns } from '../durable/turns.ts'
import { type Reservation, refund, reserve, type Taken } from '../policy/counting.ts'
import type { Charge } from '../policy/model.ts'

/** As long as a principal keeps its own: a clock that steps back a little still finds its counter. */
const KEEP_MS = 24 * 3_600_000
const PURGE_EVERY_MS = 3_600_000
const kept = [retention({ table: 'counters', column: 'window_end', keepMs: KEEP_MS })]

/**
 * The counters of limits with scope `tenant`, one object a tenant: what all of its principals count together.
 * Only calls under such a limit ask it. Stores nothing before the first of them.
 */
export class TenantCounters extends DurableObject<Env> implements CountersCalls {
  readonly #sql: SqlStorage
  readonly #commits: Commits
  #exists: boolean
  #isArmed = false

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#sql = ctx.storage.sql
    this.#commits = new Commits(ctx.storage)
    this.#exists = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'counters'").toArray().length > 0
  }

  async reserve(charges: readonly Charge[]): Promise<Reservation> {
    // Read once a life of this object: storage may hold an alarm from an earlier one.
    this.#isArmed ||= (await this.ctx.storage.getAlarm()) !== null
    return this.#commits.run(() => {
      this.#create()
      if (!this.#isArmed) void this.ctx.storage.setAlarm(Date.now() + PURGE_EVERY_MS)
      this.#isArmed = true
      return reserve(counterStore(this.#sql), charges, { session: null, account: null }, Date.now())
    })
  }

  async refund(taken: readonly Taken[]): Promise<void> {
    if (this.#exists) await this.#commits.run(() => refund(counterStore(this.#sql), taken))
  }

  async erase(): Promise<void> {
    this.#exists = false
    this.#isArmed = false
    // In one turn, so that neither is ever without the other.
    await Promise.all([this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()])
  }

  /** Drops what nothing asks for any more, in turns with calls, and sleeps when nothing is left. */
  override async alarm(): Promise<void> {
    const isMore = await inTurns(() =>
      this.#commits.run(() => this.#exists && purgeRows(this.#sql, kept, Date.now())),
    )
    // The tenant may have been deleted meanwhile.
    if (!this.#exists) return
    const left = await this.#commits.run(
      () => this.#sql.exec('SELECT 1 FROM counters LIMIT 1').toArray().length > 0,
    )
    this.#isArmed = left
    // An empty table would be all that is left of a tenant whose last request came while it was deleted.
    if (!left) await this.erase()
    else await this.ctx.storage.setAlarm(Date.now() + (isMore ? 0 : PURGE_EVERY_MS))
  }

  #create(): void {
    if (this.#exists) return
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS counters (
      key TEXT NOT NULL, window_start INTEGER NOT NULL, used TEXT NOT NULL, window_end INTEGER NOT NULL,
      PRIMARY KEY (key, window_start)
    ); CREATE INDEX IF NOT EXISTS counters_end ON counters (window_end)`)
    this.#exists = true
  }
}

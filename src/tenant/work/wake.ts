/** The tenant's one alarm: set to the soonest of all that there is to wake up for. */
import type { Env } from '../../contract/env.ts'
import { heldServers } from '../tables/observation.ts'
import { nextWakeMs, type Wakes } from './housekeeping.ts'

/** The interval at which a flapping server's changes are propagated, and after which its last listing is compared anew. */
export const FLAPPING_MS = 30_000

export interface WakeContext {
  readonly storage: DurableObjectStorage
  readonly env: () => Env
  /** Tells whether there is a tenant; without one there is no alarm. */
  readonly isThere: () => boolean
  /** When messages to webhooks can be sent, in Unix milliseconds; null: none waits. */
  readonly sendMs: (nowMs: number) => number | null
}

/** The state outside of the tables; an object that starts again begins without it. Times are Unix milliseconds. */
export class Wake {
  readonly #context: WakeContext
  /** The number of requests that propagate right now. */
  propagating = 0
  /** When the last listing of servers that were flapping is compared anew; null: nobody has said. */
  compareAtMs: number | null = null
  /** An alarm has ended before all rows were deleted whose time is over: the next has to follow at once. */
  purgesOn = false
  /** By then a run that carries audit rows has ended, or is dead; null: there is none. */
  keepingUntilMs: number | null = null

  constructor(context: WakeContext) {
    this.#context = context
  }

  /** Sets the alarm anew. Call it after whatever changes what there is to wake up for. */
  async rearm(): Promise<void> {
    const { storage, env, isThere, sendMs } = this.#context
    const armedMs = await storage.getAlarm()
    // Nothing may be left of a tenant that has gone meanwhile.
    if (!isThere()) return
    const nowMs = Date.now()
    const isHeld = heldServers(storage.sql).length > 0
    this.compareAtMs = isHeld ? (this.compareAtMs ?? nowMs + FLAPPING_MS) : null
    const known: Wakes = {
      isPropagating: this.propagating > 0,
      compareMs: this.compareAtMs,
      purgesOn: this.purgesOn,
      sendMs: sendMs(nowMs),
      carrying: env().AUDIT_DB === undefined ? 'nowhere' : (this.keepingUntilMs ?? 'idle'),
    }
    const wakeMs = nextWakeMs(storage.sql, known, nowMs)
    if (wakeMs === armedMs) return
    if (wakeMs === null) await storage.deleteAlarm()
    else await storage.setAlarm(wakeMs)
  }
}

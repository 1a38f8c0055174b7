/** The tenant's one alarm: set to the soonest of all that there is to wake up for. */
import type { Env } from '../../contract/env.ts'
import { heldServers } from '../tables/observation.ts'
import { nextWakeMs, type Wakes } from './housekeeping.ts'

/** How often principals are told of a server whose listing changes all the time, and when its last one is compared anew. */
export const FLAPPING_MS = 30_000

export interface WakeContext {
  readonly storage: DurableObjectStorage
  readonly env: () => Env
  /** Tells whether there is a tenant; without one there is no alarm. */
  readonly isThere: () => boolean
  /** When messages to webhooks can be sent, in Unix milliseconds; null: none waits. */
  readonly sendMs: (nowMs: number) => number | null
}

/** What is not in the tables is kept here; a new life of the object begins without it. Times are Unix milliseconds. */
export class Wake {
  readonly #context: WakeContext
  /** The number of requests that propagate right now. */
  propagating = 0
  /** When the last listing of servers that were flapping is compared anew; null: nobody has said. */
  compareAtMs: number | null = null
  /** By then a run that carries audit rows has ended, or is dead; null: there is none. */
  keepingUntilMs: number | null = null

  constructor(context: WakeContext) {
    this.#context = context
  }

  /** Sets the alarm anew. Call it after whatever changes what there is to wake up for. */
  async rearm(): Promise<void> {
    const { storage, env, isThere, sendMs } = this.#context
    const armedMs = await storage.getAlarm()
    // Of a tenant that has gone meanwhile nothing may be left.
    if (!isThere()) return
    const nowMs = Date.now()
    const isHeld = heldServers(storage.sql).length > 0
    this.compareAtMs = isHeld ? (this.compareAtMs ?? nowMs + FLAPPING_MS) : null
    const known: Wakes = {
      isPropagating: this.propagating > 0,
      compareMs: this.compareAtMs,
      sendMs: sendMs(nowMs),
      carrying: env().AUDIT_DB === undefined ? 'nowhere' : (this.keepingUntilMs ?? 'idle'),
    }
    const wakeMs = nextWakeMs(storage.sql, known, nowMs)
    if (wakeMs === armedMs) return
    if (wakeMs === null) await storage.deleteAlarm()
    else await storage.setAlarm(wakeMs)
  }
}

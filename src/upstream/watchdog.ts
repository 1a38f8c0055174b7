/**
 * Bounds one request to an upstream in time. One timer at a time: it looks when it rings how long ago something
 * was last heard, so that a piece of a body costs no timer.
 */
import type { UpstreamProblem } from '../contract/upstream.ts'
import { problemOf } from './problem.ts'

/** It first looks so soon, because the bounds change once an answer begins: a timer that rings by then need not be set anew. */
const FIRST_LOOK_MS = 2_000

/** The listener for a request that takes long. It costs no timer of its own. */
export interface LongRequest {
  readonly afterMs: number
  readonly call: () => void
}

export class Watchdog {
  readonly #controller = new AbortController()
  readonly #endsAtMs: number
  #quietMs: number
  #heardAtMs: number
  #timer: ReturnType<typeof setTimeout> | null = null
  #ringsAtMs = 0
  #problem: UpstreamProblem | null = null
  #doing = 'did not answer'
  readonly #longAtMs: number
  #onLong: (() => void) | null

  /**
   * @param quietMs how long it may say nothing
   * @param wholeMs how long it may take in all; Infinity for no bound
   * @param long whom to call, once, when it is still under way after so long
   */
  constructor(quietMs: number, wholeMs: number, long?: LongRequest) {
    const nowMs = Date.now()
    this.#onLong = long?.call ?? null
    this.#longAtMs = nowMs + (long?.afterMs ?? 0)
    this.#quietMs = quietMs
    this.#heardAtMs = nowMs
    this.#endsAtMs = nowMs + wholeMs
    this.#arm(nowMs, FIRST_LOOK_MS)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why it was stopped, or null while it was not. */
  get problem(): UpstreamProblem | null {
    return this.#problem
  }

  /** Something was heard; from now on it may be quiet for `quietMs`. */
  heard(quietMs: number = this.#quietMs): void {
    this.#heardAtMs = Date.now()
    if (quietMs === this.#quietMs) return
    this.#quietMs = quietMs
    this.#doing = 'stopped in the middle of its answer'
    // A timer that rings too early looks again; only one that would ring too late must be set anew.
    if (this.#timer === null || this.#dueMs() < this.#ringsAtMs) this.#arm(this.#heardAtMs)
  }

  stop(problem: UpstreamProblem | null = null): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (problem === null || this.#problem !== null) return
    this.#problem = problem
    this.#controller.abort()
  }

  /** When it must look next. */
  #dueMs(): number {
    const longMs = this.#onLong === null ? Infinity : this.#longAtMs
    return Math.min(this.#heardAtMs + this.#quietMs, this.#endsAtMs, longMs)
  }

  #arm(nowMs: number, mostMs = Infinity): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    const dueMs = this.#dueMs()
    this.#ringsAtMs = Math.min(dueMs, nowMs + mostMs)
    this.#timer =
      dueMs === Infinity ? null : setTimeout(() => this.#ring(), Math.max(0, this.#ringsAtMs - nowMs))
  }

  #ring(): void {
    const nowMs = Date.now()
    if (this.#onLong !== null && nowMs >= this.#longAtMs) {
      const call = this.#onLong
      this.#onLong = null
      call()
    }
    const isOver = nowMs >= this.#endsAtMs
    if (!isOver && nowMs < this.#heardAtMs + this.#quietMs) {
      this.#arm(nowMs)
      return
    }
    const message = isOver
      ? 'took longer than a whole call may take'
      : `${this.#doing} for ${this.#quietMs / 1_000} seconds`
    this.stop(problemOf('timeout', message))
  }
}

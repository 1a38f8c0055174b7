/**
 * Bounds one request to an upstream in time. One timer at a time: it looks when it rings how long ago something
 * was last heard, so that a piece of a body costs no timer.
 */
import { problemOf, type UpstreamProblem } from './problem.ts'

/** Whom to call when a request takes long. It costs no timer of its own. */
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
    this.#arm(nowMs)
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
    const isShorter = quietMs < this.#quietMs
    this.#quietMs = quietMs
    this.#doing = 'stopped in the middle of its answer'
    // A timer that rings too early looks again; only one that would ring too late must be set anew.
    if (isShorter || this.#timer === null) this.#arm(this.#heardAtMs)
  }

  stop(problem: UpstreamProblem | null = null): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (problem === null || this.#problem !== null) return
    this.#problem = problem
    this.#controller.abort()
  }

  #arm(nowMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    const longMs = this.#onLong === null ? Infinity : this.#longAtMs
    const dueMs = Math.min(this.#heardAtMs + this.#quietMs, this.#endsAtMs, longMs)
    this.#timer = dueMs === Infinity ? null : setTimeout(() => this.#ring(), Math.max(0, dueMs - nowMs))
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

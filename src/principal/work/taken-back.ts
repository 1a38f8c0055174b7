/**
 * Requests that take long, and are brought to their servers by some isolate, with what reaches another one: that their client takes
 * them back. Memory alone: a cancellation is worth no more, for it may come too late in any case (MCP 2025-11-25, cancellation).
 */
import type { TakenBack, TakenBackKey } from '../../contract/principal.ts'

/** A request that is asked about only after a while finds what came before, for so long. */
const KEPT_MS = 10_000
const MOST_KEPT = 1_000

interface Waiting {
  readonly requestId: string
  readonly settle: (taken: TakenBack | null) => void
}

export class TakenBackRequests {
  readonly #waiting = new Map<string, Set<Waiting>>()
  readonly #kept = new Map<string, { readonly atMs: number; readonly taken: TakenBack }>()

  /**
   * Settles when the request is taken back, or with null after `mostMs`.
   * @param requestId of the client's HTTP request
   * @param ageMs how long ago it began: what came before it is about another of the same id
   */
  wait(key: TakenBackKey, requestId: string, ageMs: number, mostMs: number): Promise<TakenBack | null> {
    const name = nameOf(key)
    const kept = this.#kept.get(name)
    const nowMs = Date.now()
    if (kept !== undefined && nowMs - kept.atMs < Math.min(ageMs, KEPT_MS)) {
      this.#kept.delete(name)
      return Promise.resolve(kept.taken)
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiting.settle(null), mostMs)
      const same = this.#waiting.get(name) ?? new Set()
      const waiting: Waiting = {
        requestId,
        settle: (taken) => {
          clearTimeout(timer)
          same.delete(waiting)
          if (same.size === 0) this.#waiting.delete(name)
          resolve(taken)
        },
      }
      this.#waiting.set(name, same.add(waiting))
    })
  }

  /**
   * Cancels a request for its client. Where two that are under way have the same id neither is cancelled: the notification does not
   * say which of them it means, and the wrong one must not be stopped.
   */
  cancel(key: TakenBackKey, taken: TakenBack): void {
    const name = nameOf(key)
    const waiting = [...(this.#waiting.get(name) ?? [])]
    if (waiting.some(({ requestId }) => requestId !== waiting[0]?.requestId)) return
    if (waiting.length === 0) {
      if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
      this.#kept.set(name, { atMs: Date.now(), taken })
    }
    for (const one of waiting) one.settle(taken)
  }
}

function nameOf({ transport, id }: TakenBackKey): string {
  return JSON.stringify([transport, id])
}

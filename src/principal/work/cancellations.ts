/**
 * Cancellations of long requests that reach another isolate than the one which brings the request to its server. Memory alone: a
 * cancellation is worth no more, for it may come too late in any case (MCP 2025-11-25, cancellation).
 */
import type { AwaitCancellation, CancellationKey, CancellationNotice } from '../../contract/principal.ts'

/** A request that is asked about only after a while finds what came before, for so long. */
const KEPT_MS = 10_000
const MOST_KEPT = 1_000

interface Waiting {
  readonly requestId: string
  readonly settle: (notice: CancellationNotice | null) => void
}

export class Cancellations {
  readonly #waiting = new Map<string, Set<Waiting>>()
  readonly #kept = new Map<string, { readonly atMs: number; readonly notice: CancellationNotice }>()

  /**
   * Settles when the request is cancelled, or with null after `mostMs`. A cancellation that is older than the request, which began
   * `ageMs` ago, is about another one of the same id.
   */
  wait(
    key: CancellationKey,
    { requestId, ageMs, mostMs }: Pick<AwaitCancellation, 'requestId' | 'ageMs' | 'mostMs'>,
  ): Promise<CancellationNotice | null> {
    const name = nameOf(key)
    const kept = this.#kept.get(name)
    const nowMs = Date.now()
    if (kept !== undefined && nowMs - kept.atMs < Math.min(ageMs, KEPT_MS)) {
      this.#kept.delete(name)
      return Promise.resolve(kept.notice)
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiting.settle(null), mostMs)
      const same = this.#waiting.get(name) ?? new Set()
      const waiting: Waiting = {
        requestId,
        settle: (notice) => {
          clearTimeout(timer)
          same.delete(waiting)
          if (same.size === 0) this.#waiting.delete(name)
          resolve(notice)
        },
      }
      this.#waiting.set(name, same.add(waiting))
    })
  }

  /**
   * Cancels a request for its client. Where two that are under way have the same id neither is cancelled: the notification does not
   * say which of them it means, and the wrong one must not be stopped.
   */
  cancel(key: CancellationKey, notice: CancellationNotice): void {
    const name = nameOf(key)
    const waiting = [...(this.#waiting.get(name) ?? [])]
    if (waiting.some(({ requestId }) => requestId !== waiting[0]?.requestId)) return
    if (waiting.length === 0) {
      if (this.#kept.size >= MOST_KEPT) this.#kept.clear()
      this.#kept.set(name, { atMs: Date.now(), notice })
    }
    for (const one of waiting) one.settle(notice)
  }
}

function nameOf({ transport, id }: CancellationKey): string {
  return JSON.stringify([transport, id])
}

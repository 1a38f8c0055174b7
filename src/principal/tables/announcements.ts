/**
 * Announcements to the tenant's object. Each is a row, written in the transaction of the event that it announces and deleted
 * once the tenant has it; so it arrives at least once, whatever dies in between.
 */
import { errorName, log } from '../../base/log.ts'
import type { Announcement } from '../../contract/approvals.ts'
import { backOffMs } from '../../durable/retries.ts'

/** Announcements in one message to the tenant. */
const AT_ONCE = 100

/** Queues an announcement. Call it inside the transaction of the event. */
export function queueAnnouncement(sql: SqlStorage, { id, atMs, type, data }: Announcement): void {
  sql.exec(
    'INSERT INTO announcements (id, at, type, data) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    ...[id, atMs, type, JSON.stringify(data)],
  )
}

/** Tells whether an announcement waits. */
export function hasAnnouncements(sql: SqlStorage): boolean {
  return sql.exec('SELECT 1 FROM announcements LIMIT 1').toArray().length > 0
}

export interface AnnouncingContext {
  readonly sql: SqlStorage
  readonly principal: string
  /** Hands announcements to the tenant's object; when it returns, they are kept there, or nobody wants them. */
  readonly send: (announcements: readonly Announcement[]) => Promise<void>
  /** Runs reads and writes as one transaction. */
  readonly commit: <T>(work: () => T) => Promise<T>
  readonly random: () => number
}

/** Sends announcements, one run at a time, in the order in which they were queued. */
export class Announcing {
  readonly #context: () => AnnouncingContext
  #running: Promise<void> | null = null
  #failures = 0
  #retryAtMs = 0

  /** @param context asked anew for every run */
  constructor(context: () => AnnouncingContext) {
    this.#context = context
  }

  /** Returns when the next run may begin, not before `soonestMs`; null where no announcement waits. */
  nextMs(sql: SqlStorage, soonestMs: number): number | null {
    return hasAnnouncements(sql) ? Math.max(soonestMs, this.#retryAtMs) : null
  }

  /** Returns when no run is under way. */
  async quiet(): Promise<void> {
    await this.#running
  }

  /** Sends all announcements. Never throws: a later run sends those that failed. */
  run(nowMs: number): Promise<void> {
    this.#running ??= this.#sendAll(nowMs).finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #sendAll(nowMs: number): Promise<void> {
    if (nowMs < this.#retryAtMs) return
    const { sql, principal, send, commit, random } = this.#context()
    try {
      for (let batch = oldest(sql); batch.length > 0; batch = oldest(sql)) {
        await send(batch)
        await commit(() => drop(sql, batch))
        this.#failures = 0
        this.#retryAtMs = 0
      }
    } catch (error) {
      this.#failures += 1
      this.#retryAtMs = nowMs + backOffMs(this.#failures, random(), null)
      log('warn', 'principal.telling_failed', { principal, error: errorName(error) })
    }
  }
}

function oldest(sql: SqlStorage): Announcement[] {
  return sql
    .exec<{ id: string; at: number; type: string; data: string }>(
      'SELECT id, at, type, data FROM announcements ORDER BY seq LIMIT ?',
      AT_ONCE,
    )
    .toArray()
    .map(({ id, at, type, data }) => ({ id, atMs: at, type, data: JSON.parse(data) }) as Announcement)
}

function drop(sql: SqlStorage, sent: readonly Announcement[]): void {
  for (const { id } of sent) sql.exec('DELETE FROM announcements WHERE id = ?', id)
}

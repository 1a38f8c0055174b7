/**
 * What the tenant is to be told: rows that are written with what happened and go away once the tenant has them. So it is
 * told at least once, whatever dies in between.
 */
import { errorName, log } from '../../base/log.ts'
import type { Announcement } from '../../contract/approvals.ts'
import { backOffMs } from '../../legiti/schedule.ts'

/** Announcements in one message to the tenant. */
const AT_ONCE = 100

/** Queues an announcement. Call it inside the transaction of what it tells of. */
export function queueAnnouncement(sql: SqlStorage, { id, atMs, type, data }: Announcement): void {
  sql.exec(
    'INSERT INTO announcements (id, at, type, data) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    ...[id, atMs, type, JSON.stringify(data)],
  )
}

/** Whether there is something to tell. */
export function hasAnnouncements(sql: SqlStorage): boolean {
  return sql.exec('SELECT 1 FROM announcements LIMIT 1').toArray().length > 0
}

export interface TellingContext {
  readonly sql: SqlStorage
  readonly principal: string
  /** Hands announcements to the tenant's object; when it returns, they are kept there, or nobody wants them. */
  readonly tell: (announcements: readonly Announcement[]) => Promise<void>
  /** Runs reads and writes as one transaction. */
  readonly commit: <T>(work: () => T) => Promise<T>
  readonly random: () => number
}

/** Tells the tenant, one run at a time, in the order in which things happened. */
export class Telling {
  readonly #context: () => TellingContext
  #running: Promise<void> | null = null
  #failures = 0
  #retryAtMs = 0

  /** @param context asked anew for every run */
  constructor(context: () => TellingContext) {
    this.#context = context
  }

  /** When the tenant may be told next, not before `soonestMs`; null where there is nothing to tell. */
  nextMs(sql: SqlStorage, soonestMs: number): number | null {
    return hasAnnouncements(sql) ? Math.max(soonestMs, this.#retryAtMs) : null
  }

  /** Returns when nobody is being told. */
  async quiet(): Promise<void> {
    await this.#running
  }

  /** Tells what there is. Never throws: what could not be told is told later. */
  run(nowMs: number): Promise<void> {
    this.#running ??= this.#tellAll(nowMs).finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #tellAll(nowMs: number): Promise<void> {
    if (nowMs < this.#retryAtMs) return
    const { sql, principal, tell, commit, random } = this.#context()
    try {
      for (let batch = oldest(sql); batch.length > 0; batch = oldest(sql)) {
        await tell(batch)
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

function drop(sql: SqlStorage, told: readonly Announcement[]): void {
  for (const { id } of told) sql.exec('DELETE FROM announcements WHERE id = ?', id)
}

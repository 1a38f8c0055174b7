/** The work that a tenant does by alarm, and the time of the next alarm. All reasons for an alarm are here, and only here. */
import { nextCarryMs } from '../../audit/carry.ts'
import { nextRetentionMs } from '../../audit/retention.ts'
import { fullHour, nextPurgeMs, purgeRows, type Retention, soonest } from '../../durable/retention.ts'
import { approvalRetention } from '../tables/approvals.ts'
import { changesLog } from '../tables/changes.ts'
import { nextTargetMs } from '../tables/logouts.ts'
import { nextDueMs, RETRY_MS } from '../tables/propagation.ts'
import { isListed, readTenant } from '../tables/settings.ts'
import { messageRetentions } from '../tables/webhook-messages.ts'
import { nextOlderSecretMs, purgeOlderSecrets } from '../tables/webhooks.ts'

const MINUTE_MS = 60_000

/** The reasons that are not in the tables. Times are Unix milliseconds; null: not known, or not to be expected. */
export interface Wakes {
  /** A request tells principals right now; the alarm comes for the rest, or in its place should it die. */
  readonly isPropagating: boolean
  /** Rows whose time is over are left from the last alarm. */
  readonly purgesOn: boolean
  /** When the listings of flapping servers are compared anew. */
  readonly compareMs: number | null
  /** When messages to webhooks can be sent. */
  readonly sendMs: number | null
  /** 'nowhere': there is no audit database; a time: a run carries rows, and is dead if it has not ended by then. */
  readonly carrying: 'nowhere' | 'idle' | number
}

/** When the tenant must wake up, in Unix milliseconds, or null for never: the soonest of all there is to wake up for. */
export function nextWakeMs(
  sql: SqlStorage,
  { isPropagating, purgesOn, compareMs, sendMs, carrying }: Wakes,
  nowMs: number,
): number | null {
  const deletion = readTenant(sql)?.deletion ?? null
  // As it was planned, however often it is asked for: it must come.
  if (deletion !== null) return Math.max(deletion.nextRoundMs, nowMs)
  const dueMs = nextDueMs(sql)
  const wakeMs = soonest([
    dueMs !== null && isPropagating ? Math.max(dueMs, nowMs + RETRY_MS) : dueMs,
    compareMs,
    sendMs,
    nextTargetMs(sql),
    purgesOn ? nowMs : nextHousekeepingMs(sql, nowMs),
    isListed(sql) ? null : Math.ceil(nowMs / MINUTE_MS) * MINUTE_MS,
    ...(carrying === 'idle' ? [nextCarryMs(changesLog(sql), nowMs), nextRetentionMs(sql)] : []),
    typeof carrying === 'number' ? carrying : null,
  ])
  return wakeMs === null ? null : Math.max(wakeMs, nowMs)
}

const retentions: readonly Retention[] = [...messageRetentions, approvalRetention]

/** Deletes what has been kept long enough. True when there may be more. */
export function purge(sql: SqlStorage, nowMs: number): boolean {
  purgeOlderSecrets(sql, nowMs)
  return purgeRows(sql, retentions, nowMs)
}

/** At the next full hour at the soonest. */
function nextHousekeepingMs(sql: SqlStorage, nowMs: number): number | null {
  const dueMs = soonest([nextPurgeMs(sql, retentions), nextOlderSecretMs(sql)])
  return dueMs === null ? null : fullHour(Math.max(dueMs, nowMs))
}

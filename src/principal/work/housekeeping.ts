/**
 * The work that a principal does by alarm: it ends sessions whose time is over, drops rows that are no longer needed, and finds the time
 * of the next alarm.
 */
import { nextCarryMs } from '../../audit/carry.ts'
import { readProgress } from '../../audit/progress.ts'
import type { Grant } from '../../contract/grant.ts'
import {
  fullHour,
  nextPurgeMs,
  purgeRows,
  type Retention,
  retention,
  soonest,
} from '../../durable/retention.ts'
import { ROUND_ENDS } from '../../durable/turns.ts'
import { REFUNDABLE_MS } from '../log/calls.ts'
import { eraseOverdueContents, nextContentEndMs } from '../tables/approval-contents.ts'
import { readDestination } from '../tables/destination.ts'
import { endAll } from '../tables/ending.ts'
import { eventRetentions, nextLeaseMs } from '../tables/outbox.ts'
import { overdueSessions } from '../tables/sessions.ts'
import {
  endOverdueTransports,
  openTransportById,
  TRANSPORT_TOUCH_MS,
  touchTransport,
} from '../tables/transports.ts'
import { upstreamsOf } from '../tables/upstream-ending.ts'
import { endIdleUpstreams, nextUpstreamEndMs, STATELESS_IDLE_MS } from '../tables/upstream-session-ends.ts'
import { noteHeard } from '../tables/upstream-sessions.ts'
import { endRevoked } from './revoking.ts'
import { nextRevocationMs } from './sessions-revoking.ts'
import type { PrincipalState } from './state.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** The time that finished rows are kept, so that a person can look into them. */
export const KEEP_MS = {
  /** After the window's end; a clock that steps back a little still finds its counter. */
  counter: DAY_MS,
  endedSession: 30 * DAY_MS,
  /** Command-line clients open one for every command. */
  endedTransport: DAY_MS,
  /** Where there is no audit database. */
  audit: 30 * DAY_MS,
  /** After its time was over. */
  approval: 30 * DAY_MS,
} as const

/** Beyond it the oldest rows go early; a few hundred megabytes of the ten gigabytes that an object may hold. */
const MOST_AUDIT_ROWS = 1_000_000
/**
 * The same for rows that the audit database has not taken yet: hours at full speed. Rows that are dropped then leave a gap that is seen.
 */
const MOST_UNCARRIED_ROWS = 10_000_000

/**
 * A drain usually follows the answer at once; the alarm comes a little later, so that it finds nothing left
 * to do unless that drain died.
 */
export const DRAIN_GRACE_MS = 1_000

/** A run that carries audit rows and has not been heard of for so long is dead. */
export const CARRY_LEASE_MS = 60_000

/** The state of carrying audit rows to the audit database; `nowhere`: there is none. */
export type Carrying = 'nowhere' | 'idle' | 'running'

/**
 * Ends sessions and transports whose time is over, here and upstream, and erases what nobody decides about any more: one round's worth.
 * True when there may be more.
 */
export function endOverdue(principal: PrincipalState, nowMs: number): boolean {
  const { sql, grant, hasStream } = principal
  if (endRevoked(principal, nowMs)) return true
  eraseOverdueContents(sql, nowMs)
  const due = overdueSessions(sql, nowMs, ROUND_ENDS)
  endAll(principal, due, 'idle', nowMs)
  let most = ROUND_ENDS - due.length
  most -= endOverdueTransports(sql, { hasStream, idleMs: idleMsOf(grant), nowMs, most })
  most -= endIdleUpstreams(sql, { hasStream, idleMs: upstreamIdleMs(grant), nowMs, most })
  return most === 0
}

/** Writes down that a transport was used until now, where that is worth a write. Part of a transaction. */
export function noteUse({ sql, grant }: PrincipalState, id: string, nowMs: number): void {
  const transport = openTransportById(sql, id)
  if (transport === null || nowMs - transport.lastSeenAtMs < TRANSPORT_TOUCH_MS) return
  touchTransport(sql, id, idleMsOf(grant), nowMs)
  noteHeard(sql, id, nowMs)
}

/**
 * The idle time of a session with a server that no login keeps. Never shorter than a call may take: use is written when a call begins,
 * and a running call must not be cut off.
 */
export function upstreamIdleMs(grant: Grant | null): number {
  const longestMs = (grant === null ? [] : upstreamsOf(grant.config)).map(
    ({ responseSeconds, callSeconds }) => (responseSeconds + callSeconds) * 1_000,
  )
  return Math.max(STATELESS_IDLE_MS, idleMsOf(grant), ...longestMs)
}

function idleMsOf(grant: Grant | null): number {
  return (grant?.config.settings.sessions.idle_seconds ?? 0) * 1_000
}

const retentions: readonly Retention[] = [
  retention({ table: 'counters', column: 'window_end', keepMs: KEEP_MS.counter }),
  retention({
    table: 'sessions',
    column: 'ended_at',
    rows: 'ended_at IS NOT NULL',
    keepMs: KEEP_MS.endedSession,
  }),
  retention({
    table: 'transports',
    column: 'ended_at',
    rows: 'ended_at IS NOT NULL',
    keepMs: KEEP_MS.endedTransport,
  }),
  ...eventRetentions,
  retention({ table: 'approvals', column: 'expires_at', keepMs: KEEP_MS.approval }),
]

/**
 * Deletes what has been kept long enough, one round's worth. True when there may be more.
 * @param hasAuditDatabase audit rows are carried elsewhere
 */
export function purge(
  { sql, decisionLog }: PrincipalState,
  hasAuditDatabase: boolean,
  nowMs: number,
): boolean {
  if (purgeRows(sql, retentions, nowMs)) return true
  // Decisions stay while they are all that there is, and afterwards only as long as they may be needed for a refund.
  if (hasAuditDatabase) decisionLog.forgetUpTo(readProgress(sql).headSeq, nowMs)
  else if (decisionLog.dropOld(nowMs - KEEP_MS.audit)) return true
  // A looping agent must not fill the object, or no logout could be queued: of very many the newest count.
  return decisionLog.dropBeyond(hasAuditDatabase ? MOST_UNCARRIED_ROWS : MOST_AUDIT_ROWS)
}

/** When the first decision can be deleted, in Unix milliseconds; null: there is none, or it has yet to be carried. */
function nextDropMs({ sql, decisionLog }: Waking, hasAuditDatabase: boolean): number | null {
  const oldestMs = decisionLog.oldestMs()
  if (oldestMs === null) return null
  if (!hasAuditDatabase) return oldestMs + KEEP_MS.audit
  return decisionLog.isOldestUpTo(readProgress(sql).headSeq) ? oldestMs + REFUNDABLE_MS : null
}

/** The parts of a principal that say when it has something to do. */
type Waking = Pick<PrincipalState, 'sql' | 'incarnation' | 'grant' | 'decisionLog' | 'auditLog'>

/**
 * When this principal must wake up, in Unix milliseconds, or null for never: the next session's or transport's end, the next
 * send that Legiti may get, the end of a lease, what upstream servers or stores have to be told, what the tenant has
 * to be told (`tellMs`), audit rows that can be carried, the end of what waits for a person, the end of the grant, or the next full hour after which
 * something can be deleted; at once where the last alarm could not delete all (`purgesOn`).
 */
export function nextWakeMs(
  principal: Waking,
  {
    nowMs,
    carrying,
    tellMs,
    purgesOn,
  }: {
    readonly nowMs: number
    readonly carrying: Carrying
    readonly tellMs: number | null
    readonly purgesOn: boolean
  },
): number | null {
  const { sql, incarnation, grant, auditLog } = principal
  const grantEndMs = grant?.expiresAtMs ?? null
  const purgeMs = soonest([nextPurgeMs(sql, retentions), nextDropMs(principal, carrying !== 'nowhere')])
  const wakeMs = soonest([
    scalar(sql, 'SELECT min(ends_at) AS at FROM sessions WHERE ended_at IS NULL'),
    scalar(sql, 'SELECT min(ends_at) AS at FROM transports WHERE ended_at IS NULL'),
    nextDeliveryMs(sql, incarnation, nowMs),
    nextUpstreamEndMs(sql, upstreamIdleMs(grant), nowMs + DRAIN_GRACE_MS),
    nextRevocationMs(sql, nowMs + DRAIN_GRACE_MS),
    purgeMs === null ? null : purgesOn ? nowMs : fullHour(purgeMs),
    nextContentEndMs(sql),
    tellMs,
    carrying === 'idle' ? nextCarryMs(auditLog, nowMs) : null,
    carrying === 'running' ? nowMs + CARRY_LEASE_MS : null,
    grantEndMs !== null && grantEndMs > nowMs ? grantEndMs : null,
    // The run that revoked it has died on its way.
    grant !== null && grant.revokedAtMs !== null && isAnyLive(sql) ? nowMs : null,
    grant?.olderSecret && grant.olderSecret.untilMs > nowMs ? grant.olderSecret.untilMs : null,
  ])
  return wakeMs === null ? null : Math.max(wakeMs, nowMs)
}

/** Tells whether a session or a transport has not ended, here or upstream. */
function isAnyLive(sql: SqlStorage): boolean {
  const live = (table: string) => `EXISTS (SELECT 1 FROM ${table} WHERE ended_at IS NULL)`
  const any = ['sessions', 'transports', 'upstream_sessions'].map(live).join(' OR ')
  return scalar(sql, `SELECT ${any} AS at`) === 1
}

/** When the next event may be sent, or null when none is pending. */
export function nextDeliveryMs(sql: SqlStorage, incarnation: string, nowMs: number): number | null {
  const leaseMs = nextLeaseMs(sql, incarnation)
  return leaseMs === null ? null : Math.max(nowMs + DRAIN_GRACE_MS, leaseMs, readDestination(sql).retryAtMs)
}

/** How soon to look after rows written now, whatever kind they are. */
export function soonestPurgeMs(nowMs: number): number {
  return nowMs + HOUR_MS
}

/**
 * When a call or a read of the grant was last decided, however that came out, or a session last used; null: neither has been, as
 * far as is written down.
 */
export function lastUsedMs({ sql, decisionLog }: PrincipalState): number | null {
  const seen = scalar(
    sql,
    'SELECT max(at) AS at FROM (SELECT max(last_seen_at) AS at FROM sessions UNION ALL SELECT max(last_seen_at) FROM transports)',
  )
  const decided = decisionLog.decidedAtMs
  return seen === null ? decided : Math.max(seen, decided ?? 0)
}

function scalar(sql: SqlStorage, query: string): number | null {
  return sql.exec<{ at: number | null }>(query).one().at
}

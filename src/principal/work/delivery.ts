import { log } from '../../base/log.ts'
import { roundOf, type Verdict } from '../../durable/retries.ts'
import { inTurns } from '../../durable/turns.ts'
import { askLegiti, type LegitiAnswer } from '../../legiti/client.ts'
import { DELIVERY_TIMEOUT_MS, verdict } from '../../legiti/schedule.ts'
import { type LegitiSettings, settingsDigest } from '../../legiti/settings.ts'
import { toWire } from '../../legiti/wire.ts'
import {
  closeDestination,
  holdDestination,
  isHeld,
  openDestination,
  openForSettings,
  readDestination,
} from '../tables/destination.ts'
import {
  bury,
  buryExpired,
  countPending,
  hasExpired,
  type LeasedEvent,
  lease,
  markDelivered,
  outboxStatus,
  release,
  renewTime,
} from '../tables/outbox.ts'

/** The number of events that are sent at once while Legiti answers. */
const CONCURRENCY = 6

/** A lease outlasts the slowest send by far; only a crash lets one run out. */
export const LEASE_MS = 2 * DELIVERY_TIMEOUT_MS

export interface DeliveryContext {
  readonly sql: SqlStorage
  readonly principal: string
  readonly settings: LegitiSettings
  /** Names this run of the object: leases of others are void. */
  readonly incarnation: string
  /** Runs reads and writes as one transaction. */
  readonly commit: <T>(work: () => T) => Promise<T>
  readonly now: () => number
  readonly random: () => number
}

/**
 * Sends what is due until nothing is, or until Legiti stops taking it. Never throws: whatever goes wrong with
 * one event is written to that event's row.
 */
export async function deliver(context: DeliveryContext): Promise<void> {
  if (context.settings.target.kind === 'off') return hold(context)
  const digest = await settingsDigest(context.settings)
  await renewHeld(context)
  await giveUpExpired(context)
  for (;;) {
    const batch = await context.commit(() => leaseDue(context, digest))
    if (batch.length === 0) return
    const sent = await Promise.all(
      batch.map(async (event) => ({ event, answer: await send(context, event) })),
    )
    const goesOn = await context.commit(() => settle(context, sent))
    if (!goesOn) return
  }
}

/** Keeps what is pending, for as long as there is nobody to send it to: nothing is tried, and nothing is given up. */
async function hold({ sql, principal, commit, now }: DeliveryContext): Promise<void> {
  const nowMs = now()
  if (isHeld(sql) && readDestination(sql).retryAtMs > nowMs) return
  const events = countPending(sql)
  if (events === 0) return
  await commit(() => holdDestination(sql, nowMs))
  log('warn', 'legiti.held', { principal, events })
}

/** Gives events that were held their time again. Until it is done they are held: whoever dies on the way begins anew. */
async function renewHeld({ sql, commit, now }: DeliveryContext): Promise<void> {
  const sinceMs = now()
  if (isHeld(sql)) await inTurns(() => commit(() => renewTime(sql, sinceMs)), Number.POSITIVE_INFINITY)
}

/** Buries what is too old to be worth sending, all of it: nothing of that may be sent. */
async function giveUpExpired({ sql, commit, now, principal }: DeliveryContext): Promise<void> {
  if (!hasExpired(sql, now())) return
  let events = 0
  await inTurns(async () => {
    const { buried, isMore } = await commit(() => buryExpired(sql, now()))
    events += buried
    return isMore
  }, Number.POSITIVE_INFINITY)
  if (events > 0) log('error', 'legiti.gave_up', { principal, events })
}

function leaseDue({ sql, incarnation, now }: DeliveryContext, settings: string): LeasedEvent[] {
  const nowMs = now()
  openForSettings(sql, settings)
  const destination = readDestination(sql)
  if (destination.retryAtMs > nowMs) return []
  // After a failure one event asks whether Legiti is back, so that a long outage costs few calls.
  return lease(
    sql,
    { incarnation, most: destination.failures > 0 ? 1 : CONCURRENCY, leaseMs: LEASE_MS },
    nowMs,
  )
}

interface Sent {
  readonly event: LeasedEvent
  readonly answer: LegitiAnswer
}

async function send({ settings, now }: DeliveryContext, event: LeasedEvent): Promise<LegitiAnswer> {
  const time = { occurredAtMs: event.occurredAtMs, sentAtMs: now() }
  return askLegiti(
    settings.target,
    toWire(settings.profile, event.tool, event.args, time),
    DELIVERY_TIMEOUT_MS,
  )
}

/** Writes down how each event of a round fared. Returns whether to go on with the next round. */
function settle(context: DeliveryContext, sent: readonly Sent[]): boolean {
  const { sql, principal, now, random } = context
  const nowMs = now()
  const round = sent.map(({ event, answer }) => ({ event, judged: judge(answer, nowMs) }))
  for (const { event, judged } of round) {
    switch (judged.kind) {
      case 'delivered':
        markDelivered(sql, event.seq, nowMs)
        break
      case 'dead':
        bury(sql, event.seq, judged.reason, nowMs)
        log('error', 'legiti.dead_letter', {
          principal,
          outbox_event: event.id,
          tool: event.tool,
          reason: judged.reason,
        })
        break
      case 'pause':
      case 'back_off':
        release(sql, event.seq, judged.reason)
    }
  }
  const { isAlive, closed } = roundOf(round.map(({ judged }) => judged))
  if (isAlive || closed === null) openDestination(sql)
  if (closed === null) return true
  const { failures, retryAtMs } = closeDestination(sql, closed, random(), nowMs)
  const level = closed.kind === 'pause' ? 'error' : 'warn'
  log(level, closed.kind === 'pause' ? 'legiti.paused' : 'legiti.backing_off', {
    principal,
    reason: closed.reason,
    failures,
    oldest_pending_seconds: oldestPendingSeconds(sql, nowMs),
    retry_at: new Date(retryAtMs).toISOString(),
  })
  return false
}

/** The time that the oldest event has been waiting: the figure to alert on. */
function oldestPendingSeconds(sql: SqlStorage, nowMs: number): number {
  const { oldestPendingAtMs } = outboxStatus(sql)
  return oldestPendingAtMs === null ? 0 : Math.max(0, Math.floor((nowMs - oldestPendingAtMs) / 1_000))
}

function judge(answer: LegitiAnswer, nowMs: number): Verdict {
  switch (answer.kind) {
    case 'answered':
      return verdict({ status: answer.status, retryAfter: answer.retryAfter }, nowMs)
    case 'unsent':
      return { kind: 'pause', reason: answer.why }
    case 'failed':
      return verdict({ failure: answer.failure === 'timeout' ? 'timeout' : 'network' }, nowMs)
  }
}

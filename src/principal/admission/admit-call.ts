/** The steps of one call: its session, room for what it adds, a person's approval, the counters, the work, the record. */
import { APPROVAL_SECONDS, MOST_PENDING_APPROVALS } from '../../contract/approvals.ts'
import type { AdmitAnswer, AdmitRequest, Intent } from '../../contract/principal.ts'
import { refusalRules, stoppedRules } from '../../contract/refusal-rules.ts'
import { type Reservation, reserve } from '../../policy/counting.ts'
import type { Charge } from '../../policy/model.ts'
import { goesOn, type Held, holdCall, useApproval } from '../tables/approvals.ts'
import { isFull } from '../tables/outbox.ts'
import { upstreamsOf } from '../tables/upstream-ending.ts'
import type { Place } from '../tables/whose.ts'
import type { AdmitContext } from './admit-context.ts'
import { admitted, record } from './admit-record.ts'
import { handleOf, isCrowded, MAX_LIVE_SESSIONS, touch } from './admit-session.ts'
import { endedBy, outcomeAtOnce, perform } from './admit-work.ts'

/** Answers a call that belongs to `given`. */
export function admitCall(
  context: AdmitContext,
  request: AdmitRequest,
  intent: Extract<Intent, { kind: 'call' }>,
  given: Place,
): AdmitAnswer {
  const { sql, nowMs } = context
  const handle = handleOf(request)
  const place = touch(context, given)
  const { transport, session } = place
  const isAdded = intent.work.kind === 'login' && endedBy(context, given, handle).length === 0
  if (isAdded && isCrowded(context)) {
    record(context, request, {
      session: null,
      row: intent,
      decision: 'refuse',
      rule: refusalRules.manySessions,
    })
    return { kind: 'too_many_sessions', max: MAX_LIVE_SESSIONS }
  }

  if (intent.work.kind === 'notify' && isFull(sql)) {
    record(context, request, { session, row: intent, decision: 'refuse', rule: refusalRules.outboxFull })
    return { kind: 'outbox_full' }
  }

  const approval = approvalFor(context, intent, place)
  const approvalId = 'id' in approval ? approval.id : null
  if (approval.kind === 'full') {
    record(context, request, { session, row: intent, decision: 'refuse', rule: refusalRules.manyApprovals })
    return { kind: 'approvals_full', max: MOST_PENDING_APPROVALS }
  }
  if ('approval' in approval) {
    const { id, state, revision } = approval.approval
    const stopped = approval.kind === 'held' ? null : approval.kind
    const decision = stopped !== null ? 'refuse' : state === 'denied' ? 'deny' : 'approval'
    const rule = stopped !== null ? stoppedRules[stopped] : approval.approval.rule
    record(context, request, { session, row: { ...intent, approvalId: id }, decision, rule })
    const ofClient = {
      client: transport?.client ?? null,
      protocolVersion: transport?.protocolVersion ?? null,
    }
    return {
      kind: 'approval',
      approval: approval.approval,
      stopped,
      ...ofClient,
      drain: revision === 1,
    }
  }

  const reservation = count(context, intent.charges, place)
  if (!reservation.ok) {
    record(context, request, {
      session,
      row: { ...intent, approvalId },
      decision: 'limit',
      rule: reservation.limited.rule,
    })
    return { kind: 'limited', limited: reservation.limited }
  }
  // With the charges and the work, or not at all: an approved call is made once.
  if (approval.kind === 'approved')
    useApproval(sql, { id: approval.id, requestId: request.requestId, grant: context.grant.name }, nowMs)
  const { taken, standings } = reservation
  const shadow = [...intent.shadow, ...reservation.shadow]
  const done = perform(context, intent.work, place, handle)
  // A login's row names the session that it started, a logout's the one that it ended.
  const outcome = outcomeAtOnce(intent.work, done.outcome)
  const row = { call: intent.call, shadow, approvalId, ...(outcome === null ? {} : { outcome }) }
  record(context, request, {
    session: done.session ?? session,
    row,
    decision: 'allow',
    rule: intent.rule,
    taken,
  })
  return admitted(context, { transport, session: done.session }, done.outcome, {
    drain: done.drain || approval.kind === 'approved',
    // An approval that was used for nothing is given back like a charge.
    charged: taken.length > 0 || approval.kind === 'approved',
    standings,
  })
}

/** Tells whether a person must be asked before this call is made, and what that person has said. */
function approvalFor(
  { sql, grant, config, client, nowMs, newId }: AdmitContext,
  { approval, begunBy, call }: Extract<Intent, { kind: 'call' }>,
  { transport, session }: Place,
): Held | { readonly kind: 'unasked' } {
  // Also where the policy would ask nobody now: what a person has denied meanwhile does not go on.
  // (A Worker of an earlier version, while this one is rolled out, does not say it: then it is a call of its own.)
  if (typeof begunBy === 'string') return goesOn({ sql, grant: grant.name, nowMs }, begunBy)
  if (approval === null) return { kind: 'unasked' }
  // Settings that were stored before there were approvals do not have them.
  const seconds = config.settings.approvals?.expires_seconds ?? APPROVAL_SECONDS
  const ofGrant = { sql, grant: grant.name, configVersion: config.version }
  return holdCall(
    { ...ofGrant, expiresInMs: seconds * 1_000, grantEndsMs: grant.expiresAtMs, nowMs, newId },
    {
      transport: transport?.id ?? null,
      sessionId: session?.id ?? null,
      account: session?.account ?? null,
      incarnation: upstreamsOf(config).find(({ name }) => name === call.server)?.incarnation ?? '',
      client,
      call,
      asked: approval,
    },
  )
}

/**
 * Takes what the call is charged from its counters, or nothing at all. Calls that belong to no login are counted by their
 * transport, as long as that lives: whoever logs out finds there what was used up before.
 */
function count(
  context: AdmitContext,
  charges: readonly Charge[],
  { transport, session }: Place,
): Reservation {
  const subject = { session: session?.id ?? transport?.id ?? null, account: session?.account ?? null }
  return reserve(context.decisionLog.counters, charges, subject, context.nowMs)
}

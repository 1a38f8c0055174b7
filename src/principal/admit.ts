/**
 * The one question of the hot path, answered in one transaction: may this request go on, and, where the work
 * is the principal's own, do it. Synchronous from end to end: what it decides and what it writes belong
 * together.
 */
import { APPROVAL_SECONDS, MOST_PENDING_APPROVALS } from '../approvals/contract.ts'
import { type Reservation, reserve, type Standing, type Taken } from '../policy/counting.ts'
import type { Charge } from '../policy/model.ts'
import type { TenantConfig } from '../tenant/config.ts'
import { type Held, holdCall, useApproval } from './approvals.ts'
import { type AuditEntry, settleCalls, writeAudit } from './audit.ts'
import type {
  AdmitAnswer,
  AdmitRequest,
  CallOutcomeKind,
  Intent,
  SessionView,
  Work,
  WorkOutcome,
} from './contract.ts'
import { counterStore } from './counters.ts'
import { end } from './ending.ts'
import type { Grant } from './grants.ts'
import { enqueue, isFull } from './outbox.ts'
import {
  countLive,
  type Lifetimes,
  liveById,
  liveByTransport,
  logInSession,
  markListed,
  type Session,
  startSession,
  touchSession,
  viewOf,
} from './sessions.ts'
import { isLoggedOut, keepEvidence } from './sessions-evidence.ts'
import { effectiveConfig, suspendedRule } from './suspension.ts'
import { upstreamsOf } from './upstream-ending.ts'
import { useUpstream } from './upstream-sessions.ts'

/** More live sessions than any one agent has use for; beyond it, no new one starts. */
export const MAX_LIVE_SESSIONS = 10_000

/** A request that writes nothing else postpones the idle expiry only once in so much of the idle time. */
const TOUCH_FRACTION = 60

/** What the transaction needs from outside: it has no clock and no randomness of its own. */
export interface AdmitContext {
  readonly sql: SqlStorage
  readonly grant: Grant
  /** The tenant's current configuration for this grant. */
  readonly config: TenantConfig
  readonly nowMs: number
  readonly newId: () => string
  /** Tell Legiti of logins. */
  readonly reportLogins: boolean
}

/** Answers an authenticated request. */
export function admit(context: AdmitContext, request: AdmitRequest): AdmitAnswer {
  // What happened earlier is written down whatever becomes of this request.
  settleCalls(context.sql, request.settled)
  const answer = decide(context, request)
  if (request.upstream === null || answer.kind !== 'admitted') return answer
  const { server, owner: named } = request.upstream
  const owner = named ?? (request.transport === null ? null : (answer.admitted.session?.id ?? null))
  if (owner === null) return answer
  const url = upstreamsOf(context.config).find(({ name }) => name === server)?.url
  if (url === undefined) return answer
  const upstream = useUpstream(context.sql, { owner, server, url }, context.nowMs)
  return { kind: 'admitted', admitted: { ...answer.admitted, upstream } }
}

function decide(context: AdmitContext, request: AdmitRequest): AdmitAnswer {
  const { sql, nowMs } = context
  const { intent } = request
  const config = effectiveConfig(context.config)
  const isCall = intent.kind === 'call' || intent.kind === 'refuse'
  const isSuspended = config.suspended === true
  if (isSuspended && !isCall && intent.kind !== 'configure') return { kind: 'suspended' }
  // Before the session is looked at: a call that is refused for its session is on record, so it must be known what it was.
  if (intent.kind === 'configure') return { kind: 'stale', config: JSON.stringify(config) }
  const isStale = request.configVersion !== null && request.configVersion !== config.version
  let session: Session | null = null
  if (request.transport !== null) session = liveByTransport(sql, request.transport, nowMs)
  if (isSuspended && isCall && !isStale) return suspended(context, request, intent, session)
  if (request.transport !== null && session === null && !isSuspended) {
    if (isCall) audit(context, request, null, intent, 'refuse', '(session ended)')
    return { kind: 'dead_session' }
  }
  if (isStale) return { kind: 'stale', config: JSON.stringify(config) }

  const different = differentContext(context, intent, session)
  if (different !== null) return different

  switch (intent.kind) {
    case 'check':
      return admitted(context, touchSometimes(context, session), { kind: 'none' })
    case 'open':
      return open(context, intent)
    case 'close':
      if (session !== null) end(sql, session, 'deleted', nowMs)
      return admitted(context, null, { kind: 'closed' }, { drain: true })
    case 'list':
      return list(context, session)
    case 'refuse':
      audit(context, request, session, intent, intent.decision, intent.rule)
      return admitted(context, touch(context, session), { kind: 'none' })
    case 'call':
      return call(context, request, intent, session)
  }
}

/** A call while the tenant is suspended: what the Worker made of it does not matter. */
function suspended(
  context: AdmitContext,
  request: AdmitRequest,
  intent: Extract<Intent, { kind: 'call' | 'refuse' }>,
  onTransport: Session | null,
): AdmitAnswer {
  const { sql, nowMs } = context
  const rule = suspendedRule(sql, nowMs)
  if (rule !== null) {
    const handle = intent.kind === 'call' ? intent.handle : (intent.assumed?.handle ?? null)
    const session = onTransport ?? (handle === null ? null : liveById(sql, handle, nowMs))
    audit(context, request, session, { call: intent.call, shadow: [] }, 'refuse', rule)
  }
  return { kind: 'suspended' }
}

function open(
  context: AdmitContext,
  { protocolVersion, client }: Extract<Intent, { kind: 'open' }>,
): AdmitAnswer {
  const { sql, nowMs, newId } = context
  if (countLive(sql) >= MAX_LIVE_SESSIONS) return { kind: 'too_many_sessions', max: MAX_LIVE_SESSIONS }
  const transport = newId()
  const start = {
    id: sessionId(context),
    transport,
    protocolVersion,
    account: null,
    provider: null,
    listedVersion: null,
    client,
  }
  const session = startSession(sql, start, lifetimes(context), nowMs)
  return admitted(context, session, { kind: 'opened', transport })
}

function list(context: AdmitContext, session: Session | null): AdmitAnswer {
  if (session !== null && session.listedVersion !== context.config.version) {
    markListed(context.sql, session, context.config.version)
  }
  return admitted(context, touchSometimes(context, session), { kind: 'none' })
}

function call(
  context: AdmitContext,
  request: AdmitRequest,
  intent: Extract<Intent, { kind: 'call' }>,
  onTransport: Session | null,
): AdmitAnswer {
  const { sql, nowMs } = context
  const named = intent.handle === null ? null : liveById(sql, intent.handle, nowMs)
  // On a transport its own session is meant: a handle that names another is a mistake, whatever the tool.
  const isDead = intent.handle !== null && (named === null || (onTransport ?? named).id !== named.id)
  if (isDead && (onTransport !== null || !toleratesDeadHandle(intent.work))) {
    audit(context, request, onTransport, intent, 'refuse', '(session ended)')
    return { kind: 'dead_handle' }
  }
  const session = touchSometimes(context, isDead ? null : (onTransport ?? named))
  if (intent.work.kind === 'login' && session === null && countLive(sql) >= MAX_LIVE_SESSIONS) {
    audit(context, request, null, intent, 'refuse', '(too many sessions)')
    return { kind: 'too_many_sessions', max: MAX_LIVE_SESSIONS }
  }

  if (intent.work.kind === 'notify' && isFull(sql)) {
    audit(context, request, session, intent, 'refuse', '(outbox full)')
    return { kind: 'outbox_full' }
  }

  const approval = approvalFor(context, intent, session)
  if (approval.kind === 'full') {
    audit(context, request, session, intent, 'refuse', '(too many approvals)')
    return { kind: 'approvals_full', max: MOST_PENDING_APPROVALS }
  }
  if (approval.kind === 'held') {
    const { state, revision } = approval.approval
    audit(context, request, session, intent, state === 'denied' ? 'deny' : 'approval', intent.rule)
    const ofClient = { client: session?.client ?? null, protocolVersion: session?.protocolVersion ?? null }
    return { kind: 'approval', approval: approval.approval, ...ofClient, drain: revision === 1 }
  }

  const reservation = reserveFor(context, intent.charges, session)
  if (!reservation.ok) {
    audit(context, request, session, intent, 'limit', reservation.limited.rule)
    return { kind: 'limited', limited: reservation.limited }
  }
  // With the charges and the work, or not at all: an approved call is made once.
  if (approval.kind === 'approved')
    useApproval(sql, approval.id, request.requestId, context.grant.name, nowMs)
  const { taken, standings } = reservation
  const shadow = [...intent.shadow, ...reservation.shadow]
  const done = perform(context, intent.work, session)
  // A login's row names the session that it started, a logout's the one that it ended.
  const outcome = outcomeAtOnce(intent.work)
  const row = { call: intent.call, shadow, ...(outcome === null ? {} : { outcome }) }
  audit(context, request, done.session ?? session, row, 'allow', intent.rule, taken)
  return admitted(context, done.session, done.outcome, {
    drain: done.drain || approval.kind === 'approved',
    // An approval that was used for nothing is given back like a charge.
    charged: taken.length > 0 || approval.kind === 'approved',
    standings,
  })
}

/** Whether a person must be asked before this call is made, and what that person has said. */
function approvalFor(
  { sql, grant, config, nowMs, newId }: AdmitContext,
  { approval, call, rule }: Extract<Intent, { kind: 'call' }>,
  session: Session | null,
): Held | { readonly kind: 'unasked' } {
  if (approval === null) return { kind: 'unasked' }
  // Settings that were stored before there were approvals do not have them.
  const seconds = config.settings.approvals?.expires_seconds ?? APPROVAL_SECONDS
  const ofGrant = { sql, grant: grant.name, configVersion: config.version }
  return holdCall(
    { ...ofGrant, expiresInMs: seconds * 1_000, nowMs, newId },
    { sessionId: session?.id ?? null, account: session?.account ?? null, call, asked: approval, rule },
  )
}

function reserveFor(context: AdmitContext, charges: readonly Charge[], session: Session | null): Reservation {
  const subject = { session: session?.id ?? null, account: session?.account ?? null }
  return reserve(counterStore(context.sql), charges, subject, context.nowMs)
}

/** The account and label, where the Worker decided by others: nothing of that decision counts. */
function differentContext(
  { sql, grant, nowMs }: AdmitContext,
  intent: Intent,
  onTransport: Session | null,
): AdmitAnswer | null {
  if ((intent.kind !== 'call' && intent.kind !== 'refuse') || intent.assumed === null) return null
  const { account: assumed, label, handle } = intent.assumed
  const session = onTransport ?? (handle === null ? null : liveById(sql, handle, nowMs))
  const account = session?.account ?? null
  return account === assumed && grant.label === label
    ? null
    : { kind: 'context', account, label: grant.label }
}

/** In the stateless era the session tools have an answer for a handle that is dead; every other tool is refused. */
function toleratesDeadHandle(work: Work): boolean {
  return (
    work.kind === 'logout' || work.kind === 'whoami' || work.kind === 'login' || work.kind === 'login_failed'
  )
}

/** What the principal does itself is done with the row; how anything else ends, somebody will say. */
function outcomeAtOnce({ kind }: Work): CallOutcomeKind | null {
  if (kind === 'none') return null
  return kind === 'login_failed' ? 'tool_error' : 'result'
}

interface Done {
  readonly session: Session | null
  readonly outcome: WorkOutcome
  readonly drain: boolean
}

/** Does the principal's own part of a call. */
function perform(context: AdmitContext, work: Work, session: Session | null): Done {
  const { sql, nowMs, newId } = context
  switch (work.kind) {
    case 'none':
    case 'whoami':
      return { session, outcome: { kind: 'none' }, drain: false }
    case 'login':
      return login(context, work, session)
    case 'login_failed': {
      const drain =
        work.account !== null && reportLogin(context, `login_failed:${newId()}`, work.account, false)
      return { session, outcome: { kind: 'none' }, drain }
    }
    case 'logout': {
      const ended = session !== null && session.account !== null && end(sql, session, 'logout', nowMs)
      if (!ended) return { session, outcome: { kind: 'logged_out', ended: null }, drain: false }
      return { session: null, outcome: { kind: 'logged_out', ended: viewOf(session) }, drain: true }
    }
    case 'notify': {
      const event = `evt_${newId()}`
      enqueue(sql, { id: event, tool: work.tool, args: work.args, occurredAtMs: nowMs })
      return { session, outcome: { kind: 'accepted', event }, drain: true }
    }
  }
}

/** A login in a session that has an account rotates it: the old one ends properly, a new one takes its place. */
function login(context: AdmitContext, work: Extract<Work, { kind: 'login' }>, session: Session | null): Done {
  const { sql, nowMs } = context
  if (work.evidence !== undefined && isLoggedOut(sql, work.evidence))
    return { session, outcome: { kind: 'login_refused' }, drain: false }
  let current: Session
  let endedSession: string | null = null
  if (session !== null && session.account === null) {
    current = logInSession(sql, session, work, lifetimes(context), nowMs)
  } else {
    if (session !== null && end(sql, session, 'rotated', nowMs)) endedSession = session.id
    const start = {
      id: sessionId(context),
      transport: session?.transport ?? null,
      protocolVersion: session?.protocolVersion ?? null,
      account: work.account,
      provider: work.provider,
      listedVersion: session?.listedVersion ?? null,
      client: session?.client ?? null,
    }
    current = startSession(sql, start, lifetimes(context), nowMs)
  }
  if (work.evidence !== undefined) keepEvidence(sql, current.id, work.evidence)
  const reported = reportLogin(context, `login:${current.id}`, work.account, true)
  return {
    session: current,
    outcome: { kind: 'logged_in', endedSession },
    drain: reported || endedSession !== null,
  }
}

function reportLogin(context: AdmitContext, id: string, account: string, success: boolean): boolean {
  if (!context.reportLogins) return false
  const args = { account_id: account, success }
  return enqueue(context.sql, { id, tool: 'track_login', args, occurredAtMs: context.nowMs })
}

function audit(
  context: AdmitContext,
  request: AdmitRequest,
  session: Session | null,
  row: Pick<AuditEntry, 'call' | 'shadow' | 'outcome'>,
  decision: AuditEntry['decision'],
  rule: string,
  taken: readonly Taken[] = [],
): void {
  writeAudit(context.sql, {
    atMs: context.nowMs,
    requestId: request.requestId,
    sessionId: session?.id ?? null,
    account: session?.account ?? null,
    call: row.call,
    decision,
    rule,
    configVersion: context.config.version,
    taken,
    shadow: row.shadow,
    ...(row.outcome === undefined ? {} : { outcome: row.outcome }),
  })
}

function admitted(
  context: AdmitContext,
  session: Session | null,
  outcome: WorkOutcome,
  { drain = false, charged = false, standings = [] as readonly Standing[] } = {},
): AdmitAnswer {
  const view: SessionView | null = session === null ? null : viewOf(session)
  const { label, tenant } = context.grant
  const standing = { session: view, outcome, drain, charged, standings }
  const client = session?.client ?? null
  return { kind: 'admitted', admitted: { label, tenant, ...standing, upstream: null, client } }
}

function touch(context: AdmitContext, session: Session | null): Session | null {
  return session === null ? null : touchSession(context.sql, session, context.nowMs)
}

function touchSometimes(context: AdmitContext, session: Session | null): Session | null {
  if (session === null || context.nowMs - session.lastSeenAtMs < session.idleMs / TOUCH_FRACTION)
    return session
  return touch(context, session)
}

function lifetimes({ config }: AdmitContext): Lifetimes {
  const { idle_seconds, absolute_seconds } = config.settings.sessions
  return { idleMs: idle_seconds * 1_000, absoluteMs: absolute_seconds * 1_000 }
}

function sessionId({ newId }: AdmitContext): string {
  return `ses_${newId()}`
}

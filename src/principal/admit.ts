/**
 * The one question of the hot path, answered in one transaction: may this request go on, and, where the work
 * is the principal's own, do it. Synchronous from end to end: what it decides and what it writes belong
 * together.
 */
import { admitCall } from './admit-call.ts'
import type { AdmitContext } from './admit-context.ts'
import { admitted, record } from './admit-record.ts'
import { begin, isCrowded, MAX_LIVE_SESSIONS, touch, touchSometimes } from './admit-session.ts'
import { settleCalls } from './audit.ts'
import type { AdmitAnswer, AdmitRequest, Admitted, Intent } from './contract.ts'
import { end } from './ending.ts'
import { liveById, liveByTransport, markListed, type Session } from './sessions.ts'
import { effectiveConfig, suspendedRule } from './suspension.ts'
import { upstreamsOf } from './upstream-ending.ts'
import { useUpstream } from './upstream-sessions.ts'

/** Answers an authenticated request. */
export function admit(context: AdmitContext, request: AdmitRequest): AdmitAnswer {
  // What happened earlier is written down whatever becomes of this request.
  settleCalls(context.sql, request.settled)
  const answer = decide(context, request)
  return request.upstream === null || answer.kind !== 'admitted'
    ? answer
    : { kind: 'admitted', admitted: withUpstream(context, request, request.upstream, answer.admitted) }
}

/** The answer with the session that its upstream is to be spoken to in, where there is one. */
function withUpstream(
  context: AdmitContext,
  request: AdmitRequest,
  { server, owner: named }: NonNullable<AdmitRequest['upstream']>,
  answer: Admitted,
): Admitted {
  const owner = named ?? (request.transport === null ? null : (answer.session?.id ?? null))
  if (owner === null) return answer
  const upstream = upstreamsOf(context.config).find(({ name }) => name === server)
  if (upstream === undefined) return answer
  const { url, incarnation = '' } = upstream
  return { ...answer, upstream: useUpstream(context.sql, { owner, server, url, incarnation }, context.nowMs) }
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
    if (isCall) record(context, request, null, intent, 'refuse', '(session ended)')
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
      record(context, request, session, intent, intent.decision, intent.rule)
      return admitted(context, touch(context, session), { kind: 'none' })
    case 'call':
      return admitCall(context, request, intent, session)
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
    record(context, request, session, { call: intent.call, shadow: [] }, 'refuse', rule)
  }
  return { kind: 'suspended' }
}

function open(
  context: AdmitContext,
  { protocolVersion, client }: Extract<Intent, { kind: 'open' }>,
): AdmitAnswer {
  if (isCrowded(context)) return { kind: 'too_many_sessions', max: MAX_LIVE_SESSIONS }
  const transport = context.newId()
  const unknown = { account: null, provider: null, listedVersion: null }
  const session = begin(context, { transport, protocolVersion, client, ...unknown })
  return admitted(context, session, { kind: 'opened', transport })
}

function list(context: AdmitContext, session: Session | null): AdmitAnswer {
  if (session !== null && session.listedVersion !== context.config.version) {
    markListed(context.sql, session, context.config.version)
  }
  return admitted(context, touchSometimes(context, session), { kind: 'none' })
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

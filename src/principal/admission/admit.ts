/**
 * The one question of the hot path, answered in one transaction: may this request go on, and, where the work
 * is the principal's own, do it. Synchronous from end to end: what it decides and what it writes belong
 * together.
 */
import type { AdmitAnswer, AdmitRequest, Admitted, AskedUpstream, Intent } from '../../contract/principal.ts'
import { refusalRules } from '../../contract/refusal-rules.ts'
import { sessionModeOf } from '../../contract/session-mode.ts'
import { endAll } from '../tables/ending.ts'
import { type Session, sessionsWhere } from '../tables/sessions.ts'
import { effectiveConfig, suspendedRule } from '../tables/suspension.ts'
import { endTransport, markListed } from '../tables/transports.ts'
import { upstreamsOf } from '../tables/upstream-ending.ts'
import { upstreamsOfTransport, useUpstream } from '../tables/upstream-sessions.ts'
import type { Place } from '../tables/whose.ts'
import { admitCall } from './admit-call.ts'
import type { AdmitContext } from './admit-context.ts'
import { admitted, record } from './admit-record.ts'
import { clientOf, connect, find, MAX_LIVE_TRANSPORTS, touch } from './admit-session.ts'

/** All but what is found on the way. */
type Given = Omit<AdmitContext, 'client'>

/** Answers an authenticated request. */
export function admit(context: Given, request: AdmitRequest): AdmitAnswer {
  // Earlier outcomes are written whatever the decision on this request.
  context.decisionLog.settle(request.settled, context.nowMs)
  const answer = decide(context, request)
  return request.upstream === null || answer.kind !== 'admitted'
    ? answer
    : { kind: 'admitted', admitted: withUpstream(context, request, request.upstream, answer.admitted) }
}

/** The answer with the session that its upstream is to be spoken to in, where there is one. */
function withUpstream(
  context: Given,
  request: AdmitRequest,
  { server, owner: named, asker, isForAll }: AskedUpstream,
  answer: Admitted,
): Admitted {
  const owner = named ?? request.transport
  if (owner === null) return answer
  const upstream = upstreamsOf(context.config).find(({ name }) => name === server)
  if (upstream === undefined) return answer
  const { url, incarnation = '' } = upstream
  const { sql, rows, nowMs } = context
  const at = { owner, server, url, incarnation }
  const found = useUpstream(rows, { ...at, session: answer.session?.id ?? '' }, nowMs)
  // Another session than the one that has asked is not told.
  const own = asker === undefined || found?.tag === asker ? found : null
  const all = isForAll === true ? { upstreams: upstreamsOfTransport(sql, at, nowMs) } : {}
  return { ...answer, upstream: own, ...all }
}

function decide(given: Given, request: AdmitRequest): AdmitAnswer {
  const { intent } = request
  const config = effectiveConfig(given.config)
  const isCall = intent.kind === 'call' || intent.kind === 'refuse'
  const isSuspended = config.suspended === true
  if (isSuspended && !isCall && intent.kind !== 'configure') return { kind: 'suspended' }
  // Before the session is looked at: a call that is refused for its session is on record, so it must be known what it was.
  if (intent.kind === 'configure') return { kind: 'stale', config: JSON.stringify(config) }
  const isStale = request.configVersion !== null && request.configVersion !== config.version
  const found = find(given, request)
  const context = { ...given, client: isCall ? clientOf(given, request, found) : null }
  const place = found.kind === 'dead_transport' ? NOWHERE : found.place
  if (isSuspended && isCall && !isStale) return suspended(context, request, intent, place.session)
  if (found.kind === 'dead_transport' && !isSuspended) {
    if (isCall)
      record(context, request, {
        session: null,
        row: intent,
        decision: 'refuse',
        rule: refusalRules.deadSession,
      })
    return { kind: 'dead_session' }
  }
  if (isStale) return { kind: 'stale', config: JSON.stringify(config) }
  if (found.kind === 'dead_handle') {
    if (isCall)
      record(context, request, {
        session: null,
        row: intent,
        decision: 'refuse',
        rule: refusalRules.deadSession,
      })
    return { kind: 'dead_handle' }
  }

  const different = differentContext(context, intent, place)
  if (different !== null) return different

  switch (intent.kind) {
    case 'check':
      return admitted(context, touch(context, place), { kind: 'none' })
    case 'open':
      return open(context, intent)
    case 'close':
      return close(context, place)
    case 'list':
      return list(context, place)
    case 'refuse':
      record(context, request, {
        session: place.session,
        row: intent,
        decision: intent.decision,
        rule: intent.rule,
      })
      return admitted(context, touch(context, place), { kind: 'none' })
    case 'call':
      return admitCall(context, request, intent, place)
  }
}

const NOWHERE: Place = { transport: null, session: null }

/** A call while the tenant is suspended: what the Worker made of it does not matter. */
function suspended(
  context: AdmitContext,
  request: AdmitRequest,
  { call }: Extract<Intent, { kind: 'call' | 'refuse' }>,
  session: Session | null,
): AdmitAnswer {
  const counted = suspendedRule(context.decisionLog.counters, context.nowMs)
  if (counted !== null)
    record(context, request, { session, row: { call, shadow: [] }, decision: 'refuse', ...counted })
  return { kind: 'suspended' }
}

function open(context: AdmitContext, said: Extract<Intent, { kind: 'open' }>): AdmitAnswer {
  const { protocolVersion, client } = said
  const transport = connect(context, { protocolVersion, client })
  if (transport === null) return { kind: 'too_many_sessions', max: MAX_LIVE_TRANSPORTS }
  return admitted(context, { transport, session: null }, { kind: 'opened', transport: transport.id })
}

/**
 * DELETE: the client is done with its transport, and with the logins that were made on it. A login that is the whole grant's
 * stays: command-line clients close their connection after every command.
 */
function close(context: AdmitContext, { transport }: Place): AdmitAnswer {
  const { sql, config, nowMs } = context
  if (transport !== null) {
    if (sessionModeOf(config) !== 'one')
      endAll(
        context,
        sessionsWhere(sql, 'transport = ? AND ended_at IS NULL', transport.id),
        'deleted',
        nowMs,
      )
    endTransport(sql, transport.id, nowMs)
  }
  return admitted(context, NOWHERE, { kind: 'closed' }, { drain: true })
}

function list(context: AdmitContext, place: Place): AdmitAnswer {
  const { transport } = place
  if (transport !== null && transport.listedVersion !== context.config.version)
    markListed(context.sql, transport.id, context.config.version)
  return admitted(context, touch(context, place), { kind: 'none' })
}

/** The account and label, where the Worker decided by others: nothing of that decision counts. */
function differentContext({ grant }: AdmitContext, intent: Intent, { session }: Place): AdmitAnswer | null {
  if ((intent.kind !== 'call' && intent.kind !== 'refuse') || intent.assumed === null) return null
  const { account: assumed, label } = intent.assumed
  const account = session?.account ?? null
  return account === assumed && grant.label === label
    ? null
    : { kind: 'context', account, label: grant.label }
}

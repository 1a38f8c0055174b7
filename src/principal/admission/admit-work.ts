/** The work step: what the principal itself does for a call that was let through. */
import type { CallOutcomeKind, Work, WorkOutcome } from '../../contract/principal.ts'
import { sessionModeOf } from '../../contract/session-mode.ts'
import { endAll } from '../tables/ending.ts'
import { enqueue } from '../tables/outbox.ts'
import { countInTime, type Session, sessionsWhere, viewOf } from '../tables/sessions.ts'
import { isLoggedOut, keepEvidence } from '../tables/sessions-evidence.ts'
import { takeOverUpstreams } from '../tables/upstream-sessions.ts'
import { candidates, type Place } from '../tables/whose.ts'
import type { AdmitContext } from './admit-context.ts'
import { begin } from './admit-session.ts'

/** Returns the outcome that is known at once: the principal's own work is done with the row; any other outcome is reported later. */
export function outcomeAtOnce({ kind }: Work, outcome: WorkOutcome): CallOutcomeKind | null {
  if (kind === 'none') return null
  const isRefused =
    kind === 'login_failed' ||
    outcome.kind === 'login_refused' ||
    (kind === 'logout' && outcome.kind === 'unnamed')
  return isRefused ? 'tool_error' : 'result'
}

/** The result of the work. */
export interface Done {
  readonly session: Session | null
  readonly outcome: WorkOutcome
  readonly drain: boolean
}

/**
 * Does the principal's own part of a call.
 *
 * @param handle the session that the call names, or null: it names none
 */
export function perform(context: AdmitContext, work: Work, place: Place, handle: string | null): Done {
  const { sql, nowMs, newId } = context
  const { session } = place
  switch (work.kind) {
    case 'none':
      return { session, outcome: { kind: 'none' }, drain: false }
    case 'whoami':
      return { session, outcome: unnamed(context, handle) ?? { kind: 'none' }, drain: false }
    case 'login':
      return login(context, work, place, handle)
    case 'login_failed': {
      const drain =
        work.account !== null && reportLogin(context, `login_failed:${newId()}`, work.account, false)
      return { session, outcome: { kind: 'none' }, drain }
    }
    case 'logout': {
      const nobody = unnamed(context, handle)
      if (nobody !== null) return { session: null, outcome: nobody, drain: false }
      const ended = endAll(context, endedBy(context, place, handle), 'logout', nowMs)
      const view = session === null ? null : viewOf(session, place.transport?.protocolVersion ?? null)
      return { session: null, outcome: { kind: 'logged_out', ended: view }, drain: ended > 0 }
    }
    case 'notify': {
      const event = `evt_${newId()}`
      enqueue(sql, { id: event, tool: work.tool, args: work.args, occurredAtMs: nowMs })
      return { session, outcome: { kind: 'accepted', event }, drain: true }
    }
  }
}

/** Returns the refusal of a call that names no session where each must; null for any other call. */
function unnamed({ sql, config, nowMs }: AdmitContext, handle: string | null): WorkOutcome | null {
  if (handle !== null || sessionModeOf(config) !== 'many') return null
  return { kind: 'unnamed', live: countInTime(sql, nowMs) }
}

/**
 * Returns the sessions that a login or a logout ends: the named one, or those that a call without a name may belong to, so that none of
 * them takes its place. Where a grant has one account at a time those are all of them, whatever is named.
 */
export function endedBy(
  { sql, config }: AdmitContext,
  { transport, session }: Place,
  handle: string | null,
): Session[] {
  const mode = sessionModeOf(config)
  if (handle !== null && mode !== 'one') return session === null ? [] : [session]
  const which = candidates(mode, transport?.id ?? null)
  return which === null ? [] : sessionsWhere(sql, `${which.where} AND ended_at IS NULL`, ...which.values)
}

/** A login where there is one already rotates it: the old one ends properly, and a new one takes its place. */
function login(
  context: AdmitContext,
  work: Extract<Work, { kind: 'login' }>,
  place: Place,
  handle: string | null,
): Done {
  const { sql, nowMs } = context
  const { session: before } = place
  if (work.evidence !== undefined && isLoggedOut(sql, work.evidence))
    return { session: before, outcome: { kind: 'login_refused' }, drain: false }
  const ended = endAll(context, endedBy(context, place, handle), 'rotated', nowMs)
  // One that is named may have been made elsewhere, and is replaced there.
  const transport = handle === null ? (place.transport?.id ?? null) : (before?.transport ?? null)
  const { account, provider } = work
  const current = begin(context, { transport, account, provider })
  const isFirst = before === null && transport !== null && sessionModeOf(context.config) !== 'many'
  if (isFirst) takeOverUpstreams(sql, transport, current.id)
  if (work.evidence !== undefined) keepEvidence(sql, current.id, work.evidence)
  const reported = reportLogin(context, `login:${current.id}`, work.account, true)
  return {
    session: current,
    outcome: { kind: 'logged_in', endedSession: before?.id ?? null },
    drain: reported || ended > 0,
  }
}

function reportLogin(context: AdmitContext, id: string, account: string, success: boolean): boolean {
  if (!context.hasLegiti || !context.reportLogins) return false
  const args = { account_id: account, success }
  return enqueue(context.sql, { id, tool: 'track_login', args, occurredAtMs: context.nowMs })
}

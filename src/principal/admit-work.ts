/** The work step: what the principal itself does for a call that was let through. */
import type { AdmitContext } from './admit-context.ts'
import { begin, lifetimes } from './admit-session.ts'
import type { CallOutcomeKind, Work, WorkOutcome } from './contract.ts'
import { end } from './ending.ts'
import { enqueue } from './outbox.ts'
import { logInSession, type Session, viewOf } from './sessions.ts'
import { isLoggedOut, keepEvidence } from './sessions-evidence.ts'

/** In the stateless era the session tools have an answer for a handle that is dead; every other tool is refused. */
export function toleratesDeadHandle(work: Work): boolean {
  return (
    work.kind === 'logout' || work.kind === 'whoami' || work.kind === 'login' || work.kind === 'login_failed'
  )
}

/** What the principal does itself is done with the row; how anything else ends, somebody will say. */
export function outcomeAtOnce({ kind }: Work): CallOutcomeKind | null {
  if (kind === 'none') return null
  return kind === 'login_failed' ? 'tool_error' : 'result'
}

/** What came of the work. */
export interface Done {
  readonly session: Session | null
  readonly outcome: WorkOutcome
  readonly drain: boolean
}

/** Does the principal's own part of a call. */
export function perform(context: AdmitContext, work: Work, session: Session | null): Done {
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
    current = begin(context, {
      transport: session?.transport ?? null,
      protocolVersion: session?.protocolVersion ?? null,
      account: work.account,
      provider: work.provider,
      listedVersion: session?.listedVersion ?? null,
      client: session?.client ?? null,
    })
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

/** The session step: the live session that a request is in, kept alive or begun. */
import type { AdmitContext } from './admit-context.ts'
import { countLive, type Lifetimes, type Session, startSession, touchSession } from './sessions.ts'

/** More live sessions than any one agent has use for; beyond it, no new one starts. */
export const MAX_LIVE_SESSIONS = 10_000

/** A request that writes nothing else postpones the idle expiry only once in so much of the idle time. */
const TOUCH_FRACTION = 60

/** Whether no new session may start. */
export function isCrowded({ sql }: AdmitContext): boolean {
  return countLive(sql) >= MAX_LIVE_SESSIONS
}

/** Starts a session with the tenant's lifetimes. */
export function begin(context: AdmitContext, start: Omit<Parameters<typeof startSession>[1], 'id'>): Session {
  const id = `ses_${context.newId()}`
  return startSession(context.sql, { id, ...start }, lifetimes(context), context.nowMs)
}

/** Postpones the idle expiry. */
export function touch(context: AdmitContext, session: Session | null): Session | null {
  return session === null ? null : touchSession(context.sql, session, context.nowMs)
}

/** Postpones the idle expiry, where that is worth a write. */
export function touchSometimes(context: AdmitContext, session: Session | null): Session | null {
  if (session === null || context.nowMs - session.lastSeenAtMs < session.idleMs / TOUCH_FRACTION)
    return session
  return touch(context, session)
}

/** How long a session of this tenant may live. */
export function lifetimes({ config }: AdmitContext): Lifetimes {
  const { idle_seconds, absolute_seconds } = config.settings.sessions
  return { idleMs: idle_seconds * 1_000, absoluteMs: absolute_seconds * 1_000 }
}

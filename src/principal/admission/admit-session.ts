/** The session step: where a request belongs is kept alive, and what begins has room. */
import type { ClientName } from '../../contract/client.ts'
import type { AdmitRequest } from '../../contract/principal.ts'
import { sessionModeOf } from '../../contract/session-mode.ts'
import { countLive, type Lifetimes, type Session, startSession, touchSession } from '../tables/sessions.ts'
import {
  clientOnceOn,
  countTransports,
  endLongestUnused,
  openTransport,
  TRANSPORT_TOUCH_MS,
  type Transport,
  touchTransport,
} from '../tables/transports.ts'
import { type Place, type Whose, whose } from '../tables/whose.ts'
import type { AdmitContext } from './admit-context.ts'

/** More live logins than any one agent has use for; beyond it, no new one starts. */
export const MAX_LIVE_SESSIONS = 10_000

/** The same of transports; beyond it, those that nobody uses make room. */
export const MAX_LIVE_TRANSPORTS = 10_000

/** A request that writes nothing else postpones the idle expiry only once in so much of the idle time. */
const TOUCH_FRACTION = 60

/** Finds the transport and the login of the request. */
export function find(context: Omit<AdmitContext, 'client'>, request: AdmitRequest): Whose {
  const { config, hasStream, rows, nowMs } = context
  const { transport, upstream } = request
  const asker = upstream?.asker === undefined ? null : { server: upstream.server, tag: upstream.asker }
  return whose(
    { rows, mode: sessionModeOf(config), hasStream, nowMs },
    { transport, handle: handleOf(request), asker },
  )
}

/** The client that asks: that of the transport, also of one that has ended, or else the one that the request names. */
export function clientOf(
  { sql }: Pick<AdmitContext, 'sql'>,
  { transport, client }: AdmitRequest,
  found: Whose,
): ClientName | null {
  if (transport === null) return client ?? null
  return found.kind === 'dead_transport'
    ? clientOnceOn(sql, transport)
    : (found.place.transport?.named ?? null)
}

/** A Worker of an earlier version, while this one is rolled out, has the handle elsewhere: it must not be missed. */
export function handleOf({ handle, intent }: AdmitRequest): string | null {
  if (handle !== undefined) return handle
  const { handle: own, assumed } = intent as { handle?: string; assumed?: { handle?: string } | null }
  return own ?? assumed?.handle ?? null
}

/** Tells whether no new login may start. */
export function isCrowded({ sql }: AdmitContext): boolean {
  return countLive(sql) >= MAX_LIVE_SESSIONS
}

/** Starts a session with the tenant's lifetimes. */
export function begin(
  context: AdmitContext,
  start: Omit<Parameters<typeof startSession>[1], 'id' | 'client'>,
): Session {
  const id = `ses_${context.newId()}`
  return startSession(
    context.sql,
    { id, client: context.client, ...start },
    lifetimes(context),
    context.nowMs,
  )
}

/** Opens a transport; null where there are too many, and all of them are in use. */
export function connect(
  context: AdmitContext,
  said: { readonly protocolVersion: string; readonly client: string },
): Transport | null {
  const { sql, hasStream, nowMs } = context
  if (countTransports(sql) >= MAX_LIVE_TRANSPORTS && !endLongestUnused(sql, hasStream, nowMs)) return null
  return openTransport(sql, { id: context.newId(), ...said }, lifetimes(context).idleMs, nowMs)
}

/** Postpones the end of the transport and of the login, where that is worth a write. */
export function touch(context: AdmitContext, { transport, session }: Place): Place {
  const { sql, nowMs } = context
  if (transport !== null && nowMs - transport.lastSeenAtMs >= TRANSPORT_TOUCH_MS)
    touchTransport(sql, transport.id, lifetimes(context).idleMs, nowMs)
  if (session === null || nowMs - session.lastSeenAtMs < session.idleMs / TOUCH_FRACTION)
    return { transport, session }
  return { transport, session: touchSession(sql, session, nowMs) }
}

/** Returns how long a session of this tenant may live. */
export function lifetimes({ config }: AdmitContext): Lifetimes {
  const { idle_seconds, absolute_seconds } = config.settings.sessions
  return { idleMs: idle_seconds * 1_000, absoluteMs: absolute_seconds * 1_000 }
}

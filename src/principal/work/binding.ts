import { credentialKey } from '../../contract/credential.ts'
import type { Grant } from '../../contract/grant.ts'
import type {
  BindAnswer,
  BindRequest,
  ClaimAnswer,
  ClaimRequest,
  ForgetRequest,
  PreferenceRequest,
} from '../../contract/principal.ts'
import { sessionModeOf } from '../../contract/session-mode.ts'
import { opens } from '../tables/grants.ts'
import { liveById } from '../tables/sessions.ts'
import { openTransportById } from '../tables/transports.ts'
import { upstreamsOf } from '../tables/upstream-ending.ts'
import { type Asker, preferencesOf, storePreference } from '../tables/upstream-preferences.ts'
import { nextUpstreamEndMs } from '../tables/upstream-session-ends.ts'
import { bindUpstream, forgetUpstream, useUpstream } from '../tables/upstream-sessions.ts'
import { whose as whoseIs } from '../tables/whose.ts'
import { upstreamIdleMs } from './housekeeping.ts'
import type { PrincipalState } from './state.ts'

/** Finds the owner of a session with an upstream server, and the server's registration; or why it can be nobody's. */
function whose(
  { sql, grant }: PrincipalState,
  request: Omit<ClaimRequest, 'replaces' | 'url'>,
  nowMs: number,
):
  | { readonly kind: 'dead_session' | 'unauthorized' }
  | {
      readonly kind: 'whose'
      readonly owner: string
      /** The login, or '': nobody's. */
      readonly session: string
      readonly incarnation: string
    } {
  if (!opens(grant, request.credential, nowMs)) return { kind: 'unauthorized' }
  const { transport, server } = request
  // A Worker of an earlier version, while this one is rolled out, does not say it.
  const login = request.login ?? null
  const present = upstreamsOf(grant.config).find(({ name }) => name === server)?.incarnation
  const owner = request.owner ?? transport
  const isOpen = transport === null || openTransportById(sql, transport) !== null
  const isIn = login === null || liveById(sql, login, nowMs) !== null
  if (owner === null || !isOpen || !isIn) return { kind: 'dead_session' }
  return { kind: 'whose', owner, session: login ?? '', incarnation: request.incarnation ?? present ?? '' }
}

/** Forgets a session with an upstream server that has ended there. Call inside a transaction. */
export function forget({ sql, grant }: PrincipalState, request: ForgetRequest): void {
  if (!opens(grant, request.credential, Date.now())) return
  const owner = request.owner ?? request.transport
  if (owner !== null) forgetUpstream(sql, { owner, server: request.server, id: request.id })
}

/**
 * Which opening the request is of. From the request alone: whatever has ended meanwhile, those that wait for an opening must
 * find it over.
 */
export function openingKey(request: ClaimRequest): string {
  const { credential, transport, login = null, server, url, incarnation = null } = request
  return JSON.stringify([
    credentialKey(credential),
    request.owner ?? transport,
    login,
    server,
    url,
    incarnation,
  ])
}

/** The session that is there already, and is not the one that is to be replaced; or that there is none. */
export function openingOf(
  state: PrincipalState,
  request: ClaimRequest,
): Exclude<ClaimAnswer, { kind: 'open' }> | { readonly kind: 'none' } {
  const nowMs = Date.now()
  const of = whose(state, request, nowMs)
  if (of.kind !== 'whose') return of
  const { owner, session: login, incarnation } = of
  const { server, url, replaces } = request
  const session = useUpstream(state.rows, { owner, session: login, server, url, incarnation }, nowMs)
  if (session !== null && (replaces === undefined || session.id !== replaces))
    return { kind: 'bound', session }
  return { kind: 'none' }
}

/** Stores a preference of a client's. One of a login that has ended meanwhile ends with it. Call inside a transaction. */
export function prefer(state: PrincipalState, request: PreferenceRequest): void {
  const { sql, grant } = state
  const nowMs = Date.now()
  if (!opens(grant, request.credential, nowMs)) return
  const { transport, login = null } = request
  if (openTransportById(sql, transport) === null) return
  if (login !== null && liveById(sql, login, nowMs) === null) return
  storePreference(
    sql,
    { ...request, asker: askerOn(state, grant, { transport, login }, nowMs) },
    request.wish,
  )
}

/** Tells whether requests of the connection are this login's without naming it; nobody's are nobody's. */
function askerOn(
  { rows, hasStream }: PrincipalState,
  { config }: Grant,
  {
    transport,
    login,
  }: {
    readonly transport: string
    readonly login: string | null
  },
  nowMs: number,
): Asker {
  if (login === null) return { login, isUnnamed: true }
  const context = { rows, mode: sessionModeOf(config), hasStream, nowMs }
  const found = whoseIs(context, { transport, handle: null })
  const isUnnamed = found.kind === 'found' && found.place.session?.id === login
  return { login, isUnnamed }
}

/**
 * Binds a session with an upstream server to the transport or key, and to the login, that it was opened for. Where that login has ended
 * meanwhile the session is bound to none, least of all to the next login. Call inside a transaction.
 */
export function bind(state: PrincipalState, request: BindRequest): BindAnswer {
  const { sql, alarm } = state
  const nowMs = Date.now()
  const of = whose(state, request, nowMs)
  if (of.kind !== 'whose') return of
  const { owner, session: login, incarnation } = of
  const { transport, server, url, replaces, session: opened } = request
  const stateless = request.owner !== null
  const to = { owner, session: login, stateless }
  const bound = bindUpstream(sql, { ...to, server, url, incarnation, replaces, opened }, nowMs)
  // The server of a session that this has ended is asked to end it right away.
  const nextMs = nextUpstreamEndMs(sql, upstreamIdleMs(state.grant), nowMs)
  if (nextMs !== null) alarm.by(nextMs)
  const isOurs = bound.id === opened.id
  const wishes =
    isOurs && transport !== null && !stateless && state.grant !== null
      ? preferencesOf(sql, {
          ...{ transport, server, incarnation, url },
          asker: askerOn(state, state.grant, { transport, login: request.login ?? null }, nowMs),
        })
      : null
  return { kind: 'bound', session: bound, ...(wishes === null ? {} : { wishes }) }
}

import type {
  BindAnswer,
  BindRequest,
  ClaimAnswer,
  ClaimRequest,
  ForgetRequest,
  WishRequest,
} from './contract.ts'
import { opens } from './grants.ts'
import { liveByTransport } from './sessions.ts'
import type { PrincipalState } from './state.ts'
import { upstreamsOf } from './upstream-ending.ts'
import { bindUpstream, forgetUpstream, nextUpstreamEndMs, useUpstream } from './upstream-sessions.ts'
import { keepWish, wishesOf } from './upstream-wishes.ts'

/** To whom a session with an upstream server belongs, and with which registration; or why it can be nobody's. */
function whose(
  { sql, grant }: PrincipalState,
  request: Omit<ClaimRequest, 'replaces' | 'url'>,
  nowMs: number,
):
  | { readonly kind: 'dead_session' | 'unauthorized' }
  | { readonly kind: 'whose'; readonly owner: string; readonly incarnation: string } {
  if (!opens(grant, request.secretHash, nowMs)) return { kind: 'unauthorized' }
  const { transport, server } = request
  const present = upstreamsOf(grant.config).find(({ name }) => name === server)?.incarnation
  const own = transport === null ? null : liveByTransport(sql, transport, nowMs)
  const owner = request.owner ?? own?.id
  if (owner === undefined || (transport !== null && own === null)) return { kind: 'dead_session' }
  return { kind: 'whose', owner, incarnation: request.incarnation ?? present ?? '' }
}

/** Forgets a session with an upstream server that has ended there. Call inside a transaction. */
export function forget(state: PrincipalState, request: ForgetRequest): void {
  const of = whose(state, { ...request, incarnation: '' }, Date.now())
  if (of.kind === 'whose') forgetUpstream(state.sql, of.owner, request.server, request.id)
}

/** The session that is there already, and is not the one that is to be replaced; or a key for the opening of one. */
export function openingOf(
  state: PrincipalState,
  request: ClaimRequest,
): Exclude<ClaimAnswer, { kind: 'open' }> | { readonly kind: 'none'; readonly key: string } {
  const nowMs = Date.now()
  const of = whose(state, request, nowMs)
  if (of.kind !== 'whose') return of
  const { owner, incarnation } = of
  const { server, url, replaces } = request
  const session = useUpstream(state.sql, { owner, server, url, incarnation }, nowMs)
  if (session !== null && (replaces === undefined || session.id !== replaces))
    return { kind: 'bound', session }
  return { kind: 'none', key: JSON.stringify([owner, server, url, incarnation]) }
}

/** Keeps a wish of a client's. Call inside a transaction. */
export function wish({ sql, grant }: PrincipalState, request: WishRequest): void {
  const nowMs = Date.now()
  if (!opens(grant, request.secretHash, nowMs)) return
  if (liveByTransport(sql, request.transport, nowMs) !== null) keepWish(sql, request, request.wish)
}

/** Binds a session with an upstream server to the gateway's session that it is for. Call inside a transaction. */
export function bind(state: PrincipalState, request: BindRequest): BindAnswer {
  const { sql, alarm } = state
  const nowMs = Date.now()
  const of = whose(state, request, nowMs)
  if (of.kind !== 'whose') return of
  const { owner, incarnation } = of
  const { transport, server, url, replaces, session } = request
  const stateless = request.owner !== null
  const bound = bindUpstream(sql, { owner, stateless, server, url, incarnation, replaces, session }, nowMs)
  // What this one has ended is told to its server right away.
  const nextMs = nextUpstreamEndMs(sql, nowMs)
  if (nextMs !== null) alarm.by(nextMs)
  const isOurs = bound.id === session.id
  const wishes =
    isOurs && transport !== null && !stateless ? wishesOf(sql, { transport, server, incarnation }) : null
  return { kind: 'bound', session: bound, ...(wishes === null ? {} : { wishes }) }
}

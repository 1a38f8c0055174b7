import type { BindAnswer, BindRequest, ForgetRequest } from './contract.ts'
import { opens } from './grants.ts'
import { liveByTransport } from './sessions.ts'
import type { PrincipalState } from './state.ts'
import { upstreamsOf } from './upstream-ending.ts'
import { bindUpstream, forgetUpstream, nextUpstreamEndMs } from './upstream-sessions.ts'

/** Forgets a session with an upstream server that has ended there. Call inside a transaction. */
export function forget({ sql, grant }: PrincipalState, request: ForgetRequest): void {
  const nowMs = Date.now()
  if (!opens(grant, request.secretHash, nowMs)) return
  const own = request.transport === null ? null : liveByTransport(sql, request.transport, nowMs)
  const owner = request.owner ?? own?.id
  if (owner !== undefined) forgetUpstream(sql, owner, request.server, request.id)
}

/** Binds a session with an upstream server to the gateway's session that it is for. Call inside a transaction. */
export function bind({ sql, grant, alarm }: PrincipalState, request: BindRequest): BindAnswer {
  const nowMs = Date.now()
  if (!opens(grant, request.secretHash, nowMs)) return { kind: 'unauthorized' }
  const { transport, server, url, replaces, session } = request
  const present = upstreamsOf(grant.config).find(({ name }) => name === server)?.incarnation
  const incarnation = request.incarnation ?? present ?? ''
  const own = transport === null ? null : liveByTransport(sql, transport, nowMs)
  const owner = request.owner ?? own?.id
  if (owner === undefined || (transport !== null && own === null)) return { kind: 'dead_session' }
  const stateless = request.owner !== null
  const bound = bindUpstream(sql, { owner, stateless, server, url, incarnation, replaces, session }, nowMs)
  // What this one has ended is told to its server right away.
  const nextMs = nextUpstreamEndMs(sql, nowMs)
  if (nextMs !== null) alarm.by(nextMs)
  return { kind: 'bound', session: bound }
}

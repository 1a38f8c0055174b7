/** Has the principal keep what a session knows of a server of the stateless era. */

import { principalOf } from '../contract/objects.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { logLevelOf, markOf } from '../eras/mark.ts'
import type { RequestContext } from '../request/context.ts'

/** Has the principal remember it. `logLevel` null: that the server is of this era, unless more is known already. */
export async function remember(
  context: RequestContext,
  upstream: Pick<UpstreamConfig, 'name' | 'url' | 'incarnation'>,
  logLevel: string | null,
): Promise<boolean> {
  const bound = await principalOf(context)
    .bindUpstream({
      credential: context.presented.credential,
      transport: context.transport,
      owner: null,
      login: context.login,
      server: upstream.name,
      url: upstream.url,
      replaces: logLevel === null ? undefined : null,
      session: markOf(logLevel),
    })
    .catch(() => null)
  if (bound?.kind !== 'bound') return false
  // The server's earlier log level holds on, though nothing else is left of that: a login has ended meanwhile.
  const level = logLevel === null ? (bound.wishes?.level ?? null) : null
  return level === null || logLevelOf(bound.session) !== null || remember(context, upstream, level)
}

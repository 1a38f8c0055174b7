import { sessionModeOf } from '../../contract/session-mode.ts'
import { forgetOlderSecret } from '../tables/grants.ts'
import { whose } from '../tables/whose.ts'
import type { PrincipalState } from '../work/state.ts'
import { closeAllFeeds, updateFeeds } from './feeds.ts'

/** Closes the streams of ended transports, tells the others of a change of their login, and all of them when the grant's time, or that of its older secret, is over. */
export function closeOverFeeds(ctx: DurableObjectState, principal: PrincipalState): void {
  const { sql, grant, hasStream, rows } = principal
  const nowMs = Date.now()
  if (grant?.expiresAtMs && grant.expiresAtMs <= nowMs) closeAllFeeds(ctx)
  if (grant?.olderSecret && grant.olderSecret.untilMs <= nowMs) {
    forgetOlderSecret(sql)
    principal.reread()
    // Which secret opened a stream is not known; whoever has the present one opens it again.
    closeAllFeeds(ctx)
  }
  if (grant === null) return
  const context = { rows, mode: sessionModeOf(grant.config), hasStream, nowMs }
  updateFeeds(ctx, (transport) => {
    const found = whose(context, { transport, handle: null })
    return found.kind === 'found'
      ? { kind: 'live', login: found.place.session?.id ?? null }
      : { kind: 'ended' }
  })
}

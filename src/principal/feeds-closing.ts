import { closeAllFeeds, closeEndedFeeds } from './feeds.ts'
import { forgetOlderSecret } from './grants.ts'
import { liveByTransport } from './sessions.ts'
import type { PrincipalState } from './state.ts'

/** Closes the streams of ended sessions, and all of them when the grant's time, or that of its older secret, is over. */
export function closeOverFeeds(ctx: DurableObjectState, principal: PrincipalState): void {
  const { sql, grant } = principal
  const nowMs = Date.now()
  if (grant?.expiresAtMs && grant.expiresAtMs <= nowMs) closeAllFeeds(ctx)
  if (grant?.olderSecret && grant.olderSecret.untilMs <= nowMs) {
    forgetOlderSecret(sql)
    principal.reread()
    // Which secret opened a stream is not known; whoever has the present one opens it again.
    closeAllFeeds(ctx)
  }
  closeEndedFeeds(ctx, (transport) => liveByTransport(sql, transport, nowMs) !== null)
}

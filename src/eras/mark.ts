/**
 * What a session of the gateway remembers of a server of the stateless era: that it is one, and from which level on the
 * client wants to hear its log. It stands where a session with a server of the other era would: the principal keeps it,
 * tells it with every request, and has nobody to tell when it ends, because it has no id. PURE.
 */
import { STATELESS_VERSION } from '../base/revisions.ts'
import type { UpstreamSession } from '../contract/principal.ts'
import { logLevels } from './meta.ts'

type Known = Pick<UpstreamSession, 'id' | 'protocolVersion'> | null

/** Tells whether it is such a mark, and not a session with an upstream. */
export function isMark(known: Known): boolean {
  return known !== null && known.id === null && known.protocolVersion.split(' ')[0] === STATELESS_VERSION
}

/** The session with the upstream, if it is one. */
export function sessionAmong(known: UpstreamSession | null): UpstreamSession | null {
  return isMark(known) ? null : known
}

/** From which level on the client wants to hear, or null where it has not said so. */
export function logLevelOf(known: Known): string | null {
  if (known === null || !isMark(known)) return null
  const level = known.protocolVersion.split(' ')[1]
  return level !== undefined && logLevels.includes(level) ? level : null
}

/** The mark, as it is kept. */
export function markOf(logLevel: string | null): { readonly id: null; readonly protocolVersion: string } {
  return {
    id: null,
    protocolVersion: logLevel === null ? STATELESS_VERSION : `${STATELESS_VERSION} ${logLevel}`,
  }
}

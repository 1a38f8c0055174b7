/**
 * A mark that stands for a server of the stateless era in a session of the gateway. It says that the server is of that era, and from
 * which level on the client wants its log. The principal keeps it in the place of an upstream session and sends it with every request; it
 * has no id, so there is nothing to end at the server. PURE.
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

/** The level from which on the client wants log messages, or null where it has set none. */
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

/** The revisions of MCP that the gateway speaks, in two eras, and what the stateless one says of a client. PURE. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from './protocol.ts'

export type Era = 'session' | 'stateless'

/** Revisions of the session era, newest first. */
export const sessionEraVersions: readonly string[] = SUPPORTED_PROTOCOL_VERSIONS
/** The revision of the stateless era. */
export const STATELESS_VERSION = '2026-07-28'
/** All of them: so far there is one. */
export const statelessEraVersions: readonly string[] = [STATELESS_VERSION]

/** Tells whether the messages of a revision may come several in one array: MCP 2025-03-26 alone. */
export function hasBatches(version: string): boolean {
  return version === '2025-03-26'
}

/** The facts that a client states about itself. */
export interface ClientFacts {
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly clientInfo: Readonly<Record<string, unknown>>
}

/** Builds the members of `_meta` in which every request of the stateless era describes its client (MCP 2026-07-28, basic, `_meta`). */
export function envelopeOf({ capabilities, clientInfo }: ClientFacts): Readonly<Record<string, unknown>> {
  return {
    [PROTOCOL_VERSION_META_KEY]: STATELESS_VERSION,
    [CLIENT_INFO_META_KEY]: clientInfo,
    [CLIENT_CAPABILITIES_META_KEY]: capabilities,
  }
}

/**
 * Names of MCP that nearly every request needs. They are those of the protocol package, and written down here because to import them from
 * there evaluates all of it, which takes as long as a third of a start. A test compares them. PURE.
 */

/** Revisions of the session era, newest first. */
export const SUPPORTED_PROTOCOL_VERSIONS: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
]

/** Keys of `_meta` (MCP 2026-07-28, basic, `_meta`). */
export const PROTOCOL_VERSION_META_KEY = 'io.modelcontextprotocol/protocolVersion'
export const CLIENT_INFO_META_KEY = 'io.modelcontextprotocol/clientInfo'
export const CLIENT_CAPABILITIES_META_KEY = 'io.modelcontextprotocol/clientCapabilities'
export const LOG_LEVEL_META_KEY = 'io.modelcontextprotocol/logLevel'
export const SERVER_INFO_META_KEY = 'io.modelcontextprotocol/serverInfo'
export const SUBSCRIPTION_ID_META_KEY = 'io.modelcontextprotocol/subscriptionId'

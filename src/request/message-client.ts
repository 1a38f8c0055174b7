/** Which client a message of the stateless era is from. PURE. */
import { CLIENT_INFO_META_KEY } from '@modelcontextprotocol/server'
import { clientNamed } from '../audit/client.ts'
import { isObject } from '../base/json.ts'
import type { ClientName } from '../contract/client.ts'

/**
 * The client that the message names in its `_meta`, or null. It should be named there and need not be (MCP 2026-07-28, basic,
 * `_meta`).
 *
 * @param body the message as it came, also one that is refused
 */
export function clientIn(body: unknown): ClientName | null {
  if (!isObject(body) || !isObject(body.params) || !isObject(body.params._meta)) return null
  return clientNamed(body.params._meta[CLIENT_INFO_META_KEY])
}

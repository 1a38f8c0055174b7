/**
 * The client in the audit trail: the name and version by which it introduced itself. Untrusted text: any client may give any name, so it
 * names a client and proves nothing. PURE.
 */

import { unseenIn } from '../base/invisible.ts'
import { isObject } from '../base/json.ts'
import { CLIENT_INFO_META_KEY } from '../base/protocol.ts'
import type { ClientName } from '../contract/client.ts'

/** In UTF-16 code units; the longest name that was seen, of a client behind a proxy, has 41. */
const MOST_NAME = 64
const MOST_VERSION = 32
/** A longer text is cut before it is looked at. */
const MOST_READ = 512
/** Text that stays as it is. */
const PLAIN = /^[\x21-\x7E](?:[\x20-\x7E]*[\x21-\x7E])?$/

/** The client that `Implementation` (MCP, `clientInfo`) names; null where it names none. */
export function clientNamed(info: unknown): ClientName | null {
  if (!isObject(info)) return null
  const name = onOneLine(info.name, MOST_NAME)
  return name === null ? null : { name, version: onOneLine(info.version, MOST_VERSION) }
}

/**
 * The client that a message of the stateless era names in its `_meta`, or null. It should be named there and need not be (MCP
 * 2026-07-28, basic, `_meta`).
 *
 * @param body the message as it came, also one that is refused
 */
export function clientIn(body: unknown): ClientName | null {
  if (!isObject(body) || !isObject(body.params) || !isObject(body.params._meta)) return null
  return clientNamed(body.params._meta[CLIENT_INFO_META_KEY])
}

/** Returns the visible characters of a text, on one line; null where there are none, or it is no text. */
function onOneLine(text: unknown, most: number): string | null {
  if (typeof text !== 'string') return null
  if (text.length <= most && PLAIN.test(text)) return text
  const read = text.slice(0, MOST_READ)
  const seen = (unseenIn(read)?.visible ?? read).replaceAll(/[\p{C}\s]+/gu, ' ').trim()
  if (seen === '') return null
  // Half a character is none.
  return seen.length <= most ? seen : `${seen.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

/** By what a client introduces itself, short enough and plain enough to be shown to people. PURE. */
import { CLIENT_INFO_META_KEY } from '@modelcontextprotocol/server'
import { isObject } from '../json.ts'
import type { ClientName } from './contract.ts'

const LONGEST = 100

/** What `clientInfo` says (MCP 2025-11-25, Implementation); null where it says no name. */
export function clientName(info: unknown): ClientName | null {
  if (!isObject(info)) return null
  const name = plain(info.name)
  return name === '' ? null : { name, version: plain(info.version) || null }
}

/** The same of the client of a stateless request, from the envelope in its `_meta` (MCP 2026-07-28). */
export function statelessClientName(params: unknown): ClientName | null {
  const meta = isObject(params) ? params._meta : undefined
  return isObject(meta) ? clientName(meta[CLIENT_INFO_META_KEY]) : null
}

/**
 * The same of a session's client.
 *
 * @param client what it said of itself with `initialize`, as JSON; null where that is not known
 */
export function sessionClientName(client: string | null): ClientName | null {
  if (client === null) return null
  const said: unknown = JSON.parse(client)
  return isObject(said) ? clientName(said.clientInfo) : null
}

/** Without characters that are not seen, or that change how others are. */
function plain(text: unknown): string {
  if (typeof text !== 'string') return ''
  const seen = text.slice(0, 4 * LONGEST).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
  return [...seen].slice(0, LONGEST).join('').trim()
}

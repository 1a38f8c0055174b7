/** The members that the stateless era has in `_meta` and the session era elsewhere, or not at all. PURE. */

import { isObject } from '../base/json.ts'
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  LOG_LEVEL_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  SERVER_INFO_META_KEY,
  SUBSCRIPTION_ID_META_KEY,
} from '../base/protocol.ts'
import type { RpcId } from '../base/rpc.ts'

/** From the least to the most urgent (RFC 5424, 6.2.1, as MCP has it). */
export const logLevels: readonly string[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
]

type Json = Readonly<Record<string, unknown>>

/** A request, whichever era it is of. */
export interface RpcRequest {
  readonly jsonrpc: '2.0'
  readonly id: RpcId
  readonly method: string
  readonly params?: Json
}

const envelope: ReadonlySet<string> = new Set([
  PROTOCOL_VERSION_META_KEY,
  CLIENT_INFO_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
  LOG_LEVEL_META_KEY,
  SERVER_INFO_META_KEY,
  SUBSCRIPTION_ID_META_KEY,
])

export function metaOf(params: unknown): Json {
  return isObject(params) && isObject(params._meta) ? params._meta : {}
}

/** `it` with what the envelope says taken out of its `_meta`, and `more` put in; without `_meta` if nothing is left. */
export function withMeta(it: Json, more: Json): Json {
  const { _meta, ...rest } = it
  const kept = isObject(_meta) ? Object.entries(_meta).filter(([key]) => !envelope.has(key)) : []
  const meta = { ...Object.fromEntries(kept), ...more }
  return Object.keys(meta).length === 0 ? rest : { ...rest, _meta: meta }
}

/** The notifications of a subscription, by the member with which a client asks for them. */
export const changes: Readonly<Record<string, string>> = {
  'notifications/tools/list_changed': 'toolsListChanged',
  'notifications/prompts/list_changed': 'promptsListChanged',
  'notifications/resources/list_changed': 'resourcesListChanged',
}
export const RESOURCE_UPDATED = 'notifications/resources/updated'

/**
 * A client of the stateless era and a server of the session era: what the one's requests become for the other, and
 * what comes back. PURE.
 */

import { isObject } from '../base/json.ts'
import { codes } from '../base/jsonrpc.ts'
import { LOG_LEVEL_META_KEY, SERVER_INFO_META_KEY, SUBSCRIPTION_ID_META_KEY } from '../base/protocol.ts'
import { STATELESS_VERSION } from '../base/revisions.ts'
import { isRpcId, type RpcId, type RpcMessage } from '../base/rpc.ts'
import { lacking, type Question, serverCapabilities } from './capabilities.ts'
import { changes, logLevels, metaOf, RESOURCE_UPDATED, type RpcRequest, withMeta } from './meta.ts'

type Json = Readonly<Record<string, unknown>>

/** The requests of the stateless era that a server answers; another one is none that its clients know. */
export const statelessMethods: ReadonlySet<string> = new Set([
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
])

/** Those whose answer may be that input is required (MCP 2026-07-28, multi round-trip requests). */
export const askingMethods: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** Those whose answer says how long it may be kept. */
const cacheable: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
])

/** MCP 2025-11-25, elicitation, URL mode: the call waits for pages that the user has to visit. */
const URL_ELICITATION_REQUIRED = -32_042

/** One request of the client's, as far as what comes back depends on it. A call that is continued has several. */
export interface Leg {
  readonly id: RpcId
  readonly method: string
  /** Null: it wants no progress notifications. */
  readonly progressToken: RpcId | null
  /** Null: it wants no log messages. */
  readonly logLevel: string | null
}

export function legOf({ id, method, params }: RpcRequest): Leg {
  const { progressToken, [LOG_LEVEL_META_KEY]: level } = metaOf(params)
  const hasToken = isRpcId(progressToken)
  return {
    id,
    method,
    progressToken: hasToken ? progressToken : null,
    logLevel: typeof level === 'string' && logLevels.includes(level) ? level : null,
  }
}

/**
 * The request as the server gets it. Requests of one client share a session, so the id is ours; it also serves as the
 * token of its progress.
 */
export function requestForSession({ method, params = {} }: RpcRequest, id: string): RpcRequest {
  const { inputResponses: _, requestState: __, task: ___, ...rest } = params
  const wantsProgress = metaOf(params).progressToken !== undefined
  return { jsonrpc: '2.0', id, method, params: withMeta(rest, wantsProgress ? { progressToken: id } : {}) }
}

/** The parts of a request that make it the same call as another: all but those that belong to the era. */
export function callOf(server: string, { method, params = {} }: RpcRequest): Json {
  const { inputResponses: _, requestState: __, _meta, ...rest } = params
  return { server, method, params: rest }
}

/** The server's answer as the client gets it. */
export function answerForStateless(message: RpcMessage, { id, method }: Leg, capabilities: Json): RpcMessage {
  const { result, error } = message
  if (error !== undefined) {
    const pages = error.code === URL_ELICITATION_REQUIRED ? pagesToVisit(error.data) : null
    if (pages !== null && askingMethods.has(method) && lacking(capabilities, pages[0] as Question) === null)
      // Without a state of ours: to call again is all that is left to do.
      return inputRequired(id, Object.fromEntries(pages.map((page, i) => [`page${i + 1}`, page])), null)
    const code = error.code === codes.resourceNotFound ? codes.invalidParams : error.code
    return { jsonrpc: '2.0', id, error: { ...error, code } }
  }
  const cache = cacheable.has(method) ? { ttlMs: 0, cacheScope: 'private' } : {}
  return {
    jsonrpc: '2.0',
    id,
    result: { ...withoutEnvelope(result ?? {}), ...cache, resultType: 'complete' },
  }
}

function withoutEnvelope(result: Json): Json {
  return result._meta === undefined ? result : withMeta(result, {})
}

function pagesToVisit(data: unknown): Question[] | null {
  const { elicitations } = isObject(data) ? data : {}
  if (!Array.isArray(elicitations) || elicitations.length === 0) return null
  const pages = elicitations.map((params) =>
    isObject(params) ? questionForStateless('elicitation/create', { ...params, mode: 'url' }) : null,
  )
  return pages.every((page) => page !== null) ? pages : null
}

/** The answer that asks for input. */
export function inputRequired(
  id: RpcId,
  inputRequests: Readonly<Record<string, Question>>,
  requestState: string | null,
): RpcMessage {
  const state = requestState === null ? {} : { requestState }
  return { jsonrpc: '2.0', id, result: { resultType: 'input_required', inputRequests, ...state } }
}

/** A question as it stands in a result. */
export function questionForStateless(method: string, params: Json | undefined): Question {
  if (params === undefined) return { method }
  const { task: _, elicitationId, ...rest } = params
  const { progressToken: __, ...meta } = metaOf(params)
  // Only pages have that id, and in the stateless era not even those.
  const kept = method === 'elicitation/create' || elicitationId === undefined ? {} : { elicitationId }
  return { method, params: withMeta({ ...rest, ...kept, _meta: undefined }, meta) }
}

/** Returns a notification on the way to the answer of `ownId`; null where this client is not to get it. */
export function noteForStateless(message: RpcMessage, ownId: string, leg: Leg): RpcMessage | null {
  const { method, params = {} } = message
  if (method === 'notifications/progress') {
    if (params.progressToken !== ownId || leg.progressToken === null) return null
    return { jsonrpc: '2.0', method, params: { ...params, progressToken: leg.progressToken } }
  }
  if (method !== 'notifications/message' || leg.logLevel === null) return null
  const level = logLevels.indexOf(String(params.level))
  return level >= 0 && level >= logLevels.indexOf(leg.logLevel) ? { jsonrpc: '2.0', method, params } : null
}

/** Turns the server's answer to `initialize` into an answer to `server/discover`. */
export function discovery({ capabilities, serverInfo, instructions }: Json): Json {
  return {
    resultType: 'complete',
    supportedVersions: [STATELESS_VERSION],
    capabilities: isObject(capabilities) ? serverCapabilities(capabilities) : {},
    ...(typeof instructions === 'string' ? { instructions } : {}),
    ttlMs: 0,
    cacheScope: 'private',
    ...(isObject(serverInfo) ? { _meta: { [SERVER_INFO_META_KEY]: serverInfo } } : {}),
  }
}

/** The notifications that a subscriber wants. */
export interface NotificationFilter {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  readonly resourceSubscriptions?: readonly string[]
}

/** More resources than this are not watched in one subscription. */
export const MOST_RESOURCES = 256

export function notificationFilterOf(params: unknown): NotificationFilter {
  const { notifications } = isObject(params) ? params : {}
  if (!isObject(notifications)) return {}
  const { resourceSubscriptions: uris } = notifications
  const lists = Object.values(changes).filter((name) => notifications[name] === true)
  const strings = Array.isArray(uris) ? uris.filter((uri): uri is string => typeof uri === 'string') : []
  return {
    ...Object.fromEntries(lists.map((name) => [name, true])),
    ...(strings.length > 0 ? { resourceSubscriptions: [...new Set(strings)].slice(0, MOST_RESOURCES) } : {}),
  }
}

/** The part of a filter that the server can fulfil. It always has changes of the list of tools, for the gateway itself makes some. */
export function honoured(filter: NotificationFilter, capabilities: unknown): NotificationFilter {
  const { prompts, resources } = isObject(capabilities) ? capabilities : {}
  const can = (capability: unknown, what: string) => isObject(capability) && capability[what] === true
  const { toolsListChanged, promptsListChanged, resourcesListChanged, resourceSubscriptions } = filter
  return {
    ...(toolsListChanged === true ? { toolsListChanged } : {}),
    ...(promptsListChanged === true && can(prompts, 'listChanged') ? { promptsListChanged } : {}),
    ...(resourcesListChanged === true && can(resources, 'listChanged') ? { resourcesListChanged } : {}),
    ...(resourceSubscriptions !== undefined && can(resources, 'subscribe') ? { resourceSubscriptions } : {}),
  }
}

/** The first message of a subscription: the notifications that it will bring (MCP 2026-07-28, subscriptions). */
export function acknowledged(id: RpcId, filter: NotificationFilter): RpcMessage {
  const params = { notifications: filter, _meta: { [SUBSCRIPTION_ID_META_KEY]: id } }
  return { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params }
}

/** Returns a notification in the form for this subscriber; null where it did not ask for it. */
export function changeForStateless(
  message: RpcMessage,
  id: RpcId,
  filter: NotificationFilter,
): RpcMessage | null {
  const { method = '', params = {} } = message
  const listed = Object.hasOwn(changes, method) ? changes[method] : undefined
  const isWanted =
    listed !== undefined
      ? listed in filter
      : method === RESOURCE_UPDATED && (filter.resourceSubscriptions ?? []).includes(String(params.uri))
  if (!isWanted) return null
  return { jsonrpc: '2.0', method, params: withMeta(params, { [SUBSCRIPTION_ID_META_KEY]: id }) }
}

/**
 * A client of the session era and a server of the stateless era: what the one's requests become for the other, and
 * what comes back. PURE.
 */

import { isObject } from '../base/json.ts'
import { codes } from '../base/jsonrpc.ts'
import { LOG_LEVEL_META_KEY, SERVER_INFO_META_KEY } from '../base/protocol.ts'
import { type ClientFacts, envelopeOf } from '../base/revisions.ts'
import type { RpcId, RpcMessage } from '../base/rpc.ts'
import { clientCapabilities, type Question, serverCapabilities } from './capabilities.ts'
import { changes, metaOf, RESOURCE_UPDATED, type RpcRequest, withMeta } from './meta.ts'

type Json = Readonly<Record<string, unknown>>

/** The client's answers to the server's questions, and the state that the server wants back. */
export interface Round {
  readonly inputResponses?: Json
  readonly requestState?: string
}

/** The request as the server gets it, with everything that a stateless request has to say of its client. */
export function requestForStateless(
  { method, params = {} }: RpcRequest,
  {
    id,
    client,
    logLevel,
    round,
  }: {
    readonly id: string
    readonly client: ClientFacts
    readonly logLevel: string | null
    readonly round: Round
  },
): RpcRequest {
  // The client's era knows neither of the first two, and not this kind of task.
  const { inputResponses: _, requestState: __, task: ___, ...rest } = params
  const { progressToken } = metaOf(params)
  const envelope = {
    ...(progressToken === undefined ? {} : { progressToken }),
    ...envelopeOf({ ...client, capabilities: clientCapabilities(client.capabilities) }),
    ...(logLevel === null ? {} : { [LOG_LEVEL_META_KEY]: logLevel }),
  }
  return { jsonrpc: '2.0', id, method, params: withMeta({ ...rest, ...round }, envelope) }
}

/** The server's answer as the client gets it. */
export function answerForSession(message: RpcMessage, id: RpcId, method: string): RpcMessage {
  const { result, error } = message
  if (error !== undefined) {
    const isMissing =
      method === 'resources/read' &&
      error.code === codes.invalidParams &&
      isObject(error.data) &&
      'uri' in error.data
    return { jsonrpc: '2.0', id, error: isMissing ? { ...error, code: codes.resourceNotFound } : error }
  }
  const { resultType: _, ttlMs: __, cacheScope: ___, ...rest } = result ?? {}
  return { jsonrpc: '2.0', id, result: rest._meta === undefined ? rest : withMeta(rest, {}) }
}

/** The input that a server requires: its questions by their names, and the state that it wants to see again. */
export interface RequiredInput {
  readonly questions: ReadonlyMap<string, Question>
  readonly requestState: string | null
}

/** Returns the inputs that the server asks for; null for a result that asks for none, `malformed` for one that cannot be read. */
export function requiredInputIn({ result }: RpcMessage): RequiredInput | 'malformed' | null {
  if (result?.resultType !== 'input_required') return null
  const { inputRequests = {}, requestState } = result
  if (!isObject(inputRequests)) return 'malformed'
  const questions = new Map<string, Question>()
  for (const [name, question] of Object.entries(inputRequests)) {
    if (!isObject(question) || typeof question.method !== 'string') return 'malformed'
    const { method, params } = question
    questions.set(name, isObject(params) ? { method, params } : { method })
  }
  const state = typeof requestState === 'string' ? requestState : null
  return questions.size === 0 && state === null ? 'malformed' : { questions, requestState: state }
}

/** A question as a request on the client's stream. A page has an id in this era, which the other does not give it. */
export function questionForSession({ method, params }: Question, id: string): RpcMessage {
  if (method === 'elicitation/create' && params?.mode === 'url' && params.elicitationId === undefined)
    return { jsonrpc: '2.0', id, method, params: { ...params, elicitationId: id } }
  return { jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) }
}

const onTheWay: ReadonlySet<string> = new Set(['notifications/progress', 'notifications/message'])

/** A notification on the way to an answer; null for what a client of this era has no use for. */
export function noteForSession(message: RpcMessage): RpcMessage | null {
  return onTheWay.has(message.method ?? '') ? bare(message) : null
}

/** A notification of a subscription. */
export function changeForSession(message: RpcMessage): RpcMessage | null {
  const { method = '' } = message
  return Object.hasOwn(changes, method) || method === RESOURCE_UPDATED ? bare(message) : null
}

function bare({ method = '', params }: RpcMessage): RpcMessage {
  if (params === undefined) return { jsonrpc: '2.0', method }
  const rest = withMeta(params, {})
  return { jsonrpc: '2.0', method, ...(Object.keys(rest).length === 0 ? {} : { params: rest }) }
}

/** Turns the server's answer to `server/discover` into an answer to `initialize`. */
export function initialization(discovered: Json, protocolVersion: string, server: string): Json {
  const { capabilities, instructions } = discovered
  const info = metaOf(discovered)[SERVER_INFO_META_KEY]
  return {
    protocolVersion,
    capabilities: isObject(capabilities) ? serverCapabilities(capabilities) : {},
    serverInfo: isObject(info) ? info : { name: server, version: 'unknown' },
    ...(typeof instructions === 'string' ? { instructions } : {}),
  }
}

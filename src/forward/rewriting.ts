/**
 * Rewrites the answers of a server that is one of several behind one URL: its names get the server's prefix, and its own requests get ids
 * that lead back to it. PURE.
 */
import { parseExact } from '../base/exact-json.ts'
import { isObject } from '../base/json.ts'
import { codes } from '../base/jsonrpc.ts'
import { answers, isAnswer, isRpcId, type RpcId, type RpcMessage } from '../base/rpc.ts'
import { exposeUri } from '../names/tools.ts'
import { readAsked } from '../upstream/asker.ts'
import type { Rewriting } from '../upstream/reception.ts'

/**
 * Rewrites for the server `server` behind a URL that serves several. Only the answer to `request` passes, which the stream is for,
 * and none where that is null: any other would be taken for another server's.
 */
export function rewritingFor(server: string, request: RpcId | null): Rewriting {
  // The one who resumes the stream must still be told apart from one who forges.
  const stream = request === null ? server : `${server}:${inEventId(request)}`
  return {
    message: (message) =>
      isAnswer(message) && (request === null || !answers(message, request)) ? null : outOf(server, message),
    eventId: (id) => `${stream}.${id}`,
  }
}

/** The origin of an event, by the id that `eventId` made. */
export interface EventOrigin {
  readonly server: string
  /** As the server knows it. */
  readonly id: string
  /** The request whose answer was on its way; null for a stream that answers none. */
  readonly request: RpcId | null
}

/** Takes an id of `eventId` apart; null for any other. */
export function splitEventId(text: string): EventOrigin | null {
  const dot = text.indexOf('.')
  if (dot < 1) return null
  const [stream, id] = [text.slice(0, dot), text.slice(dot + 1)]
  if (!stream.includes(':')) return { server: stream, id, request: null }
  const named = splitId(outOfEventId(stream))
  return named === null ? null : { server: named.server, id, request: named.id }
}

/** Writes an id in characters that a header's value holds, and without a dot. */
function inEventId(request: RpcId): string {
  return encodeURIComponent(JSON.stringify(request)).replaceAll('.', '%2E')
}

function outOfEventId(stream: string): string | null {
  try {
    return decodeURIComponent(stream)
  } catch {
    return null
  }
}

/** An id for a request of the server's own, so that its answer finds back. */
export function exposeId(server: string, id: RpcId): string {
  return `${server}:${JSON.stringify(id)}`
}

/** The server and its own id, or null for an id that `exposeId` did not make. */
export function splitId(exposed: unknown): { readonly server: string; readonly id: RpcId } | null {
  if (typeof exposed !== 'string') return null
  const colon = exposed.indexOf(':')
  if (colon < 1) return null
  try {
    const id = parseExact(exposed.slice(colon + 1))
    return isRpcId(id) ? { server: exposed.slice(0, colon), id } : null
  } catch {
    return null
  }
}

function outOf(server: string, message: RpcMessage): RpcMessage {
  if (message.method === undefined) {
    if (message.error !== undefined) return exposePages(server, message)
    if (message.result === undefined) return message
    const result = exposeLinks(server, message.result)
    return result === message.result ? message : { ...message, result }
  }
  if (message.id !== undefined && message.id !== null) {
    const asked = { ...message, id: exposeId(server, message.id) }
    return message.params === undefined ? asked : { ...asked, params: exposeNames(server, message.params) }
  }
  // It takes back a request of its own, which the client knows by another id.
  if (message.method === 'notifications/cancelled' && isRpcId(message.params?.requestId))
    return {
      ...message,
      params: { ...message.params, requestId: exposeId(server, message.params.requestId) },
    }
  if (message.method === 'notifications/elicitation/complete' && message.params !== undefined)
    return { ...message, params: exposeNames(server, message.params) }
  if (message.method === 'notifications/resources/updated' && typeof message.params?.uri === 'string')
    return { ...message, params: { ...message.params, uri: exposeUri(server, message.params.uri) } }
  return message
}

type Json = Readonly<Record<string, unknown>>

/**
 * Marks the names by which the client's notifications refer to a server's request: its progress token, and the id of a page that a person
 * has to visit. Those of several servers may be the same.
 */
function exposeNames(server: string, params: Json): Json {
  const { _meta: meta, elicitationId } = params
  const token = isObject(meta) ? meta.progressToken : undefined
  return {
    ...params,
    ...(isRpcId(token) && isObject(meta)
      ? { _meta: { ...meta, progressToken: exposeId(server, token) } }
      : {}),
    ...(isRpcId(elicitationId) ? { elicitationId: exposeId(server, elicitationId) } : {}),
  }
}

/** MCP 2025-11-25, elicitation, URLElicitationRequiredError: the pages stand in the error. */
function exposePages(server: string, message: RpcMessage): RpcMessage {
  const { error } = message
  const data = error?.code === codes.urlElicitationRequired && isObject(error.data) ? error.data : {}
  const { elicitations } = data
  if (error === undefined || !Array.isArray(elicitations)) return message
  const exposed = elicitations.map((page) => (isObject(page) ? exposeNames(server, page) : page))
  return { ...message, error: { ...error, data: { ...data, elicitations: exposed } } }
}

/** A notification of a client's that is about one server's request. */
export interface Concerning {
  /** Null where it names no request that a server has made. */
  readonly server: string | null
  /** The params as that server knows them. */
  readonly params: Json
}

/** Which server a notification concerns; null for one that may concern all. */
export function concerning(method: string, params: Json = {}): Concerning | null {
  // A cancellation of a server's question; else the client would cancel a request of its own.
  if (method === 'notifications/cancelled') {
    const question = splitId(params.requestId)
    const isAsked = question !== null && readAsked(question.id) !== null
    return isAsked ? { server: question.server, params: { ...params, requestId: question.id } } : null
  }
  const name = method === 'notifications/progress' ? 'progressToken' : 'elicitationId'
  if (name === 'elicitationId' && !method.startsWith('notifications/elicitation/')) return null
  const named = splitId(params[name])
  return { server: named?.server ?? null, params: { ...params, [name]: named?.id } }
}

/** Results of calls, prompts and resources name resources by URI: as the client must ask for them. */
function exposeLinks(
  server: string,
  result: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { content, contents, messages } = result
  if (!Array.isArray(content) && !Array.isArray(contents) && !Array.isArray(messages)) return result
  const block = (it: unknown) => exposeBlock(server, it)
  const said = (it: unknown) => (isObject(it) && 'content' in it ? { ...it, content: block(it.content) } : it)
  return {
    ...result,
    ...(Array.isArray(content) ? { content: content.map(block) } : {}),
    ...(Array.isArray(contents) ? { contents: contents.map((it) => exposed(server, it)) } : {}),
    ...(Array.isArray(messages) ? { messages: messages.map(said) } : {}),
  }
}

function exposeBlock(server: string, block: unknown): unknown {
  if (!isObject(block)) return block
  if (block.type === 'resource_link') return exposed(server, block)
  if (block.type === 'resource') return { ...block, resource: exposed(server, block.resource) }
  return block
}

function exposed(server: string, it: unknown): unknown {
  return isObject(it) && typeof it.uri === 'string' ? { ...it, uri: exposeUri(server, it.uri) } : it
}

/**
 * What changes in the answers of a server that is one of several behind one URL: its names get the server's prefix,
 * and its own requests get ids that lead back to it. PURE.
 */
import { exposeUri } from '../upstream/names.ts'
import type { Rewriting } from '../upstream/reception.ts'
import { isObject, type RpcId, type RpcMessage } from '../upstream/rpc.ts'

/** For the server `server` behind a URL that serves several. */
export function rewritingFor(server: string): Rewriting {
  return {
    message: (message) => outOf(server, message),
    eventId: (id) => `${server}.${id}`,
  }
}

/** The server and its own id of an event that `eventId` made, or null. */
export function splitEventId(text: string): { readonly server: string; readonly id: string } | null {
  const dot = text.indexOf('.')
  return dot < 1 ? null : { server: text.slice(0, dot), id: text.slice(dot + 1) }
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
    const id: unknown = JSON.parse(exposed.slice(colon + 1))
    return typeof id === 'string' || typeof id === 'number' ? { server: exposed.slice(0, colon), id } : null
  } catch {
    return null
  }
}

function outOf(server: string, message: RpcMessage): RpcMessage {
  if (message.method === undefined) {
    if (message.result === undefined) return message
    const result = exposeLinks(server, message.result)
    return result === message.result ? message : { ...message, result }
  }
  if (message.id !== undefined && message.id !== null) return { ...message, id: exposeId(server, message.id) }
  if (message.method === 'notifications/resources/updated' && typeof message.params?.uri === 'string')
    return { ...message, params: { ...message.params, uri: exposeUri(server, message.params.uri) } }
  return message
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

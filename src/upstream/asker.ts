/**
 * Marks a server's questions with the session that asked. A transport may have several sessions with one server, one for each login, and
 * a client's answer does not name its session. Therefore the names by which a client knows a question, its id and its progress token, carry
 * the tag that the principal has given to the session in which it was asked. PURE.
 */
import { parseExact } from '../base/exact-json.ts'
import { isObject } from '../base/json.ts'
import { isAnswer, isRpcId, type RpcId, type RpcMessage } from '../base/rpc.ts'

type Json = Readonly<Record<string, unknown>>

const TAGGED = /^~([0-9a-f]{16}):/

/** Returns the name by which the client knows a server's thing. */
export function exposeAsked(tag: string, id: RpcId): string {
  return `~${tag}:${JSON.stringify(id)}`
}

/** Takes apart a name that `exposeAsked` has made; null for any other. */
export function readAsked(exposed: unknown): { readonly tag: string; readonly id: RpcId } | null {
  const [prefix, tag] = (typeof exposed === 'string' ? TAGGED.exec(exposed) : null) ?? []
  if (prefix === undefined || tag === undefined) return null
  try {
    const id = parseExact((exposed as string).slice(prefix.length))
    return isRpcId(id) ? { tag, id } : null
  } catch {
    return null
  }
}

/** Returns a server's message for the client of the session with this tag; the same object where it asks nothing. */
export function askedIn(tag: string, message: RpcMessage): RpcMessage {
  const { id, method, params } = message
  if (isAnswer(message)) return message
  if (id !== undefined && id !== null) {
    const asked = { ...message, id: exposeAsked(tag, id) }
    const meta = params?._meta
    if (!isObject(meta) || !isRpcId(meta.progressToken)) return asked
    const progressToken = exposeAsked(tag, meta.progressToken)
    return { ...asked, params: { ...params, _meta: { ...meta, progressToken } } }
  }
  // It takes back a question of its own.
  if (method !== 'notifications/cancelled' || !isRpcId(params?.requestId)) return message
  return { ...message, params: { ...params, requestId: exposeAsked(tag, params.requestId) } }
}

/** A client's message about a question, and the session in which that was asked. */
export interface AboutQuestion<Body> {
  readonly asker: string
  /** In the words of the server. */
  readonly body: Body
}

/** The parameter in which a client's notification names a question. */
const naming: Readonly<Record<string, string>> = {
  'notifications/progress': 'progressToken',
  'notifications/cancelled': 'requestId',
}

/** An answer or a notification that is about a question with a tag; null for any other message. */
export function aboutQuestion<Body extends object>(body: Body): AboutQuestion<Body> | null {
  const { id, method, params } = body as { id?: unknown; method?: unknown; params?: unknown }
  if (method === undefined) {
    const asked = readAsked(id)
    return asked === null ? null : { asker: asked.tag, body: { ...body, id: asked.id } }
  }
  const name = typeof method === 'string' && Object.hasOwn(naming, method) ? naming[method] : undefined
  if (name === undefined || !isObject(params)) return null
  const asked = readAsked((params as Json)[name])
  return asked === null
    ? null
    : { asker: asked.tag, body: { ...body, params: { ...params, [name]: asked.id } } }
}

/** JSON-RPC messages as an upstream sends them: data of a stranger, looked at before it is used. PURE. */
import { isLiteral, type NumberLiteral, numberOf, parseExact } from './exact-json.ts'
import { isObject } from './json.ts'

/** A literal where JavaScript would write the number in another way. */
export type RpcId = string | number | NumberLiteral

export interface RpcMessage {
  readonly jsonrpc: '2.0'
  readonly id?: RpcId | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/**
 * The message, or null for what is none (JSON-RPC 2.0, 4 and 5; MCP has no positional params). It is of its type: a member
 * that is null where it should be absent is absent, a request has no result, and an answer has one or an error, never
 * both. A value that needs no mending is returned itself.
 */
export function rpcMessage(value: unknown): RpcMessage | null {
  if (!isObject(value) || value.jsonrpc !== '2.0') return null
  const { id, method } = value
  if (id !== undefined && id !== null && !isRpcId(id)) return null
  if (method !== undefined && method !== null) return requestIn(value)
  return isError(value.error) ? only(withPlainCode(value), 'id', 'error') : resultIn(value)
}

/** A request or a notification. */
function requestIn(value: Readonly<Record<string, unknown>>): RpcMessage | null {
  const { id, method, params } = value
  const hasParams = params !== undefined && params !== null
  if (typeof method !== 'string' || (hasParams && !isObject(params))) return null
  const names = ['method', ...(hasParams ? ['params'] : []), ...(id === null ? [] : ['id'])]
  return only(withMetaOf(value, 'params'), ...names)
}

/** Reads a result. A malformed error beside it is ignored. */
function resultIn(value: Readonly<Record<string, unknown>>): RpcMessage | null {
  return isObject(value.result) ? only(withMetaOf(value, 'result'), 'id', 'result') : null
}

function isError(error: unknown): error is Readonly<Record<string, unknown>> {
  return isObject(error) && Number.isSafeInteger(numberOf(error.code)) && typeof error.message === 'string'
}

/** `_meta` is an object wherever it stands (MCP, general fields); what stands there otherwise says nothing, and clients refuse it. */
function withMetaOf(
  value: Readonly<Record<string, unknown>>,
  place: 'params' | 'result',
): Readonly<Record<string, unknown>> {
  const holder = value[place]
  if (!isObject(holder) || holder._meta === undefined || isObject(holder._meta)) return value
  const { _meta: _, ...rest } = holder
  return { ...value, [place]: rest }
}

/** A code is looked at here, so it is a number, however it was written. */
function withPlainCode(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { error } = value
  if (!isError(error) || !isLiteral(error.code)) return value
  return { ...value, error: { ...error, code: numberOf(error.code) } }
}

/**
 * The value with these of the members of a message. Members that JSON-RPC does not know are left out: the schemas of the
 * official clients are strict here, and a message with one more is none to them.
 */
function only(value: Readonly<Record<string, unknown>>, ...names: readonly string[]): RpcMessage {
  const kept = ['jsonrpc', ...names].filter((name) => value[name] !== undefined)
  if (Object.keys(value).length === kept.length) return value as unknown as RpcMessage
  return Object.fromEntries(kept.map((name) => [name, value[name]])) as unknown as RpcMessage
}

/** The contents of an upstream's text. */
export interface RpcReading {
  readonly messages: readonly RpcMessage[]
  /** The text is one message that needed no mending, so it can be passed on as it is. */
  readonly isAsSent: boolean
}

const nothing: RpcReading = { messages: [], isAsSent: false }
/** More messages in one array are not read, however large it is. */
export const MOST_IN_ARRAY = 1_000

/**
 * Reads a text: one message, or the messages of an array, as servers of 2025-03-26 may send them (MCP 2025-03-26, Streamable HTTP).
 * Elements that are no messages are left out. Numbers keep their digits.
 */
export function readRpc(text: string): RpcReading {
  try {
    const value = parseExact(text)
    if (Array.isArray(value)) {
      const read = value.slice(0, MOST_IN_ARRAY).map(rpcMessage)
      return { messages: read.filter((message) => message !== null), isAsSent: false }
    }
    const message = rpcMessage(value)
    return message === null ? nothing : { messages: [message], isAsSent: (message as unknown) === value }
  } catch {
    return nothing
  }
}

/** Parses the text of one message, or null. */
export function parseRpc(text: string): RpcMessage | null {
  const [first] = text.trimStart().startsWith('[') ? [] : readRpc(text).messages
  return first ?? null
}

/** An answer, as opposed to a request or a notification. */
export function isAnswer(message: RpcMessage): boolean {
  return message.method === undefined
}

/** A request, as opposed to an answer or a notification. */
export function isRequest(message: RpcMessage): message is RpcMessage & { readonly id: RpcId } {
  return message.method !== undefined && message.id !== undefined && message.id !== null
}

/**
 * The answer to request `id`. An error may lack the id where the request could not be read (JSON-RPC 2.0, 5), and some
 * servers then give an empty one.
 */
export function answers(message: RpcMessage, id: RpcId): boolean {
  if (!isAnswer(message)) return false
  return isSameId(message.id, id) || (message.error !== undefined && isNobodys(message.id))
}

/**
 * The message under the id of the request that it answers over HTTP, where it refuses that: an error that names nobody,
 * or, with a status that refuses the request, an error under whatever id a server has for such cases.
 */
export function asAnswer(message: RpcMessage, id: RpcId, status: number): RpcMessage {
  if (!isAnswer(message) || message.error === undefined || isSameId(message.id, id)) return message
  return isNobodys(message.id) || status >= 400 ? { ...message, id } : message
}

/** Tells whether an answer's id names no request. */
export function isNobodys(id: RpcMessage['id']): boolean {
  return id === undefined || id === null || id === ''
}

export function isRpcId(value: unknown): value is RpcId {
  return typeof value === 'string' || typeof value === 'number' || isLiteral(value)
}

/** The same type and the same spelling. */
export function isSameId(one: unknown, other: unknown): boolean {
  return one === other || (isLiteral(one) && isLiteral(other) && one.rawJSON === other.rawJSON)
}

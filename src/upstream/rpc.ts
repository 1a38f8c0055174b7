/** JSON-RPC messages as an upstream sends them: data of a stranger, looked at before it is used. PURE. */
import { isObject } from '../json.ts'

export type RpcId = string | number

export interface RpcMessage {
  readonly jsonrpc: '2.0'
  readonly id?: RpcId | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/** The message, or null for what is none (JSON-RPC 2.0, 4 and 5; MCP has no positional params). */
export function rpcMessage(value: unknown): RpcMessage | null {
  if (!isObject(value) || value.jsonrpc !== '2.0') return null
  const { id, method, params, result, error } = value
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return null
  if (method !== undefined) {
    const isFine = typeof method === 'string' && (params === undefined || isObject(params))
    return isFine ? (value as unknown as RpcMessage) : null
  }
  if (isObject(error)) {
    const isFine = typeof error.code === 'number' && typeof error.message === 'string'
    return isFine ? (value as unknown as RpcMessage) : null
  }
  return isObject(result) ? (value as unknown as RpcMessage) : null
}

/** Parses text into a message, or null. */
export function parseRpc(text: string): RpcMessage | null {
  try {
    return rpcMessage(JSON.parse(text))
  } catch {
    return null
  }
}

/** An answer, as opposed to a request or a notification. */
export function isAnswer(message: RpcMessage): boolean {
  return message.method === undefined
}

/** The answer to request `id`. An error may lack the id where the request could not be read (JSON-RPC 2.0, 5). */
export function answers(message: RpcMessage, id: RpcId): boolean {
  if (!isAnswer(message)) return false
  return (
    message.id === id || (message.error !== undefined && (message.id === null || message.id === undefined))
  )
}

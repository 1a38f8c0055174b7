/** Messages with a number that would arrive as another one, or as none: they are refused. PURE. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { codes, type Refusal } from '../base/jsonrpc.ts'
import type { RequestContext } from '../request/context.ts'
import type { Message } from '../request/message.ts'
import { failure } from '../servers/kit/result.ts'

type Found = Pick<RequestContext, 'lost'>

function textOf(number: string): string {
  return `The number ${number} cannot be passed on exactly: JSON parsers round it. Send it as a string.`
}

/**
 * Refuses a message with such a number in it; null where there is none. A call is refused in words that its agent reads,
 * once it has been decided: with `inexactResult`.
 */
export function inexactRefusal({ lost }: Found, message: Message): Refusal | null {
  if (lost.number === null || message.kind === 'refused') return null
  if (message.kind === 'request' && message.method === 'tools/call') return null
  const status = message.kind === 'request' ? 200 : 400
  return { status, code: codes.invalidParams, message: textOf(lost.number) }
}

/** The result of a call that would go to a server with such a number in it; null where it has none. */
export function inexactResult({ lost }: Found): CallToolResult | null {
  return resultOf(lost.number)
}

/** The same of a call that is answered here, for which nothing counts but its arguments. */
export function inexactArguments({ lost }: Found): CallToolResult | null {
  return resultOf(lost.argument)
}

function resultOf(number: string | null): CallToolResult | null {
  return number === null ? null : failure('invalid_arguments', textOf(number))
}

/** Asks an upstream on the client's behalf and reads the whole answer, for what is looked at before it is passed on. */
import { codes } from '../base/jsonrpc.ts'
import { answers, type RpcMessage, readRpc } from '../base/rpc.ts'
import type { Conversation } from '../bridge/conversation.ts'
import type { Capability } from '../contract/declared.ts'
import type { Outgoing } from '../contract/outgoing.ts'
import { brokeOff } from '../upstream/answer-problems.ts'
import { problemOf } from '../upstream/problem.ts'
import type { Delivery } from '../upstream/reception.ts'
import { EventWatch } from '../upstream/watch.ts'
import { attempt } from './deliver.ts'

/** It is held as a whole, and so are those of other servers beside it: an isolate has 128 MB. */
const MOST_BYTES = 16 * 1024 * 1024

export interface Inquiry {
  readonly message: RpcMessage
  readonly status: number
  /** The server answered in an event stream. */
  readonly isStream: boolean
  /** The server has not declared that it can be asked this, so it was not, and `message` is an error that says so. */
  readonly isUndeclared: boolean
}

/**
 * Delivers a request and reads its answer, in whatever form it comes. On the way notifications are dropped, and requests of
 * the server's answered here: the client does not see the stream.
 */
export async function inquire(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
): Promise<Inquiry> {
  const { config } = conversation.link
  const maxResponseBytes = Math.min(config.maxResponseBytes, MOST_BYTES)
  const link = { ...conversation.link, config: { ...config, maxResponseBytes } }
  const response = await attempt({ ...conversation, link }, request, { ...delivery, isRead: true })
  if (!(response instanceof Response)) return undeclared(conversation, request, response.lacks)
  const { status } = response
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const text = await response.text().catch(() => null)
  if (text === null)
    return { message: delivery.failure(brokeOff(status)), status: 200, isStream, isUndeclared: false }
  const message = isStream
    ? inEvents(text, request)
    : readRpc(text).messages.find((it) => answers(it, request.id))
  if (message !== undefined && message !== null && message !== 'cut')
    return { message, status, isStream, isUndeclared: false }
  const problem = problemOf('not_mcp', 'answered something unreadable', { status })
  return { message: delivery.failure(problem), status: 200, isStream, isUndeclared: false }
}

/** As a server of the client's era says that it does not implement a method (MCP 2026-07-28, Streamable HTTP: 404). */
function undeclared({ client, link }: Conversation, { id, method }: Outgoing, lacks: Capability): Inquiry {
  const text = `The server "${link.config.name}" has not declared the capability ${lacks}, so it is not asked for ${method}`
  const message: RpcMessage = { jsonrpc: '2.0', id, error: { code: codes.methodNotFound, message: text } }
  const status = client.era === 'stateless' ? 404 : 200
  return { message, status, isStream: false, isUndeclared: true }
}

function inEvents(text: string, { id }: Outgoing): RpcMessage | 'cut' | null {
  const watch = new EventWatch(id, text.length)
  watch.push(text)
  return watch.answer
}

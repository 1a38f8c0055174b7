/** Asks an upstream on the client's behalf and reads the whole answer, for what is looked at before it is passed on. */

import { problemOf } from '../upstream/problem.ts'
import { answers, parseRpc, type RpcMessage } from '../upstream/rpc.ts'
import { EventWatch } from '../upstream/watch.ts'
import { type Delivery, deliver, type Outgoing } from './deliver.ts'
import type { Conversation } from './partner.ts'

export interface Inquiry {
  readonly message: RpcMessage
  readonly status: number
  /** The server answered in an event stream. */
  readonly isStream: boolean
}

/** Delivers a request and reads its answer, in whatever form it comes. Notifications on the way are dropped. */
export async function inquire(talk: Conversation, request: Outgoing, delivery: Delivery): Promise<Inquiry> {
  const response = await deliver(talk, request, delivery)
  const { status } = response
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  // Bounded by the server's own limit on an answer.
  const text = await response.text()
  const message = isStream ? inEvents(text, request) : parseRpc(text)
  if (message !== null && message !== 'cut' && answers(message, request.id))
    return { message, status, isStream }
  const problem = problemOf('not_mcp', 'answered something unreadable', { status })
  return { message: delivery.failure(problem), status: 200, isStream }
}

function inEvents(text: string, { id }: Outgoing): RpcMessage | 'cut' | null {
  const watch = new EventWatch(id, text.length)
  watch.push(text)
  return watch.answer
}

/** `server/discover` at one upstream server: what the server says of itself, whichever era it speaks. */
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { introduceStateless } from '../bridge/introduce.ts'
import { findPartner } from '../bridge/partner.ts'
import type { RequestMessage } from '../request/message.ts'
import { introductionWithoutTasks } from '../request/tasks.ts'
import { deliver, rpcFailure } from './deliver.ts'
import { deliveryOf, outgoing } from './reached.ts'

export async function discoverUpstream(at: Reached, message: RequestMessage): Promise<Response> {
  const conversation = conversationAt(at)
  const found = await findPartner(conversation)
  if (!found.ok) return Response.json(rpcFailure(message.id, at.upstream.name, found.problem))
  if (found.partner.era === 'stateless') {
    const rewriting = { message: introductionWithoutTasks, eventId: (id: string) => id }
    return deliver(conversation, outgoing(message), { ...deliveryOf(at, message), rewriting })
  }
  const introduced = await introduceStateless(conversation, found.partner)
  if (!introduced.ok) return Response.json(rpcFailure(message.id, at.upstream.name, introduced.problem))
  const introduction = { jsonrpc: '2.0', id: message.id, result: introduced.result } as const
  return Response.json(introductionWithoutTasks(introduction))
}

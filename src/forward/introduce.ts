/** `server/discover` at one upstream server: what the server says of itself, whichever era it speaks. */

import { introduceStateless } from '../bridge/introduce.ts'
import type { RequestMessage } from '../gateway/message.ts'
import { deliver, rpcFailure } from './deliver.ts'
import { findPartner } from './partner.ts'
import { deliveryOf, outgoing, type Reached, talkAt } from './single.ts'

export async function discoverUpstream(at: Reached, message: RequestMessage): Promise<Response> {
  const talk = talkAt(at)
  const found = await findPartner(talk)
  if (!found.ok) return Response.json(rpcFailure(message.id, at.upstream.name, found.problem))
  if (found.partner.era === 'stateless') return deliver(talk, outgoing(message), deliveryOf(at, message))
  const introduced = await introduceStateless(talk, found.partner)
  if (!introduced.ok) return Response.json(rpcFailure(message.id, at.upstream.name, introduced.problem))
  return Response.json({ jsonrpc: '2.0', id: message.id, result: introduced.result })
}

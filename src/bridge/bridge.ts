/** Delivers a request to an upstream that speaks the other era, and gives the answer in the client's. */
import type { Outgoing } from '../contract/outgoing.ts'
import type { Delivery } from '../upstream/reception.ts'
import type { Conversation, Partner } from './conversation.ts'
import { inSession } from './in-session.ts'
import { inStateless } from './in-stateless.ts'

/** Always answers, in bounded time. */
export function bridge(
  conversation: Conversation,
  partner: Partner,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  return partner.era === 'session'
    ? inSession(conversation, partner, request, delivery)
    : inStateless(conversation, request, delivery)
}

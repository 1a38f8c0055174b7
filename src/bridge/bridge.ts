/** Delivers a request to an upstream that speaks the other era, and gives the answer in the client's. */
import { type Delivery, type Outgoing, refused } from '../forward/deliver.ts'
import type { Conversation, Partner } from '../forward/partner.ts'
import { problemOf } from '../upstream/problem.ts'

export async function bridge(
  _talk: Conversation,
  _partner: Partner,
  _request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  return refused(problemOf('not_mcp', 'speaks another era of MCP', { isUndone: true }), delivery)
}

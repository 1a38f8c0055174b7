/** Subscriptions of the stateless era at one upstream server: opened in the server's own era, or refused. */

import { isObject } from '../base/json.ts'
import { SUBSCRIPTION_ID_META_KEY } from '../base/protocol.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { findPartner } from '../bridge/partner.ts'
import { rewritten, type StreamSource, sourceFrom } from '../bridge/stream-source.ts'
import { subscribeAcross } from '../bridge/streams.ts'
import { declaredNotifications } from '../contract/declared.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import type { RequestMessage } from '../request/message.ts'
import { declaredOf } from '../upstream/health.ts'
import { send } from '../upstream/http.ts'
import { type IdPair, restored } from '../upstream/id-pair.ts'
import { problemOf } from '../upstream/problem.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import { messageEvent } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { rpcFailure } from './deliver.ts'
import { outgoing } from './reached.ts'

/** The result of subscribing at one server. */
export type Subscription =
  | { readonly kind: 'open'; readonly source: StreamSource }
  | {
      readonly kind: 'refused'
      readonly message: RpcMessage
      readonly status: number
      /** The server itself has refused, so there is no use in asking again. */
      readonly isFinal: boolean
      /** The wait before asking again, where the server names one; in milliseconds. */
      readonly againInMs: number | null
    }

/** The most of a refusal that is read. */
const MOST_REFUSAL_BYTES = 64 * 1024

/**
 * Subscribes at the server for the notifications that it has declared. The gateway's own events are not part of it.
 * @param isOneOfMany where true, a server that has declared none of them is not asked
 */
export async function subscribe(
  at: Reached,
  message: RequestMessage,
  isOneOfMany: boolean,
): Promise<Subscription> {
  const { context, link } = at
  const refused = (problem: UpstreamProblem): Extract<Subscription, { kind: 'refused' }> => ({
    kind: 'refused',
    message: rpcFailure(message.id, at.upstream.name, problem),
    status: 200,
    isFinal: false,
    againInMs: problem.retryAfterSeconds === null ? null : problem.retryAfterSeconds * 1_000,
  })
  const found = await findPartner(conversationAt(at))
  if (!found.ok) return refused(found.problem)
  if (found.partner.era === 'session') {
    const across = await subscribeAcross(at, message)
    return 'failure' in across ? refused(across) : { kind: 'open', source: across }
  }
  const pair = { sent: crypto.randomUUID(), client: message.id }
  const { params = {}, ...request } = outgoing(message)
  const { notifications } = params as { notifications?: Readonly<Record<string, unknown>> }
  const filter = declaredNotifications(notifications ?? {}, declaredOf(link, 'stateless'))
  if (isOneOfMany && Object.keys(filter).length === 0) {
    const silent = problemOf('undeclared', 'has declared nothing that it could tell', { isUndone: true })
    return { ...refused(silent), isFinal: true }
  }
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: context.http.headers, stateless: { method: message.method } }),
    body: JSON.stringify({ ...request, id: pair.sent, params: { ...params, notifications: filter } }),
    isEndless: true,
    signal: at.signal ?? context.http.signal,
  })
  if (!sent.ok) return refused(sent.problem)
  const source = sourceFrom(sent)
  if (source !== null) return { kind: 'open', source: named(source, pair) }
  // The answer is no stream, so its time is limited.
  const { hold, response } = sent
  const { idleSeconds } = link.config
  const late = problemOf('timeout', `took more than ${idleSeconds} seconds to refuse`)
  const bound = setTimeout(() => hold.watchdog.stop(late), idleSeconds * 1_000)
  const read = await readAnswer(response, hold, { id: pair.sent, mostBytes: MOST_REFUSAL_BYTES })
  clearTimeout(bound)
  if (!read.ok) return refused(read.problem)
  const answered = restored(read.message, pair)
  return { kind: 'refused', message: answered, status: read.status, isFinal: true, againInMs: null }
}

/** Renames a subscription, which is named by the id of its request: the client knows it by the client's own id. */
function named(source: StreamSource, pair: IdPair): StreamSource {
  return rewritten(source, {
    message: (message) => ofSubscription(restored(message, pair), pair),
    eventId: (id) => id,
  })
}

function ofSubscription(message: RpcMessage, { sent, client }: IdPair): RpcMessage {
  const { params } = message
  const meta = params?._meta
  if (!isObject(meta) || meta[SUBSCRIPTION_ID_META_KEY] !== sent) return message
  return { ...message, params: { ...params, _meta: { ...meta, [SUBSCRIPTION_ID_META_KEY]: client } } }
}

/** Turns the principal's news into a subscriber's events: that tools have changed, where it asked for that (MCP 2026-07-28, subscriptions). */
export function subscriberEvent(message: RequestMessage): (said: string) => string | null {
  return (said) => (said === 'tools_changed' ? toolsChangedFor(message) : null)
}

function toolsChangedFor({ id, body }: RequestMessage): string | null {
  const { notifications } = (body.params ?? {}) as { notifications?: { toolsListChanged?: unknown } }
  if (notifications?.toolsListChanged !== true) return null
  const params = { _meta: { [SUBSCRIPTION_ID_META_KEY]: id } }
  return messageEvent({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params })
}

/** A request of the stateless era in a session of its server: read here where the server has nothing to ask. */
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import { answers, isAnswer } from '../base/rpc.ts'
import type { Step } from '../contract/exchange.ts'
import type { Outgoing } from '../contract/outgoing.ts'
import type { SessionNames, UpstreamProblem } from '../contract/upstream.ts'
import { canBeAsked } from '../eras/capabilities.ts'
import {
  answerForStateless,
  askingMethods,
  legOf,
  noteForStateless,
  requestForSession,
  statelessMethods,
} from '../eras/for-session.ts'
import { problemFrom } from '../upstream/answer-problems.ts'
import { decline } from '../upstream/declining.ts'
import { isForgotten } from '../upstream/forgetting.ts'
import { send } from '../upstream/http.ts'
import { MessageReader } from '../upstream/message-reader.ts'
import { paramHeaderProblem } from '../upstream/param-headers.ts'
import type { Delivery } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { cancel, resume } from '../upstream/session-messages.ts'
import { respond, stepsOf } from '../upstream/steps.ts'
import type { Conversation, Partner } from './conversation.ts'
import { continueExchange, exchange } from './exchange-call.ts'
import { lastKnownTools } from './last-known.ts'
import { forget } from './partner.ts'
import { abortOf, renew } from './renewing.ts'

type SessionPartner = Extract<Partner, { era: 'session' }>

export async function inSession(
  conversation: Conversation,
  partner: SessionPartner,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  const { method, params, id } = request
  const refuse = (status: number, code: number, message: string) => {
    delivery.onEnd({ kind: 'answered', message: { jsonrpc: '2.0', id, error: { code, message } }, status })
    return refusalResponse({ status, code, message }, id)
  }
  if (!statelessMethods.has(method)) return refuse(404, codes.methodNotFound, `Method not found: ${method}`)
  const mismatch = await headerMismatch(conversation, request)
  if (mismatch !== null) return refuse(400, codes.headerMismatch, `Headers and body disagree: ${mismatch}`)
  // A server of the session era makes no such states, so it is ours or invalid.
  if (params?.requestState !== undefined) return continueExchange(conversation, request, delivery)
  if (askingMethods.has(method) && canBeAsked(conversation.client.capabilities))
    return exchange(conversation, partner, request, delivery)
  const abort = abortOf(conversation)
  return respond(
    stepsOf(steps(conversation, partner, request, abort.signal), abort),
    delivery,
    conversation.context.http.signal,
  )
}

/**
 * Returns the contradiction between the arguments of a call and the headers that repeat them, or null. The server, which knows no such
 * headers, cannot look (MCP 2026-07-28, Streamable HTTP, custom headers); tools that were never listed have none.
 */
async function headerMismatch(
  { context, link }: Conversation,
  { method, params }: Outgoing,
): Promise<string | null> {
  if (method !== 'tools/call') return null
  const tool = (await lastKnownTools(link))?.find(({ name }) => name === params?.name)
  if (tool === undefined) return null
  return paramHeaderProblem(tool.inputSchema, params?.arguments, context.http.headers)
}

async function* steps(
  conversation: Conversation,
  partner: SessionPartner,
  request: Outgoing,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const { link, context, client } = conversation
  const id = crypto.randomUUID()
  const leg = legOf(request)
  // A client that hangs up ends the request, and with it all work that was not promised to the runtime before.
  const over = Promise.withResolvers<void>()
  link.waitUntil(over.promise)
  const body = JSON.stringify(requestForSession(request, id))
  const post = (session: SessionNames) =>
    send(link, {
      method: 'POST',
      headers: requestHeaders({ client: context.http.headers, session }),
      body,
      signal,
    })
  let { session } = partner
  let sent = await post(session)
  const onOver = () => forget(conversation, partner.session.id)
  if (sent.ok && (await isForgotten(sent, session, id, onOver))) {
    const renewed = await renew(conversation, session.id)
    if (!renewed.ok) {
      over.resolve()
      return yield { kind: 'problem', problem: renewed.problem }
    }
    session = renewed.partner.session
    sent = await post(session)
  }
  if (!sent.ok) {
    over.resolve(signal.aborted ? cancel(link, session, id) : undefined)
    return yield { kind: 'problem', problem: sent.problem }
  }

  const reader = new MessageReader(sent, id, (lastEventId, hold) => resume(link, session, lastEventId, hold))
  let problem: UpstreamProblem | null = null
  let isAnswered = false
  try {
    for (;;) {
      for (const message of await reader.next()) {
        if (answers(message, id)) {
          isAnswered = true
          const answer = answerForStateless(message, leg, client.capabilities)
          return yield { kind: 'answer', message: answer, status: reader.status }
        }
        if (isAnswer(message)) continue
        if (message.id !== undefined && message.id !== null) link.waitUntil(decline(link, session, message))
        else {
          const note = noteForStateless(message, id, leg)
          if (note !== null) yield { kind: 'note', message: note }
        }
      }
    }
  } catch (error) {
    problem = problemFrom(error)
    yield { kind: 'problem', problem }
  } finally {
    reader.close(problem)
    over.resolve(signal.aborted && !isAnswered ? cancel(link, session, id) : undefined)
  }
}

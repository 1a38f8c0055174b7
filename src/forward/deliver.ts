/** Delivers one request of a client to its upstream and passes the answer on. */
import { type Era, hasBatches } from '../base/revisions.ts'
import { isAnswer, type RpcId, type RpcMessage } from '../base/rpc.ts'
import { bridge } from '../bridge/bridge.ts'
import type { Conversation, Partner } from '../bridge/conversation.ts'
import { findPartner, forget, openFor } from '../bridge/partner.ts'
import { cancellable, track } from '../bridge/running.ts'
import { type Capability, neededFor } from '../contract/declared.ts'
import { nameOf, type Outgoing } from '../contract/outgoing.ts'
import type { UpstreamSession } from '../contract/principal.ts'
import type { SessionNames, UpstreamProblem } from '../contract/upstream.ts'
import { decliningIn } from '../upstream/declining.ts'
import { isForgotten } from '../upstream/forgetting.ts'
import { declares, erasOf, learnEras } from '../upstream/health.ts'
import { isJson, type Sent, send } from '../upstream/http.ts'
import { restored } from '../upstream/id-pair.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { codeOf, describe } from '../upstream/problem.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import { receive } from '../upstream/receive.ts'
import { type Delivery, type Reception, type Rewriting, unchanged } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { isMerged, mayAsk, notAsked } from './asking.ts'
import { withRemoteCancellation } from './remote-cancellations.ts'

/** Delivers a request. Always answers, in bounded time. */
export async function deliver(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  const delivered = await attempt(conversation, request, delivery)
  return delivered instanceof Response
    ? delivered
    : notAsked(conversation, request, delivery, delivered.lacks)
}

/** Delivers a request, or says what its server would have to have declared to be asked that. */
export async function attempt(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response | { readonly lacks: Capability }> {
  if (conversation.client.era === 'stateless') return attemptAt(conversation, request, delivery)
  // Before anything that takes time: the client may cancel the request while its server is being found.
  const running = withRemoteCancellation(
    conversation,
    request.id,
    track(conversation.context, conversation.link.config.name, request.id),
  )
  try {
    const attempted = await attemptAt({ ...conversation, running }, request, cancellable(delivery, running))
    if (!(attempted instanceof Response)) running.end()
    return attempted
  } catch (error) {
    running.end()
    throw error
  }
}

async function attemptAt(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response | { readonly lacks: Capability }> {
  // What comes before and beside the request itself takes as long as its server likes.
  if (conversation.known === null) conversation.running?.timeLong()
  const found = await findPartner(conversation)
  if (!found.ok) return refused(found.problem, delivery)
  const needed = neededFor(request.method)
  if (needed !== null && !declares(conversation.link, found.partner.era, needed)) {
    conversation.running?.timeLong()
    if (!(await mayAsk(conversation, found.partner.era, needed))) return { lacks: needed }
  }
  return asClientReads(
    conversation.client.era,
    delivery,
    await deliverTo(conversation, found.partner, request, delivery),
  )
}

/**
 * With the status that means to the client what it meant to the server. In the session era 404 says that the session
 * is dead (MCP 2025-11-25, session management), and that is the gateway's to say; the stateless era has 400 for
 * requests that cannot be understood, and 404 for methods that are not implemented. Where the server is one of several,
 * the gateway implements what it passes on.
 */
function asClientReads(era: Era, delivery: Delivery, response: Response): Response {
  const { status } = response
  const isUnknown = status === 404 && !isMerged(delivery)
  const isKept = status === 200 || (era === 'stateless' && (status === 400 || isUnknown))
  return isKept ? response : new Response(response.body, { status: 200, headers: response.headers })
}

async function deliverTo(
  conversation: Conversation,
  partner: Partner,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  if (partner.era !== conversation.client.era) {
    conversation.running?.timeLong()
    return bridge(conversation, partner, request, delivery)
  }
  return partner.era === 'session'
    ? inSession(conversation, partner, request, delivery)
    : stateless(conversation, request, delivery)
}

/** Answers a request that was not sent, or to which nothing came back. */
export function refused(problem: UpstreamProblem, { failure, onEnd, headers }: Delivery): Response {
  onEnd({ kind: 'failed', problem })
  return Response.json(failure(problem), headers === undefined ? {} : { headers })
}

async function inSession(
  conversation: Conversation,
  partner: Extract<Partner, { era: 'session' }>,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  const id = crypto.randomUUID()
  const body = JSON.stringify({ ...request, id })
  const { context, link, signal, running } = conversation
  const receptionIn = (session: UpstreamSession): Reception => {
    // Clients are not known to read arrays, even of the one revision that has them, so these are taken apart.
    const apart = hasBatches(session.protocolVersion) ? unchanged : null
    const rewriting = delivery.isRead === true ? answersOnly(link, session) : (delivery.rewriting ?? apart)
    // Where the gateway answers what is asked, it does so in the server's words.
    const asker = delivery.isRead === true ? undefined : session.tag
    return { ...delivery, rewriting, id, client: request.id, asker, mayResume: true }
  }
  const post = (session: SessionNames): Promise<Sent> => {
    if (running?.cancelled.isRequested === false) running.sentAs({ session, id })
    return send(link, {
      method: 'POST',
      headers: requestHeaders({ client: context.http.headers, session }),
      body,
      signal,
      cancellation: running?.cancelled,
      long: running?.long,
    })
  }

  let sent = await post(partner.session)
  if (!sent.ok) return refused(sent.problem, delivery)
  const { session } = partner
  if (!(await isForgotten(sent, session, id, () => forget(conversation, session.id))))
    return receive(sent.response, sent.hold, receptionIn(session))

  // A server that does not know the session has not done anything for it, so the request may be sent again, once.
  running?.timeLong()
  const renewed = await openFor(conversation, session.id)
  if (renewed === 'other_era') {
    const found = await findPartner({ ...conversation, known: null })
    return found.ok
      ? deliverTo(conversation, found.partner, request, delivery)
      : refused(found.problem, delivery)
  }
  if (!renewed.ok) return refused(renewed.problem, delivery)
  if (renewed.partner.era !== 'session') return deliverTo(conversation, renewed.partner, request, delivery)
  sent = await post(renewed.partner.session)
  if (!sent.ok) return refused(sent.problem, delivery)
  return receive(sent.response, sent.hold, receptionIn(renewed.partner.session))
}

/** Of a stream that the gateway reads: requests of the server's are declined, and what it says on the way is dropped. */
function answersOnly(link: UpstreamLink, session: SessionNames): Rewriting {
  const onRequest = decliningIn(link, session)
  return {
    ...unchanged,
    message: (message) => {
      onRequest(message)
      return isAnswer(message) ? message : null
    },
  }
}

async function stateless(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  const { link, context } = conversation
  const id = crypto.randomUUID()
  const names = { method: request.method, name: nameOf(request) }
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({ client: context.http.headers, stateless: names }),
    body: JSON.stringify({ ...request, id }),
    // In this era to hang up is to cancel.
    signal: conversation.signal ?? context.http.signal,
  })
  if (!sent.ok) return refused(sent.problem, delivery)
  const reception: Reception = { ...delivery, id, client: request.id, mayResume: false }
  if (sent.response.status < 400 || sent.response.status >= 500 || !isJson(sent.response))
    return receive(sent.response, sent.hold, reception)

  // It was refused before anything was done. A server that has gone back to the session era says so here.
  const answer = await readAnswer(sent.response, sent.hold, { id, mostBytes: 1024 * 1024 })
  if (!answer.ok) return refused(answer.problem, delivery)
  if (isOfSessionEra(answer.message) && erasOf(link).stateless === true) {
    learnEras(link, {
      stateless: null,
      session: erasOf(link).session === false ? null : erasOf(link).session,
    })
    const found = await findPartner(conversation)
    if (found.ok && found.partner.era === 'session')
      return deliverTo(conversation, found.partner, request, delivery)
  }
  const message = restored(answer.message, { sent: id, client: request.id })
  delivery.onEnd({ kind: 'answered', message, status: answer.status })
  const headers = { 'content-type': 'application/json', ...delivery.headers }
  return new Response(JSON.stringify(message), { status: answer.status, headers })
}

/** Errors by which servers of the session era refuse a request that has no session: none that the stateless era has. */
function isOfSessionEra({ error }: RpcMessage): boolean {
  return error !== undefined && (error.code === -32_000 || error.code === -32_022 || error.code === -32_001)
}

/** The answer to a request, other than a call, whose upstream gave none. */
export function rpcFailure(id: RpcId, server: string, problem: UpstreamProblem): RpcMessage {
  const data = {
    server,
    code: codeOf(problem),
    ...(problem.retryAfterSeconds === null ? {} : { retry_after_seconds: problem.retryAfterSeconds }),
  }
  const message = `${describe(server, problem, 'The request')} (${data.code})`
  return { jsonrpc: '2.0', id, error: { code: -32_603, message, data } }
}

/** Passes on messages that have no answer: a client's notifications, and its responses to requests of the server. */
import { isObject } from '../base/json.ts'
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import { log } from '../base/log.ts'
import { isRpcId } from '../base/rpc.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { crossing } from '../bridge/notifications.ts'
import { forget } from '../bridge/partner.ts'
import { type RunningRequest, runningAs } from '../bridge/running.ts'
import type { AskedUpstream } from '../contract/principal.ts'
import type { SessionNames, UpstreamProblem } from '../contract/upstream.ts'
import { sessionAmong } from '../eras/mark.ts'
import type { RequestContext } from '../request/context.ts'
import type { Message } from '../request/message.ts'
import { aboutQuestion } from '../upstream/asker.ts'
import { notify } from '../upstream/notify.ts'
import { describe } from '../upstream/problem.ts'

type OneWay = Extract<Message, { kind: 'notification' | 'response' }>
type Notification = Extract<Message, { kind: 'notification' }>

const accepted = () => new Response(null, { status: 202 })

/**
 * Finds the upstream session that a message is for, where that is not the session of its own login. A message about a server's
 * question goes to the session that asked, with the server's id of the question. A notification about the client itself goes to the
 * sessions of all logins.
 */
export function addressed<M extends OneWay>(
  { handle }: RequestContext,
  message: M,
): { readonly about: Omit<AskedUpstream, 'server' | 'owner'>; readonly message: M } {
  if (message.era !== 'session') return { about: {}, message }
  const question = aboutQuestion(message.body)
  if (question !== null)
    return { about: { asker: question.asker }, message: { ...message, body: question.body } }
  const isForAll = message.kind === 'notification' && message.body.method === ROOTS_CHANGED && handle === null
  return { about: isForAll ? { isForAll } : {}, message }
}

const ROOTS_CHANGED = 'notifications/roots/list_changed'

/**
 * Passes a message on. Answers 202 (MCP, transports), also where a notification did not arrive. A response that did not
 * arrive is an error for the client, for the request that asked for it will not go on.
 * @param asker the tag of the session whose question the message is about: no other session gets it
 */
export async function passOn(at: Reached, message: OneWay, asker: string | null = null): Promise<Response> {
  const { link, admitted } = at
  const session = sessionAmong(admitted.upstream)
  if (asker !== null && session === null) return sessionEnded(at, message)
  const all = (admitted.upstreams ?? []).flatMap((it) => sessionAmong(it) ?? [])
  if (all.length > 0 && message.kind === 'notification') {
    if (isDeclared(at, message)) await Promise.all(all.map((it) => say(at, it, message.body)))
    return accepted()
  }
  // Without a session in the upstream's own era there is nobody who would understand.
  if (session === null || at.client.era !== 'session') {
    await crossing(at, message)
    return accepted()
  }
  if (message.kind === 'notification' && !isDeclared(at, message)) return accepted()
  const problem = await say(at, session, message.body)
  if (problem === null || message.kind === 'notification') return accepted()
  const text = describe(link.config.name, problem, 'The answer')
  return refusalResponse({ status: 502, code: codes.internalError, message: text }, null)
}

/**
 * Answers a message about a question of a session that has ended, with its login or at its server. No other session has asked it, so
 * none gets the message. A transport that cannot accept a message says so (MCP 2025-11-25, Streamable HTTP, sending messages); the
 * cancellation of a request that is over is ignored (the same, cancellation).
 */
function sessionEnded({ link, upstream }: Reached, message: OneWay): Response {
  if (message.kind === 'notification' && message.body.method === CANCELLED) return accepted()
  log('warn', 'upstream.message_lost', {
    tenant: link.tenant,
    server: upstream.name,
    failure: 'session_ended',
  })
  const text = `The session with the server "${upstream.name}" in which this was asked has ended, so nobody was told`
  return refusalResponse({ status: 400, code: codes.invalidRequest, message: text }, null)
}

const CANCELLED = 'notifications/cancelled'

/**
 * Tells whether the client has declared the capability of this notification: servers know of no other (MCP 2025-11-25,
 * roots).
 */
function isDeclared({ client }: Reached, { body }: Notification): boolean {
  if (body.method !== ROOTS_CHANGED) return true
  const { roots } = client.capabilities
  return isObject(roots) && roots.listChanged === true
}

async function say(at: Reached, session: SessionNames, body: object): Promise<UpstreamProblem | null> {
  const { link, context } = at
  const onForgotten = () => forget(conversationAt(at), session.id)
  const problem = await notify(link, session, body, { client: context.http.headers, onForgotten })
  if (problem !== null) {
    log('warn', 'upstream.message_lost', {
      tenant: link.tenant,
      server: link.config.name,
      failure: problem.failure,
    })
  }
  return problem
}

/**
 * Returns the request that a notification cancels, at each server that has it; null for a notification of another kind. A client
 * may cancel a request that has been answered, or that never was: then the list is empty.
 */
export function cancelledBy(
  context: RequestContext,
  { era, body }: Notification,
): readonly RunningRequest[] | null {
  if (body.method !== CANCELLED) return null
  const { requestId: id } = (body.params ?? {}) as { requestId?: unknown }
  // A client of the stateless era cancels by hanging up.
  return isRpcId(id) && era === 'session' ? runningAs(context, id) : []
}

/** Cancels a request at its server, by the id that it has there. */
export async function cancel(at: Reached, request: RunningRequest, { body }: Notification): Promise<void> {
  // First, so that whatever the server answers to the cancellation is taken as its consequence.
  request.cancel()
  const { named } = request
  if (named === null) return
  await say(at, named.session, { ...body, params: { ...body.params, requestId: named.id } })
}

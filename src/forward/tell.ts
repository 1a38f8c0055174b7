/** Passes on what is not answered: a client's notifications, and its answers to requests of the server. */
import { isObject } from '../base/json.ts'
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import { log } from '../base/log.ts'
import { isRpcId } from '../base/rpc.ts'
import { type Reached, talkAt } from '../bridge/conversation.ts'
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

type Told = Extract<Message, { kind: 'notification' | 'response' }>
type Notification = Extract<Message, { kind: 'notification' }>

const accepted = () => new Response(null, { status: 202 })

/**
 * Whom a message is for, where it is not for the server's session of the login that it belongs to: for the session whose server has
 * asked what it is about, or, as it is about the client itself, for those of all logins. The message is then in the server's words.
 */
export function addressed<M extends Told>(
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
 * Passes a message on. Answers 202 (MCP, transports): whether a notification arrived is not the client's concern. That an
 * answer has not arrived is, for the request that asked for it will not go on.
 * @param asker the tag of the session whose server has asked what the message is about: it is for that one or for nobody
 */
export async function tell(at: Reached, message: Told, asker: string | null = null): Promise<Response> {
  const { link, admitted } = at
  const session = sessionAmong(admitted.upstream)
  if (asker !== null && session === null) return unheard(at, message)
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
 * Answers a message about a question of a session that has ended, with its login or at its server. No other session has asked that, so
 * none is told. A transport that cannot accept a message says so (MCP 2025-11-25, Streamable HTTP, sending messages); that something
 * is taken back which is over is nobody's business (the same, cancellation).
 */
function unheard({ link, upstream }: Reached, message: Told): Response {
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
 * Whether the client has declared what this notification is about: that, and nothing else, its servers were told (MCP
 * 2025-11-25, roots).
 */
function isDeclared({ client }: Reached, { body }: Notification): boolean {
  if (body.method !== ROOTS_CHANGED) return true
  const { roots } = client.capabilities
  return isObject(roots) && roots.listChanged === true
}

async function say(at: Reached, session: SessionNames, body: object): Promise<UpstreamProblem | null> {
  const { link, context } = at
  const onForgotten = () => forget(talkAt(at), session.id)
  const problem = await notify(link, session, body, context.http.headers, onForgotten)
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
 * The request that a notification takes back, at each server that it was brought to; null for a notification of another
 * kind. A client may take back what has been answered, or what never was: that is nobody's business.
 */
export function takenBackBy(
  context: RequestContext,
  { era, body }: Notification,
): readonly RunningRequest[] | null {
  if (body.method !== CANCELLED) return null
  const { requestId: id } = (body.params ?? {}) as { requestId?: unknown }
  // A client of the stateless era cancels by hanging up.
  return isRpcId(id) && era === 'session' ? runningAs(context, id) : []
}

/** Tells the server of a request that it is taken back, by the name that the request has there. */
export async function takeBack(at: Reached, request: RunningRequest, { body }: Notification): Promise<void> {
  // First: whatever the server does once it has been told, it does for that.
  request.cancel()
  const { named } = request
  if (named === null) return
  await say(at, named.session, { ...body, params: { ...body.params, requestId: named.id } })
}

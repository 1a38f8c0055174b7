/** Passes on what is not answered: a client's notifications, and its answers to requests of the server. */

import { sessionAmong } from '../bridge/mark.ts'
import { crossing } from '../bridge/notifications.ts'
import type { Passage } from '../gateway/admission.ts'
import { codes, refusalResponse } from '../gateway/jsonrpc.ts'
import type { Message } from '../gateway/message.ts'
import { isObject } from '../json.ts'
import { log } from '../log.ts'
import { describe, type UpstreamProblem } from '../upstream/problem.ts'
import { isRpcId } from '../upstream/rpc.ts'
import { notify, type SessionNames } from '../upstream/session.ts'
import { forget } from './partner.ts'
import { type RunningRequest, runningAs } from './running.ts'
import { type Reached, talkAt } from './single.ts'

type Told = Extract<Message, { kind: 'notification' | 'response' }>
type Notification = Extract<Message, { kind: 'notification' }>

const accepted = () => new Response(null, { status: 202 })

/**
 * Passes a message on. Answers 202 (MCP, transports): whether a notification arrived is not the client's concern. That an
 * answer has not arrived is, for the request that asked for it will not go on.
 */
export async function tell(at: Reached, message: Told): Promise<Response> {
  const { link, admitted } = at
  const session = sessionAmong(admitted.upstream)
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
 * Whether the client has declared what this notification is about: that, and nothing else, its servers were told (MCP
 * 2025-11-25, roots).
 */
function isDeclared({ client }: Reached, { body }: Notification): boolean {
  if (body.method !== 'notifications/roots/list_changed') return true
  const { roots } = client.capabilities
  return isObject(roots) && roots.listChanged === true
}

async function say(at: Reached, session: SessionNames, body: object): Promise<UpstreamProblem | null> {
  const { link, passage } = at
  const onForgotten = () => forget(talkAt(at), session.id)
  const problem = await notify(link, session, body, passage.http.headers, onForgotten)
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
export function takenBackBy(passage: Passage, { era, body }: Notification): readonly RunningRequest[] | null {
  if (body.method !== 'notifications/cancelled') return null
  const { requestId: id } = (body.params ?? {}) as { requestId?: unknown }
  // A client of the stateless era cancels by hanging up.
  return isRpcId(id) && era === 'session' ? runningAs(passage, id) : []
}

/** Tells the server of a request that it is taken back, by the name that the request has there. */
export async function takeBack(at: Reached, request: RunningRequest, { body }: Notification): Promise<void> {
  // First: whatever the server does once it has been told, it does for that.
  request.cancel()
  const { named } = request
  if (named === null) return
  await say(at, named.session, { ...body, params: { ...body.params, requestId: named.id } })
}

/** Asks a server only for capabilities that it has declared (MCP, lifecycle). */
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import type { Era } from '../base/revisions.ts'
import type { Conversation } from '../bridge/conversation.ts'
import type { Capability } from '../contract/declared.ts'
import type { Outgoing } from '../contract/outgoing.ts'
import { discover } from '../upstream/discover.ts'
import { declaredOf, isToBeHeard } from '../upstream/health.ts'
import { problemOf } from '../upstream/problem.ts'
import type { Delivery } from '../upstream/reception.ts'
import { askForSession } from '../upstream/session-era.ts'

/**
 * Tells whether the server has declared it, as far as is known or can be heard. One that cannot be heard is asked: it says
 * itself what it cannot do.
 */
export async function mayAsk({ link, signal }: Conversation, era: Era, needed: Capability): Promise<boolean> {
  if (declaredOf(link, era)?.includes(needed) !== true && isToBeHeard(link, era))
    await (era === 'session' ? askForSession(link, signal) : discover(link, signal))
  return declaredOf(link, era)?.includes(needed) ?? true
}

/**
 * Answers what the server was not asked. At its own URL the method is not implemented, for there it is what the server
 * implements; where it is one of several, the gateway implements the method, and the server has no such thing.
 */
export function notAsked(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
  lacks: Capability,
): Response {
  const { id, method } = request
  const { name } = conversation.link.config
  const problem = problemOf('undeclared', `has not declared the capability ${lacks}`, { isUndone: true })
  delivery.onEnd({ kind: 'failed', problem })
  const isSession = conversation.client.era === 'session'
  const headers = delivery.headers ?? {}
  if (isMerged(delivery)) {
    const code = method === 'resources/read' && isSession ? codes.resourceNotFound : codes.invalidParams
    const message = `The server "${name}" has nothing of the kind: it has not declared the capability ${lacks}`
    return refusalResponse({ status: 200, code, message, headers }, id)
  }
  const message = `Method not found: ${method} (the server "${name}" has not declared the capability ${lacks})`
  return refusalResponse({ status: isSession ? 200 : 404, code: codes.methodNotFound, message, headers }, id)
}

/** Tells whether the server is one of several behind the URL: then its names are changed on their way. */
export function isMerged({ rewriting }: Delivery): boolean {
  return rewriting !== null
}

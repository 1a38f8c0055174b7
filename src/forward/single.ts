/** One upstream server alone, at `/mcp/<server>`: its names unchanged, transparent but for policy. */
import type { RequestId } from '../base/jsonrpc.ts'
import { conversationAt } from '../bridge/conversation.ts'
import { rememberingPreference } from '../bridge/preferences.ts'
import { refusalRules } from '../contract/refusal-rules.ts'
import { refuse } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import { concludeRefused } from '../request/decided.ts'
import type { Message, RequestMessage } from '../request/message.ts'
import { deliver } from './deliver.ts'
import { initializeUpstream } from './initialize.ts'
import { discoverUpstream } from './introduce.ts'
import { listingOf, listReadable } from './list-readable.ts'
import { listTools } from './list-tools.ts'
import { addressed, cancel, cancelledBy, passOn } from './pass-on.ts'
import { deliveryOf, outgoing, reach, unknownMethod, unreachable } from './reached.ts'
import { readUpstream } from './read.ts'
import { readsIn } from './reads.ts'
import { forwardCancellation } from './remote-cancellations.ts'
import { listen } from './streams.ts'
import { withAllowedResources } from './watched-resources.ts'

/** Methods that are passed on undecided, for they neither act nor read. A method that is neither here nor decided is not passed on. */
const passed: ReadonlySet<string> = new Set(['ping', 'logging/setLevel'])

/** Answers one message to `server`, other than a call of a tool. */
export async function dispatchSingle(
  context: RequestContext,
  server: string,
  message: Exclude<Message, { kind: 'batch' }>,
  id: RequestId | null,
): Promise<Response> {
  switch (message.kind) {
    case 'refused':
      return refuse(context, message.refusal, { id, rule: message.isCall ? '(request)' : null })
    case 'notification':
    case 'response': {
      const { about, message: worded } = addressed(context, message)
      const params = worded.kind === 'notification' ? worded.body.params : undefined
      const reached = await reach(context, server, { era: worded.era, params, id: null, about })
      if (!reached.ok) return reached.response
      if (about.asker !== undefined) return passOn(reached.at, worded, about.asker)
      const cancelled = message.kind === 'notification' ? cancelledBy(context, message) : null
      if (cancelled === null || message.kind === 'response') return passOn(reached.at, message)
      if (cancelled.length === 0) forwardCancellation(context, message.body.params)
      const own = cancelled.filter((request) => request.server === server)
      await Promise.all(own.map((request) => cancel(reached.at, request, message)))
      return new Response(null, { status: 202 })
    }
    case 'request':
      return dispatchRequest(context, server, message)
  }
}

async function dispatchRequest(
  context: RequestContext,
  server: string,
  message: RequestMessage,
): Promise<Response> {
  const { method, era } = message
  if (readsIn(era, method)) {
    const params: Readonly<Record<string, unknown>> = message.body.params ?? {}
    return readUpstream(context, message, { server, params, rewriting: null, unreachable })
  }
  if (method === 'initialize' && era === 'session') return initializeUpstream(context, server, message)
  const reached = await reach(context, server, { era, params: message.body.params, id: message.id })
  if (!reached.ok) return reached.response
  const { at } = reached
  if (method === 'tools/list') return listTools(at, message)
  const listed = listingOf(method)
  if (listed !== null) return listReadable(at, message, listed)
  if (method === 'server/discover' && era === 'stateless') return discoverUpstream(at, message)
  if (method === 'subscriptions/listen' && era === 'stateless')
    return listen(at, await withAllowedResources(context, message, server))
  if (!passed.has(method)) {
    concludeRefused(context, refusalRules.request)
    return unknownMethod(message)
  }
  const request = outgoing(message)
  return deliver(
    conversationAt(at),
    request,
    rememberingPreference(at.context, at.upstream, request, deliveryOf(at, message)),
  )
}

/**
 * The resources that a subscription of the stateless era wants to hear of. The policy decides each as it decides reading it, with a row
 * and a charge of its own. The acknowledgement leaves out those that are refused (MCP 2026-07-28, subscriptions).
 */
import { isObject } from '../base/json.ts'
import { splitUri } from '../names/tools.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { settleLater } from '../request/outcomes.ts'
import { admitRead } from './read.ts'

/** More are not watched in one subscription: each is a question to the principal. */
const MOST = 256

/** The request with the resources that may be watched. `server`: the one that the URL is of, or null for all. */
export async function withAllowedResources(
  context: RequestContext,
  message: RequestMessage,
  server: string | null,
): Promise<RequestMessage> {
  const params: Readonly<Record<string, unknown>> = message.body.params ?? {}
  const { notifications } = params
  if (!isObject(notifications) || notifications.resourceSubscriptions === undefined) return message
  const { resourceSubscriptions: asked, ...others } = notifications
  const uris = Array.isArray(asked) ? asked.filter((uri): uri is string => typeof uri === 'string') : []
  const unique = [...new Set(uris)].slice(0, MOST)
  const allowed = await Promise.all(unique.map((uri) => mayWatch(context, message, server, uri)))
  const watched = unique.filter((_, i) => allowed[i])
  const own = watched.length === 0 ? others : { ...others, resourceSubscriptions: watched }
  return {
    ...message,
    body: { ...message.body, params: { ...params, notifications: own } },
  } as RequestMessage
}

async function mayWatch(
  context: RequestContext,
  message: RequestMessage,
  only: string | null,
  exposed: string,
): Promise<boolean> {
  const named = only === null ? splitUri(exposed) : { server: only, uri: exposed }
  if (named === null) return false
  const own = { ...context, requestId: crypto.randomUUID() }
  const { _meta } = message.body.params ?? {}
  const params = { uri: named.uri, _meta }
  const asked = {
    ...message,
    method: 'resources/subscribe',
    body: { ...message.body, params },
  } as RequestMessage
  const unreachable = () => new Response(null, { status: 404 })
  const decided = await admitRead(own, asked, { server: named.server, params, rewriting: null, unreachable })
  if (decided instanceof Response) return false
  // The stream shows whether the server reports changes of it.
  settleLater(own, { outcome: 'result', upstreamStatus: null, latencyMs: 0 })
  return true
}

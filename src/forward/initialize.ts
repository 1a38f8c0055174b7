/** `initialize` at one upstream server: a session here, a session there, and the server's own answer. */

import { codes, type Refusal, refusalResponse } from '../base/jsonrpc.ts'
import { sessionEraVersions } from '../base/revisions.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { introduceInSession } from '../bridge/introduce.ts'
import { bind } from '../bridge/partner.ts'
import { refusalRules } from '../contract/refusal-rules.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { afterAnswer, ask, askPlanned } from '../request/admission.ts'
import { answer } from '../request/answer.ts'
import type { Client } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import { concludeRefused } from '../request/decided.ts'
import type { RequestMessage } from '../request/message.ts'
import { capabilitiesWithoutTasks, introductionWithoutTasks } from '../request/tasks.ts'
import { askAnew, erasOf } from '../upstream/health.ts'
import { linkFor } from '../upstream/link.ts'
import { openForClient } from '../upstream/opening.ts'
import { rpcFailure } from './deliver.ts'
import { unreachable } from './reached.ts'

/** More of what a client says of itself is not kept. */
const MOST_CLIENT_CHARS = 16 * 1024

/** Returns the part of `initialize` that is kept with the session, for sessions that are opened in the client's name later. */
export function clientOf(params: Readonly<Record<string, unknown>>): string | null {
  const { capabilities, clientInfo } = params
  const text = JSON.stringify({ capabilities, clientInfo })
  return text.length > MOST_CLIENT_CHARS ? null : text
}

export function tooMuchClient(): Refusal {
  const message = `capabilities and clientInfo are larger than ${MOST_CLIENT_CHARS} characters`
  return { status: 200, code: codes.invalidParams, message }
}

export async function initializeUpstream(
  context: RequestContext,
  server: string,
  message: RequestMessage,
): Promise<Response> {
  const params = message.body.params as Record<string, unknown> & { protocolVersion: string }
  const clientText = clientOf(params)
  const { protocolVersion: asked } = params
  const protocolVersion = sessionEraVersions.includes(asked) ? asked : (sessionEraVersions[0] ?? asked)
  const { admission, config } = await askPlanned(context, (current) => ({
    intent:
      clientText !== null && current.upstreams.has(server)
        ? ({ kind: 'open', protocolVersion, client: clientText } as const)
        : ({ kind: 'check' } as const),
  }))
  return answer(admission, message.id, async ({ tenant, outcome }) => {
    if (clientText === null) {
      concludeRefused(context, refusalRules.request)
      return refusalResponse(tooMuchClient(), message.id)
    }
    const upstream = config?.upstreams.get(server)
    if (upstream === undefined || outcome.kind !== 'opened') {
      concludeRefused(context, refusalRules.unknownServer)
      return unreachable()
    }
    const within: RequestContext = { ...context, transport: outcome.transport }
    const passOn = (refusal: RpcMessage) => {
      // Without its server the session is of no use, and the client does not know of it.
      afterAnswer(within, async () => void (await ask(within, { kind: 'close' })))
      return Response.json({ ...refusal, id: message.id })
    }
    const give = (problem: UpstreamProblem) => passOn(rpcFailure(message.id, server, problem))
    const link = await linkFor(context, tenant, upstream)
    if ('failure' in link) return give(link)
    const capabilities = capabilitiesWithoutTasks(params.capabilities as Client['capabilities'])
    const client: Client = {
      era: 'session',
      protocolVersion,
      capabilities,
      clientInfo: params.clientInfo as Client['clientInfo'],
    }
    const conversation = { context: within, client, link, known: null }
    const headers = { 'mcp-session-id': outcome.transport }
    askAnew(link)
    let refusal: RpcMessage | null = null
    if (erasOf(link).session !== false) {
      const opened = await openForClient(
        link,
        { ...params, capabilities, protocolVersion: asked },
        context.http.headers,
      )
      if (opened.kind === 'failed') return give(opened.problem)
      if (opened.kind === 'opened') {
        const mine = { id: opened.id, protocolVersion: opened.protocolVersion }
        const bound = await bind(conversation, mine, undefined, null)
        if (!bound.ok) return give(bound.problem)
        return Response.json({ ...introductionWithoutTasks(opened.message), id: message.id }, { headers })
      }
      if (opened.kind !== 'other_era') refusal = opened.message
      // The server's own answer to this client, whatever others are told.
      if (opened.kind === 'refused') return passOn(opened.message)
    }
    const introduced = await introduceInSession(conversation, protocolVersion)
    if (!introduced.ok) return refusal === null ? give(introduced.problem) : passOn(refusal)
    const introduction = { jsonrpc: '2.0', id: message.id, result: introduced.result } as const
    return Response.json(introductionWithoutTasks(introduction), { headers })
  })
}

/** The life of one tools/call to an upstream server: find, decide, admit, deliver, settle. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { isObject } from '../base/json.ts'
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { continueExchange } from '../bridge/exchange-call.ts'
import { approvalAnswer } from '../call/approval-answer.ts'
import { askApproved, isOwnState } from '../call/approval-ask.ts'
import { continuationAsked } from '../call/approval-continuation.ts'
import type { TenantCharge } from '../call/judge.ts'
import { refusedAnswer } from '../call/not-admitted.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Admitted } from '../contract/principal.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { isOurState } from '../eras/names.ts'
import { rateLimitHeaders } from '../policy/headers.ts'
import { acceptsEvents } from '../request/accept.ts'
import { type Admission, admittedIn, afterAnswer } from '../request/admission.ts'
import { answer } from '../request/answer.ts'
import { type Client, sessionClient, statelessClient } from '../request/client.ts'
import { principalOf, type RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { settleLater } from '../request/outcomes.ts'
import { paramsWithoutTasks } from '../request/tasks.ts'
import { failure, withoutStructure } from '../servers/kit/result.ts'
import { codeOf, describe, isRefunded } from '../upstream/problem.ts'
import type { Delivery, Ending, Rewriting } from '../upstream/reception.ts'
import { asListed, type FreshList, forwardedMeta, plan, type UpstreamPlan } from './call-plan.ts'
import { deliver, refused, settledFrom } from './deliver.ts'
import { linkFor } from './link-for.ts'
import { listAfresh } from './listed.ts'
import type { Target } from './target.ts'

/** Runs a tools/call whose params have the protocol's shape. */
export async function callUpstream(
  context: RequestContext,
  message: RequestMessage,
  find: (config: CompiledConfig) => Target | null,
  rewriting: Rewriting | null,
): Promise<Response> {
  const { name } = message.body.params as { name: string }
  const { admission, planned } = await decided(context, message, find)
  const say = (result: CallToolResult, headers: Readonly<Record<string, string>> = {}) =>
    Response.json(resultMessage(message, withoutStructure(result)), { headers: { ...headers } })

  const refusedCall = refusedAnswer(admission)
  if (refusedCall !== null) return say(refusedCall.result, refusedCall.headers)
  if (admission.kind === 'approval') {
    if (admission.drain) afterAnswer(context, (principal) => principal.drain())
    const told = approvalAnswer(message, admission)
    return told.kind === 'response' ? told.response : say(told.result)
  }
  if (admission.kind !== 'admitted' || planned === null) return notAdmitted(admission, message)
  switch (planned.kind) {
    case 'unknown':
      return refusalResponse(
        { status: 200, code: planned.code ?? codes.invalidParams, message: `Unknown tool: ${name}` },
        message.id,
      )
    case 'unfit':
      return refusalResponse(planned.refusal, message.id)
    case 'refused':
      return say(planned.result, planned.headers)
    case 'unlisted':
      return notAdmitted({ kind: 'unavailable' }, message)
    case 'ready':
      return perform(context, message, planned, admission.admitted, rewriting)
  }
}

/** Decides a call. Where it is of a tool that is in no list that is known, its server is asked for a fresh one first. */
async function decided(
  context: RequestContext,
  message: RequestMessage,
  find: (config: CompiledConfig) => Target | null,
): ReturnType<typeof askApproved<UpstreamPlan>> {
  const ask = (fresh: FreshList | null) =>
    askApproved(context, message, (config, isEarly) =>
      plan({ context, message, target: find(asListed(config, fresh)), config, isEarly, fresh }),
    )
  const first = await ask(null)
  const { admission, planned, config } = first
  if (planned?.kind !== 'unlisted' || config === null) return first
  const { target } = planned
  if (admission.kind !== 'admitted') {
    // Asked again as what it is, so that it is on record; the principal says the same.
    const { kind } = admission
    const isShut = kind === 'suspended' || kind === 'dead_session' || kind === 'dead_handle'
    return isShut ? ask({ target, said: null }) : first
  }
  const { admitted } = admission
  const client = clientOf(message, admitted)
  const asker = { context: admittedIn(context, admitted), message, config, client, admitted }
  return ask({ target, said: await listAfresh(asker, target) })
}

function clientOf(message: RequestMessage, admitted: Admitted): Client {
  return message.era === 'session' ? sessionClient(admitted) : statelessClient(message.body.params)
}

function notAdmitted(admission: Admission, message: RequestMessage): Promise<Response> {
  return answer(admission, message.id, () =>
    refusalResponse(
      { status: 503, code: codes.internalError, message: 'The request could not be decided' },
      message.id,
    ),
  )
}

async function perform(
  context: RequestContext,
  message: RequestMessage,
  { target, args, ofTenant, intent, isContinued }: Extract<UpstreamPlan, { kind: 'ready' }>,
  admitted: Admitted,
  rewriting: Rewriting | null,
): Promise<Response> {
  const startedAtMs = Date.now()
  const { upstream } = target
  const isApproved = intent.kind === 'call' && intent.approval !== null
  if (admitted.drain) afterAnswer(context, (principal) => principal.drain())
  const client = clientOf(message, admitted)
  const delivery: Delivery = {
    acceptsEvents: () => acceptsEvents(context.http),
    gone: context.http.signal,
    failure: (problem) => failed(message, upstream.name, problem),
    onEnd: (ending: Ending) => {
      settleLater(context, settledFrom(ending, startedAtMs))
      if (ending.kind === 'failed' && isRefunded(ending.problem))
        refund(context, admitted, ofTenant, ending.problem)
      // What was approved has not been done before its server has been told what it asks for.
      const question = isApproved ? questionIn(ending) : null
      if (question !== null) afterAnswer(context, () => reopen(context, question))
    },
    headers: rateLimitHeaders([...admitted.standings, ...ofTenant.taken.standings]),
    rewriting,
  }
  const link = await linkFor(context, admitted.tenant, upstream)
  if ('failure' in link) return refused(link, delivery)
  const given = message.body.params as Record<string, unknown>
  const own = given.arguments === undefined ? {} : { arguments: args }
  const params = forwardedParams(target.tool, { ...given, ...own })
  const request = { jsonrpc: '2.0', id: message.id, method: 'tools/call', params } as const
  const talk = { context: admittedIn(context, admitted), client, link, known: admitted.upstream }
  // Never to the server itself: nothing was charged.
  return isContinued ? continueExchange(talk, request, delivery) : deliver(talk, request, delivery)
}

/**
 * The result by which a server wants to be told something before it makes the call (MCP 2026-07-28, multi round-trip
 * requests); null for any other answer.
 */
function questionIn(ending: Ending): Readonly<Record<string, unknown>> | null {
  if (ending.kind !== 'answered' || ending.message === 'cut') return null
  const { result } = ending.message
  // A call that waits in the gateway goes on there; it must not be made anew.
  const isAsking =
    isObject(result) && result.resultType === 'input_required' && !isOurState(result.requestState)
  return isAsking ? result : null
}

/** Lets the call that answers exactly this question go on. */
async function reopen(context: RequestContext, question: Readonly<Record<string, unknown>>): Promise<void> {
  const continuation = await continuationAsked(question)
  if (continuation !== null) await principalOf(context).reopenApproval(context.requestId, continuation)
}

/** What surely did not happen is given back. */
function refund(
  context: RequestContext,
  { charged }: Admitted,
  ofTenant: TenantCharge,
  { status }: UpstreamProblem,
): void {
  if (charged) afterAnswer(context, (principal) => principal.refund(context.requestId, status !== null))
  context.execution.waitUntil(ofTenant.abandon())
}

/** The fields of `params` that MCP knows: what the policy has not looked at must not mean anything to the tool. */
const forwarded = ['arguments', 'inputResponses', 'requestState'] as const

function forwardedParams(
  tool: string,
  params: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const outgoing: Record<string, unknown> = { name: tool }
  // What was said to a question of the gateway's own is not for the server.
  const isOwn = isOwnState(params.requestState)
  for (const field of forwarded) {
    const isAnswer = field === 'inputResponses' || field === 'requestState'
    if (params[field] !== undefined && !(isOwn && isAnswer)) outgoing[field] = params[field]
  }
  const meta = forwardedMeta(params)
  if (meta !== null) outgoing._meta = meta
  return paramsWithoutTasks(outgoing)
}

/** A result of our own, in the form of the client's era. */
export function resultMessage({ era, id }: RequestMessage, result: CallToolResult): RpcMessage {
  return { jsonrpc: '2.0', id, result: era === 'stateless' ? { resultType: 'complete', ...result } : result }
}

function failed(message: RequestMessage, server: string, problem: UpstreamProblem): RpcMessage {
  const { retryAfterSeconds } = problem
  const retry = retryAfterSeconds === null ? {} : { retry_after_seconds: retryAfterSeconds }
  const result = failure(codeOf(problem), describe(server, problem), { server, ...retry })
  return resultMessage(message, withoutStructure(result))
}

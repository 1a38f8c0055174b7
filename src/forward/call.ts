/** The life of one tools/call to an upstream server: find, decide, admit, deliver, settle. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { approvalAnswer } from '../approvals/answer.ts'
import { answersIn, askApproved, isOwnState } from '../approvals/ask.ts'
import { continuationAsked } from '../approvals/continuation.ts'
import { argumentsHmac } from '../audit/arguments-hmac.ts'
import { continueExchange } from '../bridge/exchange-call.ts'
import { isOurState, readRequestState } from '../bridge/names.ts'
import { acceptsEvents } from '../gateway/accept.ts'
import { type Admission, afterAnswer, type Passage, principalOf } from '../gateway/admission.ts'
import { answer } from '../gateway/answer.ts'
import { codes, type Refusal, refusalResponse } from '../gateway/jsonrpc.ts'
import { Judge, type RefusedCall, type TenantCharge } from '../gateway/judge.ts'
import type { RequestMessage } from '../gateway/message.ts'
import { refusedAnswer } from '../gateway/not-admitted.ts'
import { settleLater } from '../gateway/outcomes.ts'
import { unknownCall } from '../gateway/unknown-call.ts'
import { isObject } from '../json.ts'
import { failure, withoutStructure } from '../native/result.ts'
import { rateLimitHeaders } from '../policy/headers.ts'
import type { Admitted, CallRecord, Intent } from '../principal/contract.ts'
import type { CompiledConfig } from '../tenant/compiled.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import { linkTo } from '../upstream/link.ts'
import { LONGEST_TOOL_NAME } from '../upstream/names.ts'
import { codeOf, describe, isRefunded, type UpstreamProblem } from '../upstream/problem.ts'
import type { Ending, Rewriting } from '../upstream/reception.ts'
import type { RpcMessage } from '../upstream/rpc.ts'
import { aliasOf } from './alias.ts'
import { annotationsFor } from './annotations.ts'
import { type Client, ownerOf, sessionClient, statelessClient } from './client.ts'
import { type Delivery, deliver, refused, settledFrom } from './deliver.ts'
import { withheldOf } from './list-tools.ts'
import { paramsWithoutTasks } from './tasks.ts'
import { inexactText, paramHeaderRefusal } from './unfit.ts'

/** Where a call goes. */
export interface Target {
  readonly upstream: UpstreamConfig
  /** The tool's name, as its own server knows it. */
  readonly tool: string
}

/** `_meta` key under which a client of the stateless era names its session to calls of upstream tools. */
export const SESSION_META_KEY = 'gatehouse/session'

type UpstreamPlan =
  | { readonly kind: 'unknown'; readonly intent: Intent }
  /** Refused as HTTP. */
  | { readonly kind: 'unfit'; readonly intent: Intent; readonly refusal: Refusal }
  | RefusedCall
  | {
      readonly kind: 'ready'
      readonly intent: Intent
      readonly upstream: { readonly server: string; readonly owner: string | null }
      readonly target: Target
      readonly ofTenant: TenantCharge
      /** It goes on with a call that waits for input, in the gateway. */
      readonly isContinued: boolean
      readonly abandon: () => Promise<void>
    }

/** Runs a tools/call whose params have the protocol's shape. */
export async function callUpstream(
  passage: Passage,
  message: RequestMessage,
  find: (config: CompiledConfig) => Target | null,
  rewriting: Rewriting | null,
): Promise<Response> {
  const { name } = message.body.params as { name: string }
  const { admission, planned } = await askApproved(passage, message, (config, isEarly) =>
    plan(passage, message, fitting(find(config)), config, isEarly),
  )
  const say = (result: CallToolResult, headers: Readonly<Record<string, string>> = {}) =>
    Response.json(resultMessage(message, withoutStructure(result)), { headers: { ...headers } })

  const refusedCall = refusedAnswer(admission)
  if (refusedCall !== null) return say(refusedCall.result, refusedCall.headers)
  if (admission.kind === 'approval') {
    if (admission.drain) afterAnswer(passage, (principal) => principal.drain())
    const told = approvalAnswer(message, admission)
    return told.kind === 'response' ? told.response : say(told.result)
  }
  if (admission.kind !== 'admitted' || planned === null) return notAdmitted(admission, message)
  switch (planned.kind) {
    case 'unknown':
      return refusalResponse(
        { status: 200, code: codes.invalidParams, message: `Unknown tool: ${name}` },
        message.id,
      )
    case 'unfit':
      return refusalResponse(planned.refusal, message.id)
    case 'refused':
      return say(planned.result, planned.headers)
    case 'ready':
      return perform(passage, message, planned, admission.admitted, rewriting)
  }
}

function notAdmitted(admission: Admission, message: RequestMessage): Promise<Response> {
  return answer(admission, message.id, () =>
    refusalResponse(
      { status: 503, code: codes.internalError, message: 'The request could not be decided' },
      message.id,
    ),
  )
}

async function plan(
  passage: Passage,
  message: RequestMessage,
  target: Target | null,
  config: CompiledConfig,
  isEarly: boolean,
): Promise<UpstreamPlan> {
  const { arguments: args = {}, _meta } = message.body.params as {
    arguments?: Record<string, unknown>
    _meta?: Record<string, unknown>
  }
  const handle = message.era === 'stateless' ? _meta?.[SESSION_META_KEY] : null
  const subject = {
    tool: target === null ? '(unknown)' : `${target.upstream.name}__${target.tool}`,
    alias: target === null ? undefined : aliasOf(target.tool),
    args,
    call: await record(passage, target, args),
    handle: typeof handle === 'string' ? handle : null,
    answers: answersIn(message),
    isEarly,
  }
  // The principal says so to the client, and puts it on record.
  if (config.isSuspended) {
    const intent = new Judge(passage, config, subject).refusal('refuse', '(suspended)')
    return { kind: 'unknown', intent }
  }
  if (target === null) {
    const intent = new Judge(passage, config, subject).refusal('refuse', '(unknown tool)')
    return { kind: 'unknown', intent }
  }
  const said = await annotationsFor(passage, config, target, subject)
  if ('undecided' in said)
    return new Judge(passage, config, subject).refuse('refuse', '(annotations)', said.undecided)
  const judge = new Judge(passage, config, { ...subject, ...said })
  const refusedCall = judge.decide(Date.now())
  if (refusedCall !== null) return refusedCall
  const withheld = withheldOf(target.upstream, target.tool)
  if (withheld === 'hidden') return { kind: 'unknown', intent: judge.refusal('deny', '(drift)') }
  if (withheld === 'blocked') {
    const text =
      `The tool "${target.tool}" of the server "${target.upstream.name}" is not what it was when it was first listed, ` +
      'so it is blocked until an administrator accepts the change.'
    const facts = { server: target.upstream.name, tool: target.tool }
    return judge.refuse('deny', '(drift)', failure('tool_changed', text, facts))
  }
  const { inexactNumber } = passage
  if (inexactNumber !== null)
    return judge.refuse('refuse', '(number)', failure('invalid_arguments', inexactText(inexactNumber)))
  const refusal = await paramHeaderRefusal(passage, message, target.upstream, target.tool, args)
  if (refusal !== null) return { kind: 'unfit', intent: judge.refusal('refuse', '(headers)'), refusal }
  const begunBy = begunByOf(message)
  const isContinued = begunBy !== null
  const reserved = isContinued ? judge.goOn(begunBy) : await judge.reserve({ kind: 'none' })
  if (reserved.kind === 'refused') return reserved
  const { intent, ofTenant } = reserved
  const owner = message.era === 'session' ? null : ownerOf(statelessClient(message.body.params))
  const upstream = { server: target.upstream.name, owner }
  return { kind: 'ready', intent, upstream, target, ofTenant, isContinued, abandon: ofTenant.abandon }
}

/**
 * The request that began the call which this one goes on with, in the gateway; empty for a state that is none of ours,
 * whatever it claims, null for a call of its own.
 */
function begunByOf({ era, body }: RequestMessage): string | null {
  const state = body.params?.requestState
  if (era !== 'stateless' || !isOurState(state)) return null
  return readRequestState(state)?.begunBy ?? ''
}

/** A tool whose name is too long has no pin, so it is as good as not there. */
function fitting(target: Target | null): Target | null {
  return target !== null && target.tool.length <= LONGEST_TOOL_NAME ? target : null
}

/** What the audit row says: argument names as they were given, where they look like names at all. */
async function record(
  { env, claim }: Passage,
  target: Target | null,
  args: Readonly<Record<string, unknown>>,
): Promise<CallRecord> {
  if (target === null) return unknownCall
  const names = Object.keys(args)
  const plain = names.filter((name) => /^[A-Za-z_][\w.-]{0,63}$/.test(name)).slice(0, MOST_NAMES)
  const argumentNames = plain.length === names.length ? plain : [...plain, '(other)']
  const hmac = await argumentsHmac(env, claim.tenant, args)
  return { server: target.upstream.name, tool: target.tool, argumentNames, argumentsHmac: hmac }
}

const MOST_NAMES = 64

async function perform(
  passage: Passage,
  message: RequestMessage,
  { target, ofTenant, intent, isContinued }: Extract<UpstreamPlan, { kind: 'ready' }>,
  admitted: Admitted,
  rewriting: Rewriting | null,
): Promise<Response> {
  const startedAtMs = Date.now()
  const { upstream } = target
  const isApproved = intent.kind === 'call' && intent.approval !== null
  if (admitted.drain) afterAnswer(passage, (principal) => principal.drain())
  const client: Client =
    message.era === 'session' ? sessionClient(admitted) : statelessClient(message.body.params)
  const delivery: Delivery = {
    acceptsEvents: () => acceptsEvents(passage.http),
    gone: passage.http.signal,
    failure: (problem) => failed(message, upstream.name, problem),
    onEnd: (ending: Ending) => {
      const settled = settledFrom(ending, startedAtMs)
      if (settled !== null) settleLater(passage, settled)
      if (ending.kind === 'failed' && isRefunded(ending.problem))
        refund(passage, admitted, ofTenant, ending.problem)
      // What was approved has not been done before its server has been told what it asks for.
      const question = isApproved ? questionIn(ending) : null
      if (question !== null) afterAnswer(passage, () => reopen(passage, question))
    },
    headers: rateLimitHeaders([...admitted.standings, ...ofTenant.taken.standings]),
    rewriting,
  }
  const link = await linkTo(passage.env, admitted.tenant, upstream, (work) =>
    passage.execution.waitUntil(work),
  )
  if ('failure' in link) return refused(link, delivery)
  const params = forwardedParams(target.tool, message.body.params as Record<string, unknown>)
  const request = { jsonrpc: '2.0', id: message.id, method: 'tools/call', params } as const
  const talk = { passage, client, link, known: admitted.upstream }
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
async function reopen(passage: Passage, question: Readonly<Record<string, unknown>>): Promise<void> {
  const continuation = await continuationAsked(question)
  if (continuation !== null) await principalOf(passage).reopenApproval(passage.requestId, continuation)
}

/** What surely did not happen is given back. */
function refund(
  passage: Passage,
  { charged }: Admitted,
  ofTenant: TenantCharge,
  { status }: UpstreamProblem,
): void {
  if (charged) afterAnswer(passage, (principal) => principal.refund(passage.requestId, status !== null))
  passage.execution.waitUntil(ofTenant.abandon())
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
  if (isObject(params._meta)) {
    const { [SESSION_META_KEY]: _, ...meta } = params._meta
    outgoing._meta = meta
  }
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

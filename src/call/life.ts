/**
 * One life of a tools/call, whatever serves the tool: find, decide, check, admit, perform, settle. A `CallTool` has the
 * differences between a tool of the gateway's own and one of an upstream server.
 *
 * - find: which tool the call is of, and what the policy and the audit look at
 * - decide: what the policy says (judge.ts)
 * - check: whether the tool can take it as it is
 * - admit: the principal counts it, asks for a person, and puts it on record, in one question
 * - perform: the tool does it, and answers
 * - settle: how it ended is told to its row (settle.ts), once that is known
 */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { codes, type Refusal, refusalResponse } from '../base/jsonrpc.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { AdmitRequest, Admitted, Intent, Work } from '../contract/principal.ts'
import { rateLimitHeaders } from '../policy/headers.ts'
import { type Admission, askPlanned, drainLater } from '../request/admission.ts'
import { answer } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import { conclude } from '../request/decided.ts'
import type { RequestMessage } from '../request/message.ts'
import { approvalAnswer } from './approval-answer.ts'
import { afterDecision } from './approval-ask.ts'
import { answersIn } from './approval-continuation.ts'
import { Judge, type RefusedCall, type Subject, type TenantCharge } from './judge.ts'
import { refusedAnswer } from './not-admitted.ts'
import type { UnderWay } from './settle.ts'

type Headers = Readonly<Record<string, string>>

/** The upstream session that a call is made in. */
export type Wanted = NonNullable<AdmitRequest['upstream']>

/** Why a call is not made; `rule` is what its audit row gives as the reason. */
export type Instead =
  /** There is no such tool. `code`: of the error that says so. */
  | {
      readonly kind: 'unknown'
      readonly decision: 'refuse' | 'deny'
      readonly rule: string
      readonly code?: number
    }
  /** Refused as HTTP. */
  | { readonly kind: 'unfit'; readonly rule: string; readonly refusal: Refusal }
  /** Refused in words that the agent reads. */
  | {
      readonly kind: 'refused'
      readonly decision: 'refuse' | 'deny'
      readonly rule: string
      readonly result: CallToolResult
    }

/** A call whose tool has been looked for. */
export interface Found {
  /** In the session that the call names. */
  readonly context: RequestContext
  /** The session that the call names, where only the configuration tells how it does; absent where it names none so. */
  readonly handle?: string
  readonly subject: Subject
}

/** Why the policy is not asked; `unlisted`: the server is to be asked for its list before. */
type Unfound = Found & {
  readonly instead: Instead | { readonly kind: 'unlisted'; readonly upstream: Wanted }
}

export type Looked<F extends Found> = Unfound | (F & { readonly instead: null })

/** A call that its tool can take. */
export interface Checked<R> {
  readonly kind: 'ready'
  /** The principal does this in the transaction that admits the call. */
  readonly work: Work
  /** The request that began the call which this one goes on with; null for a call of its own. */
  readonly begunBy: string | null
  readonly upstream: Wanted | null
  /** The data that `perform` needs. */
  readonly ready: R
}

/** A tool as a call sees it: the parts that differ from tool to tool. */
export interface CallTool<F extends Found, R> {
  readonly context: RequestContext
  /** As the client calls it. */
  readonly name: string
  /** @param isEarly that its server has asked may not be known yet (approval-ask.ts) */
  readonly find: (config: CompiledConfig, isEarly: boolean) => Promise<Looked<F>>
  readonly check: (found: F, config: CompiledConfig, nowMs: number) => Promise<Checked<R> | Instead>
  /** The same tool, after its server was asked for its list; null where it is not asked. Absent: there is no list. */
  readonly relisted?: (admission: Admission, config: CompiledConfig) => Promise<CallTool<F, R> | null>
  /** @param headers what the answer says of limits */
  readonly perform: (ready: R, call: UnderWay, headers: Headers) => Promise<Response>
  /** The answer with a result of the gateway's own. */
  readonly put: (result: CallToolResult, headers: Headers) => Response | Promise<Response>
}

/** The Worker's plan for a call, made before the principal is asked. */
type CallPlan<R> = { readonly handle?: string } & (
  | { readonly kind: 'unknown'; readonly intent: Intent; readonly code: number }
  | { readonly kind: 'unfit'; readonly intent: Intent; readonly refusal: Refusal }
  | {
      readonly kind: 'unlisted'
      readonly intent: Intent
      readonly upstream: Wanted
      readonly isAhead: true
    }
  | RefusedCall
  | {
      readonly kind: 'ready'
      readonly intent: Intent
      readonly upstream: Wanted | null
      readonly ready: R
      readonly ofTenant: TenantCharge
      readonly abandon: () => Promise<void>
    }
)

type Asked<R> = Awaited<ReturnType<typeof askPlanned<CallPlan<R>>>>

/** Runs a tools/call whose params have the protocol's shape. */
export async function runCall<F extends Found, R>(
  message: RequestMessage,
  tool: CallTool<F, R>,
): Promise<Response> {
  const { context } = tool
  let { admission, planned, config } = await admit(message, tool)
  if (planned?.kind === 'unlisted' && config !== null) {
    const relisted = await tool.relisted?.(admission, config)
    if (relisted) ({ admission, planned } = await admit(message, relisted))
    else conclude(context, planned.intent, admission)
  }
  const refused = refusedAnswer(admission)
  if (refused !== null) {
    if (refused.drain) drainLater(context)
    return tool.put(refused.result, refused.headers)
  }
  if (admission.kind === 'approval') {
    if (admission.drain) drainLater(context)
    const told = approvalAnswer(message, admission)
    return told.kind === 'response' ? told.response : tool.put(told.result, {})
  }
  if (admission.kind !== 'admitted' || planned === null) return notAdmitted(admission, message)
  switch (planned.kind) {
    case 'unknown': {
      const unknown = { status: 200, code: planned.code, message: `Unknown tool: ${tool.name}` }
      return refusalResponse(unknown, message.id)
    }
    case 'unfit':
      return refusalResponse(planned.refusal, message.id)
    case 'refused':
      return tool.put(planned.result, planned.headers)
    case 'unlisted':
      return notAdmitted({ kind: 'unavailable' }, message)
    case 'ready':
      return perform(tool, planned, admission.admitted)
  }
}

/** Finds, decides and checks the call under the configuration that counts, and asks the principal for it. */
async function admit<F extends Found, R>(message: RequestMessage, tool: CallTool<F, R>): Promise<Asked<R>> {
  const plan = (isEarly: boolean) => (config: CompiledConfig) => planned(tool, config, isEarly)
  const asked = await askPlanned(tool.context, plan(answersIn(message) !== null))
  const isDecided =
    asked.admission.kind === 'approval' && (await afterDecision(tool.context, message, asked.admission))
  return isDecided ? askPlanned(tool.context, plan(false)) : asked
}

async function planned<F extends Found, R>(
  tool: CallTool<F, R>,
  config: CompiledConfig,
  isEarly: boolean,
): Promise<CallPlan<R>> {
  const found = await tool.find(config, isEarly)
  const plan = await decided(tool, found, config)
  return found.handle === undefined ? plan : { ...plan, handle: found.handle }
}

async function decided<F extends Found, R>(
  tool: CallTool<F, R>,
  found: Looked<F>,
  config: CompiledConfig,
): Promise<CallPlan<R>> {
  const judge = new Judge(found.context, config, found.subject)
  // The principal says so to the client, and puts it on record.
  if (config.isSuspended)
    return refusedFor(judge, { kind: 'unknown', decision: 'refuse', rule: '(suspended)' })
  if (found.instead !== null) {
    const { instead } = found
    return instead.kind === 'unlisted'
      ? { kind: 'unlisted', intent: { kind: 'check' }, upstream: instead.upstream, isAhead: true }
      : refusedFor(judge, instead)
  }
  const nowMs = Date.now()
  const denied = judge.decide(nowMs)
  if (denied !== null) return denied
  const checked = await tool.check(found, config, nowMs)
  if (checked.kind !== 'ready') return refusedFor(judge, checked)
  const { work, begunBy, upstream, ready } = checked
  const reserved = begunBy === null ? await judge.reserve(work) : judge.resume(begunBy)
  if (reserved.kind === 'refused') return reserved
  const { intent, ofTenant } = reserved
  return { kind: 'ready', intent, upstream, ready, ofTenant, abandon: ofTenant.abandon }
}

function refusedFor<R>(judge: Judge, instead: Instead): CallPlan<R> {
  switch (instead.kind) {
    case 'unknown': {
      const { decision, rule, code = codes.invalidParams } = instead
      return { kind: 'unknown', intent: judge.refusal(decision, rule), code }
    }
    case 'unfit':
      return { kind: 'unfit', intent: judge.refusal('refuse', instead.rule), refusal: instead.refusal }
    case 'refused':
      return judge.refuse(instead.decision, instead.rule, instead.result)
  }
}

function perform<F extends Found, R>(
  tool: CallTool<F, R>,
  { ready, intent, ofTenant }: Extract<CallPlan<R>, { kind: 'ready' }>,
  admitted: Admitted,
): Promise<Response> {
  const isApproved = intent.kind === 'call' && intent.approval !== null
  const call = { context: tool.context, admitted, ofTenant, isApproved, startedAtMs: Date.now() }
  return tool.perform(ready, call, rateLimitHeaders([...admitted.standings, ...ofTenant.taken.standings]))
}

function notAdmitted(admission: Admission, { id }: RequestMessage): Promise<Response> {
  const undecided = { status: 503, code: codes.internalError, message: 'The request could not be decided' }
  return answer(admission, id, () => refusalResponse(undecided, id))
}

/** The life of one tools/call: find, decide, check, admit, complete. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { argumentsHmac } from '../audit/arguments-hmac.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Admitted, CallRecord, Intent, Work } from '../contract/principal.ts'
import { rateLimitHeaders } from '../policy/headers.ts'
import { type Admission, afterAnswer, ask } from '../request/admission.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { settleLater } from '../request/outcomes.ts'
import { unknownCall } from '../request/unknown-call.ts'
import { findTool, type Reach } from '../servers/catalogue.ts'
import { describeProblems, parseArguments } from '../servers/kit/arguments.ts'
import { failure } from '../servers/kit/result.ts'
import { type NativeTool, type Preparation, withoutHandle } from '../servers/kit/tool.ts'
import { approvalAnswer } from './approval-answer.ts'
import { askApproved } from './approval-ask.ts'
import { inexactArguments } from './inexact.ts'
import { Judge, type RefusedCall, type TenantCharge } from './judge.ts'
import { refusedAnswer } from './not-admitted.ts'

/** What the Worker made of a call before the principal is asked. */
type CallPlan =
  | { readonly kind: 'unknown'; readonly intent: Intent }
  | RefusedCall
  | {
      readonly kind: 'ready'
      readonly intent: Intent
      readonly complete: Extract<Preparation, { kind: 'work' }>['complete']
      readonly ofTenant: TenantCharge
      readonly abandon: () => Promise<void>
    }

export type CallOutcome =
  | {
      readonly kind: 'result'
      readonly result: CallToolResult
      readonly drain: boolean
      /** What the answer says of limits. */
      readonly headers: Readonly<Record<string, string>>
    }
  /** Answered in the protocol's own words, not as a tool's result. */
  | {
      readonly kind: 'response'
      readonly response: Response
      readonly drain: boolean
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly kind: 'unknown_tool'; readonly name: string }
  | { readonly kind: 'not_admitted'; readonly admission: Admission }

/** Runs a tools/call whose params have the protocol's shape. `reach` is what the URL serves. */
export async function runCall(
  onTheWay: RequestContext,
  message: RequestMessage,
  reach: (config: CompiledConfig) => Reach,
): Promise<CallOutcome> {
  const { name, arguments: given = {} } = message.body.params as {
    name: string
    arguments?: Record<string, unknown>
  }
  const { args, handle } = withoutHandle(given)
  // Two that differ name no session.
  const isOne = onTheWay.handle === null || onTheWay.handle === handle
  const context = handle === null ? onTheWay : { ...onTheWay, handle: isOne ? handle : '' }
  const signal = message.era === 'stateless' ? context.http.signal : undefined
  const { admission, planned } = await askApproved(context, message, (config) =>
    plan(context, { name, args, given: Object.keys(given) }, findTool(name, reach(config)), config, signal),
  )
  const refused = refusedAnswer(admission)
  if (refused !== null) return { kind: 'result', ...refused }
  if (admission.kind === 'approval')
    return { ...approvalAnswer(message, admission), drain: admission.drain, headers: {} }
  if (admission.kind !== 'admitted' || planned === null) return { kind: 'not_admitted', admission }
  switch (planned.kind) {
    case 'unknown':
      return { kind: 'unknown_tool', name }
    case 'refused':
      return { kind: 'result', result: planned.result, drain: false, headers: planned.headers }
    case 'ready':
      return { kind: 'result', ...(await finish(context, planned, admission.admitted)) }
  }
}

/** A tool's own arguments, and the names of all that were given: the session's handle, which is not among them, too. */
interface Called {
  readonly name: string
  readonly args: Record<string, unknown>
  readonly given: readonly string[]
}

async function plan(
  context: RequestContext,
  { name, args, given }: Called,
  tool: NativeTool | null,
  config: CompiledConfig,
  signal: AbortSignal | undefined,
): Promise<CallPlan> {
  const call = await record(context, tool, args, given)
  const judge = new Judge(context, config, {
    tool: name,
    args,
    annotations: { ...tool?.definition.annotations },
    call,
    secrets: tool?.secrets ?? [],
  })
  // The principal says so to the client, and puts it on record.
  if (config.isSuspended) return { kind: 'unknown', intent: judge.refusal('refuse', '(suspended)') }
  if (tool === null) return { kind: 'unknown', intent: judge.refusal('refuse', '(unknown tool)') }
  const nowMs = Date.now()
  const refused = judge.decide(nowMs)
  if (refused !== null) return refused
  const parsed = parseArguments(tool.input, args)
  if (!parsed.ok) {
    const message = `Invalid arguments for ${name}; the tool was not called.\n${describeProblems(parsed.problems)}`
    const result = failure('invalid_arguments', message, { problems: parsed.problems })
    return judge.refuse('refuse', '(arguments)', result)
  }
  const inexact = inexactArguments(context)
  if (inexact !== null) return judge.refuse('refuse', '(number)', inexact)
  const { env, claim, execution } = context
  const prepared = await tool.prepare(parsed.args, {
    env,
    tenant: claim.tenant,
    grant: claim.grant,
    config,
    nowMs,
    signal,
    again: (work, rule) => again(context, call, work, rule),
    waitUntil: (work) => execution.waitUntil(work),
  })
  if (prepared.kind === 'refuse') {
    return judge.refuse('refuse', `(${prepared.code})`, failure(prepared.code, prepared.message))
  }
  const reserved = await judge.reserve(prepared.work)
  if (reserved.kind === 'refused') return reserved
  const { intent, ofTenant } = reserved
  return { kind: 'ready', complete: prepared.complete, intent, ofTenant, abandon: ofTenant.abandon }
}

/** What the audit row says. Only names that our schemas have: whatever else a client calls things may be a secret. */
async function record(
  { env, claim }: RequestContext,
  tool: NativeTool | null,
  args: Record<string, unknown>,
  given: readonly string[],
): Promise<CallRecord> {
  if (tool === null) return unknownCall
  const known = given.filter((name) => Object.hasOwn(tool.input.shape, name))
  const argumentNames = known.length === given.length ? known : [...known, '(unknown)']
  // What logs in may be a password: nothing is kept that a guess at it could be compared with.
  const hmac = tool.definition.name === 'auth_login' ? null : await argumentsHmac(env, claim.tenant, args)
  return { server: tool.server, tool: tool.definition.name, argumentNames, argumentsHmac: hmac }
}

/** Completes an admitted call; what surely did not happen is refunded once the client has its answer. */
async function finish(
  context: RequestContext,
  { intent, complete, ofTenant }: Extract<CallPlan, { kind: 'ready' }>,
  admitted: Admitted,
): Promise<Omit<Extract<CallOutcome, { kind: 'result' }>, 'kind'>> {
  const startedAtMs = Date.now()
  const { result, refund, drain = false } = await complete(admitted)
  // What the principal did itself, it has written down itself.
  if (intent.kind === 'call' && intent.work.kind === 'none') {
    const outcome = refund ? 'not_delivered' : result.isError ? 'tool_error' : 'result'
    settleLater(context, { outcome, upstreamStatus: null, latencyMs: Date.now() - startedAtMs })
  }
  if (refund) {
    if (admitted.charged) afterAnswer(context, (principal) => principal.refund(context.requestId))
    context.execution.waitUntil(ofTenant.abandon())
  }
  const headers = rateLimitHeaders([...admitted.standings, ...ofTenant.taken.standings])
  return { result, drain: admitted.drain || drain, headers }
}

/** More work of a call that was admitted. A request of its own, for a refund of the first must not touch it. */
function again(context: RequestContext, call: CallRecord, work: Work, rule: string): Promise<Admission> {
  const own = { ...context, requestId: crypto.randomUUID() }
  // Whoever had to approve the call has done so, or it would not have been admitted.
  const nothing = { charges: [], shadow: [], assumed: null, approval: null, begunBy: null }
  return ask(own, { kind: 'call', call, rule, ...nothing, work })
}

/** The life of one tools/call: find, decide, check, admit, complete. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { describeProblems, parseArguments } from '../native/arguments.ts'
import { findTool, type Reach } from '../native/catalogue.ts'
import { failure } from '../native/result.ts'
import { type NativeTool, type Preparation, SESSION_ARGUMENT } from '../native/tool.ts'
import type { Limited, Standing } from '../policy/counting.ts'
import { decide, usesContext } from '../policy/decide.ts'
import { jsonNumber } from '../policy/decimal.ts'
import { rateLimitHeaders } from '../policy/headers.ts'
import type { Shadow } from '../policy/model.ts'
import type { Admitted, Assumed, CallRecord, Intent } from '../principal/contract.ts'
import { type Admission, afterAnswer, askPlanned, type Passage } from './admission.ts'
import { type CompiledConfig, knownCaller } from './known.ts'
import type { RequestMessage } from './message.ts'

/** What the Worker made of a call before the principal is asked. */
type CallPlan =
  | { readonly kind: 'unknown'; readonly intent: Intent }
  | { readonly kind: 'refused'; readonly intent: Intent; readonly result: CallToolResult }
  | {
      readonly kind: 'ready'
      readonly intent: Intent
      readonly complete: Extract<Preparation, { kind: 'work' }>['complete']
    }

export type CallOutcome =
  | {
      readonly kind: 'result'
      readonly result: CallToolResult
      readonly drain: boolean
      /** What the answer says of limits. */
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly kind: 'unknown_tool'; readonly name: string }
  | { readonly kind: 'not_admitted'; readonly admission: Admission }

/** Runs a tools/call whose params have the protocol's shape. `reach` is what the URL serves. */
export async function runCall(
  passage: Passage,
  message: RequestMessage,
  reach: (config: CompiledConfig) => Reach,
): Promise<CallOutcome> {
  const { name, arguments: args } = message.body.params as {
    name: string
    arguments?: Record<string, unknown>
  }
  const signal = message.era === 'stateless' ? passage.http.signal : undefined
  const { admission, planned } = await askPlanned(passage, (config) =>
    plan(passage, name, args ?? {}, findTool(name, reach(config)), config, signal),
  )
  if (admission.kind === 'limited') {
    const { limited } = admission
    const headers = { ...rateLimitHeaders([limited]), ...retryAfter(limited) }
    return { kind: 'result', result: limitedResult(limited), drain: false, headers }
  }
  if (admission.kind === 'dead_handle')
    return { kind: 'result', result: deadHandleResult(), drain: false, headers: {} }
  if (admission.kind === 'outbox_full')
    return { kind: 'result', result: outboxFullResult(), drain: true, headers: {} }
  if (admission.kind !== 'admitted' || planned === null) return { kind: 'not_admitted', admission }
  switch (planned.kind) {
    case 'unknown':
      return { kind: 'unknown_tool', name }
    case 'refused':
      return { kind: 'result', result: planned.result, drain: false, headers: {} }
    case 'ready':
      return { kind: 'result', ...(await finish(passage, planned.complete, admission.admitted)) }
  }
}

async function plan(
  { env, claim, transport }: Passage,
  name: string,
  args: Record<string, unknown>,
  tool: NativeTool | null,
  config: CompiledConfig,
  signal: AbortSignal | undefined,
): Promise<CallPlan> {
  const call = record(tool, args)
  const given = args[SESSION_ARGUMENT]
  const handle = typeof given === 'string' ? given : null
  const caller = knownCaller(claim.key, transport ?? handle)
  const assumed: Assumed | null = usesContext(config.policy, name) ? { ...caller, handle } : null
  let shadow: readonly Shadow[] = []
  const refusal = (decision: 'deny' | 'approval' | 'refuse', rule: string): Intent => ({
    kind: 'refuse',
    call,
    decision,
    rule,
    shadow,
    assumed,
  })
  const refuse = (
    ...[decision, rule, result]: [...Parameters<typeof refusal>, CallToolResult]
  ): CallPlan => ({
    kind: 'refused',
    intent: refusal(decision, rule),
    result,
  })

  if (tool === null) return { kind: 'unknown', intent: refusal('refuse', '(unknown tool)') }
  const nowMs = Date.now()
  const { annotations } = tool.definition
  const decision = decide(
    config.policy,
    { tool: name, args, annotations: { ...annotations } },
    { nowMs, ...caller },
  )
  shadow = decision.shadow
  if (decision.action !== 'allow') {
    const { action, code, rule, message } = decision
    const result = failure(code, `${message} (policy rule: ${rule})`, { rule })
    return refuse(action === 'deny' ? 'deny' : 'approval', rule, result)
  }
  const parsed = parseArguments(tool.input, args)
  if (!parsed.ok) {
    const message = `Invalid arguments for ${name}; the tool was not called.\n${describeProblems(parsed.problems)}`
    return refuse(
      'refuse',
      '(arguments)',
      failure('invalid_arguments', message, { problems: parsed.problems }),
    )
  }
  const prepared = await tool.prepare(parsed.args, { env, config, nowMs, signal })
  if (prepared.kind === 'refuse') {
    return refuse('refuse', `(${prepared.code})`, failure(prepared.code, prepared.message))
  }
  return {
    kind: 'ready',
    complete: prepared.complete,
    intent: {
      kind: 'call',
      call,
      rule: decision.rule,
      handle,
      charges: decision.charges,
      shadow,
      assumed,
      work: prepared.work,
    },
  }
}

/** What the audit row says. Only names that our schemas have: whatever else a client calls things may be a secret. */
function record(tool: NativeTool | null, args: Record<string, unknown>): CallRecord {
  if (tool === null) return { server: '(unknown)', tool: '(unknown)', argumentNames: [] }
  const given = Object.keys(args)
  const known = given.filter((name) => Object.hasOwn(tool.input.shape, name))
  const argumentNames = known.length === given.length ? known : [...known, '(unknown)']
  return { server: tool.server, tool: tool.definition.name, argumentNames }
}

/** Completes an admitted call; what surely did not happen is refunded once the client has its answer. */
async function finish(
  passage: Passage,
  complete: Extract<Preparation, { kind: 'work' }>['complete'],
  admitted: Admitted,
): Promise<Omit<Extract<CallOutcome, { kind: 'result' }>, 'kind'>> {
  const { result, refund } = await complete(admitted)
  if (refund && admitted.charged) afterAnswer(passage, (principal) => principal.refund(passage.requestId))
  return { result, drain: admitted.drain, headers: rateLimitHeaders(admitted.standings) }
}

function secondsUntilReset({ resetsAtMs, nowMs }: Standing): number {
  return Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1_000))
}

function retryAfter(limited: Limited): Record<string, string> {
  return limited.canRetry ? { 'retry-after': String(secondsUntilReset(limited)) } : {}
}

function limitedResult(limited: Limited): CallToolResult {
  const {
    rule,
    message,
    counter,
    window,
    scope,
    unit,
    strict,
    max,
    remaining,
    amount,
    resetsAtMs,
    canRetry,
  } = limited
  const seconds = secondsUntilReset(limited)
  const resetsAt = new Date(resetsAtMs).toISOString()
  const most = `${strict ? 'less than' : 'at most'} ${unit === 'calls' ? `${max} calls` : `${max} of "${counter}"`}`
  const text = [
    ...(message === null ? [] : [message]),
    `Rate limited by policy rule ${rule}: ${most} per ${window} for this ${scope}.`,
    canRetry
      ? `Retry after ${seconds} s, at ${resetsAt}.`
      : `This call alone would add ${amount}, so it can never pass.`,
  ].join(' ')
  return failure('rate_limited', text, {
    rule,
    limit: jsonNumber(max),
    window,
    scope,
    remaining: jsonNumber(remaining),
    ...(unit === 'sum' ? { amount: jsonNumber(amount) } : {}),
    ...(canRetry ? { retry_after_seconds: seconds, resets_at: resetsAt } : {}),
  })
}

function deadHandleResult(): CallToolResult {
  return failure(
    'session_ended',
    'The argument "session" names no live session of this client, so the tool was not called. If the connection has ' +
      'a session (Mcp-Session-Id), leave the argument out; otherwise call auth_login for a new one.',
  )
}

function outboxFullResult(): CallToolResult {
  return failure(
    'outbox_full',
    'Too many events wait for Legiti, so this one was not taken. Try again when Legiti is back; the operator knows why.',
  )
}

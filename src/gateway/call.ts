/** The life of one tools/call: find, decide, check, admit, complete. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { describeProblems, parseArguments } from '../native/arguments.ts'
import { findTool, type Reach } from '../native/catalogue.ts'
import { failure } from '../native/result.ts'
import { type NativeTool, type Preparation, SESSION_ARGUMENT } from '../native/tool.ts'
import { decide } from '../policy/decide.ts'
import type { Admitted, CallRecord, Intent, Limited } from '../principal/contract.ts'
import { type Admission, afterAnswer, askPlanned, type Passage } from './admission.ts'
import type { CompiledConfig } from './known.ts'
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
  | { readonly kind: 'result'; readonly result: CallToolResult; readonly drain: boolean }
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
    plan(name, args ?? {}, findTool(name, reach(config)), config, { env: passage.env, signal }),
  )
  if (admission.kind === 'limited')
    return { kind: 'result', result: limitedResult(admission.limited), drain: false }
  if (admission.kind === 'dead_handle') return { kind: 'result', result: deadHandleResult(), drain: false }
  if (admission.kind === 'outbox_full') return { kind: 'result', result: outboxFullResult(), drain: true }
  if (admission.kind !== 'admitted' || planned === null) return { kind: 'not_admitted', admission }
  switch (planned.kind) {
    case 'unknown':
      return { kind: 'unknown_tool', name }
    case 'refused':
      return { kind: 'result', result: planned.result, drain: false }
    case 'ready':
      return { kind: 'result', ...(await finish(passage, planned.complete, admission.admitted)) }
  }
}

async function plan(
  name: string,
  args: Record<string, unknown>,
  tool: NativeTool | null,
  config: CompiledConfig,
  { env, signal }: { env: Passage['env']; signal: AbortSignal | undefined },
): Promise<CallPlan> {
  const call = record(tool, args)
  const refuse = (decision: 'deny' | 'refuse', rule: string, result: CallToolResult): CallPlan => ({
    kind: 'refused',
    intent: { kind: 'refuse', call, decision, rule },
    result,
  })

  if (tool === null) {
    return { kind: 'unknown', intent: { kind: 'refuse', call, decision: 'refuse', rule: '(unknown tool)' } }
  }
  const decision = decide(config.policy, name)
  if (decision.action === 'deny') {
    const { code, rule, message } = decision
    return refuse('deny', rule, failure(code, `${message} (policy rule: ${rule})`, { rule }))
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
  const prepared = await tool.prepare(parsed.args, { env, config, nowMs: Date.now(), signal })
  if (prepared.kind === 'refuse') {
    return refuse('refuse', `(${prepared.code})`, failure(prepared.code, prepared.message))
  }
  const handle = parsed.args[SESSION_ARGUMENT]
  return {
    kind: 'ready',
    complete: prepared.complete,
    intent: {
      kind: 'call',
      call,
      rule: decision.rule,
      handle: typeof handle === 'string' ? handle : null,
      limits: decision.limits,
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
): Promise<{ result: CallToolResult; drain: boolean }> {
  const { result, refund } = await complete(admitted)
  if (refund && admitted.charged) afterAnswer(passage, (principal) => principal.refund(passage.requestId))
  return { result, drain: admitted.drain }
}

function limitedResult({ rule, message, window, scope, max, resetsAtMs, nowMs }: Limited): CallToolResult {
  const retryAfterSeconds = Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1_000))
  const resetsAt = new Date(resetsAtMs).toISOString()
  const text = [
    ...(message === null ? [] : [message]),
    `Rate limited by policy rule ${rule}: at most ${max} calls per ${window} for this ${scope}.`,
    `Retry after ${retryAfterSeconds} s, at ${resetsAt}.`,
  ].join(' ')
  return failure('rate_limited', text, {
    rule,
    limit: max,
    window,
    scope,
    remaining: 0,
    retry_after_seconds: retryAfterSeconds,
    resets_at: resetsAt,
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

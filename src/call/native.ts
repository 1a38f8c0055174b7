/** A tool of the gateway's own, as a call of it differs from others (life.ts). */

import type { CallToolResult } from '@modelcontextprotocol/server'
import { argumentsHmac } from '../audit/arguments-hmac.ts'
import type { CallRecord, Work } from '../contract/principal.ts'
import { type Admission, ask, drainLater } from '../request/admission.ts'
import { withHeaders } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { settleLater } from '../request/outcomes.ts'
import { serveRequest } from '../request/serve.ts'
import { unknownCall } from '../request/unknown-call.ts'
import { secretKeys } from '../secrets/seal.ts'
import { findTool, reachableAt } from '../servers/catalogue.ts'
import { describeProblems, parseArguments } from '../servers/kit/arguments.ts'
import { failure } from '../servers/kit/result.ts'
import { type CallContext, type NativeTool, type Preparation, withoutHandle } from '../servers/kit/tool.ts'
import { inexactArguments } from './inexact.ts'
import type { CallTool, Checked, Found, Instead, Looked } from './life.ts'
import { giveBack, type UnderWay } from './settle.ts'

interface FoundNative extends Found {
  readonly tool: NativeTool
}

type Prepared = Extract<Preparation, { kind: 'work' }>

/** A tool's own arguments, and the names of all that were given: the session's handle, which is not among them, too. */
interface Called {
  readonly name: string
  readonly args: Record<string, unknown>
  readonly given: readonly string[]
}

/**
 * The tool that a call is of where no upstream server is named.
 *
 * @param server the one server that the URL names, or null for all
 */
export function nativeTool(
  onTheWay: RequestContext,
  message: RequestMessage,
  server: string | null,
): CallTool<FoundNative, Prepared> {
  const { name, arguments: given = {} } = message.body.params as {
    name: string
    arguments?: Record<string, unknown>
  }
  const { args, handle } = withoutHandle(given)
  // Two that differ name no session.
  const isOne = onTheWay.handle === null || onTheWay.handle === handle
  const context = handle === null ? onTheWay : { ...onTheWay, handle: isOne ? handle : '' }
  const called = { name, args, given: Object.keys(given) }
  const signal = message.era === 'stateless' ? context.http.signal : undefined
  const put = async (result: CallToolResult, headers: Readonly<Record<string, string>>) =>
    withHeaders(await serveRequest(message, context.http, { call: () => result }), headers)
  return {
    context,
    name,
    find: (config) => find(context, called, findTool(name, reachableAt(server, config, context.env))),
    check: (found, config, nowMs) => check(found, called, { config, nowMs, signal }),
    perform: async (prepared, call, headers) => put(await complete(prepared, call), headers),
    put,
  }
}

async function find(
  context: RequestContext,
  { name, args, given }: Called,
  tool: NativeTool | null,
): Promise<Looked<FoundNative>> {
  const call = await record(context, tool, args, given)
  const annotations = { ...tool?.definition.annotations }
  const subject = { tool: name, args, annotations, call, secrets: tool?.secrets ?? [] }
  if (tool !== null) return { context, subject, tool, instead: null }
  return { context, subject, instead: { kind: 'unknown', decision: 'refuse', rule: '(unknown tool)' } }
}

async function check(
  { context, subject, tool }: FoundNative,
  { name, args }: Called,
  { config, nowMs, signal }: Pick<CallContext, 'config' | 'nowMs' | 'signal'>,
): Promise<Checked<Prepared> | Instead> {
  const parsed = parseArguments(tool.input(), args)
  if (!parsed.ok) {
    const message = `Invalid arguments for ${name}; the tool was not called.\n${describeProblems(parsed.problems)}`
    const result = failure('invalid_arguments', message, { problems: parsed.problems })
    return { kind: 'refused', decision: 'refuse', rule: '(arguments)', result }
  }
  const inexact = inexactArguments(context)
  if (inexact !== null) return { kind: 'refused', decision: 'refuse', rule: '(number)', result: inexact }
  const { env, presented, execution } = context
  const prepared = await tool.prepare(parsed.args, {
    env,
    tenant: presented.tenant,
    grant: presented.grant,
    config,
    nowMs,
    signal,
    again: (work, rule) => again(context, subject.call, work, rule),
    waitUntil: (work) => execution.waitUntil(work),
  })
  if (prepared.kind === 'work')
    return { kind: 'ready', work: prepared.work, begunBy: null, upstream: null, ready: prepared }
  const { code, message } = prepared
  return { kind: 'refused', decision: 'refuse', rule: `(${code})`, result: failure(code, message) }
}

/** What the audit row says. Only names that our schemas have: whatever else a client calls things may be a secret. */
async function record(
  { env, presented }: RequestContext,
  tool: NativeTool | null,
  args: Record<string, unknown>,
  given: readonly string[],
): Promise<CallRecord> {
  if (tool === null) return unknownCall
  const { shape } = tool.input()
  const known = given.filter((name) => Object.hasOwn(shape, name))
  const argumentNames = known.length === given.length ? known : [...known, '(unknown)']
  // What logs in may be a password: nothing is kept that a guess at it could be compared with.
  const hmac =
    tool.definition.name === 'auth_login'
      ? null
      : await argumentsHmac(secretKeys(env), presented.tenant, args)
  return { server: tool.server, tool: tool.definition.name, argumentNames, argumentsHmac: hmac }
}

/** Completes an admitted call; what surely did not happen is refunded once the client has its answer. */
async function complete({ work, complete: completed }: Prepared, call: UnderWay): Promise<CallToolResult> {
  const { context, admitted, startedAtMs } = call
  const { result, refund, drain = false } = await completed(admitted)
  // What the principal did itself, it has written down itself.
  if (work.kind === 'none') {
    const outcome = refund ? 'not_delivered' : result.isError ? 'tool_error' : 'result'
    settleLater(context, { outcome, upstreamStatus: null, latencyMs: Date.now() - startedAtMs })
  }
  if (refund) giveBack(call)
  if (admitted.drain || drain) drainLater(context)
  return result
}

/** More work of a call that was admitted. A request of its own, for a refund of the first must not touch it. */
function again(context: RequestContext, call: CallRecord, work: Work, rule: string): Promise<Admission> {
  const own = { ...context, requestId: crypto.randomUUID() }
  // Whoever had to approve the call has done so, or it would not have been admitted.
  const nothing = { charges: [], shadow: [], assumed: null, approval: null, begunBy: null }
  return ask(own, { kind: 'call', call, rule, ...nothing, work })
}

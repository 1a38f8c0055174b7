/** What the Worker makes of a tools/call to an upstream server before the principal is asked. */
import type { CallToolResult } from '@modelcontextprotocol/server'
import { argumentsHmac } from '../audit/arguments-hmac.ts'
import { isObject } from '../base/json.ts'
import { codes, type Refusal } from '../base/jsonrpc.ts'
import { lastKnownTools } from '../bridge/last-known.ts'
import { answersIn } from '../call/approval-ask.ts'
import { inexactResult } from '../call/inexact.ts'
import { Judge, type RefusedCall, type Subject, type TenantCharge } from '../call/judge.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { AdmitRequest, CallRecord, Intent } from '../contract/principal.ts'
import { sessionModeOf } from '../contract/session-mode.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { isOurState, readRequestState } from '../eras/names.ts'
import { LONGEST_TOOL_NAME } from '../names/tools.ts'
import { isListed } from '../policy/decide.ts'
import { ownerOf, statelessClient } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { anyValue, handlesAlone, mayNameSession, withoutSession } from '../request/session-argument.ts'
import { SESSION_META_KEY } from '../request/session-handle.ts'
import { unknownCall } from '../request/unknown-call.ts'
import { failure } from '../servers/kit/result.ts'
import { isNativeName } from '../servers/kit/tool-names.ts'
import { codeOf } from '../upstream/problem.ts'
import { aliasOf } from './alias.ts'
import { annotationsFor } from './annotations.ts'
import type { Fresh } from './fresh-lists.ts'
import { withheldOf } from './list-tools.ts'
import { isConfigured, knowsTool, type ListedTools } from './listed.ts'
import type { Target } from './target.ts'
import { paramHeaderRefusal } from './unfit.ts'

/** The upstream session that the call is made in. */
type Wanted = NonNullable<AdmitRequest['upstream']>

export type UpstreamPlan = Step & {
  /** The session that the call names among its arguments; absent where it names none there. */
  readonly handle?: string
}

type Step =
  /** There is no such tool. `code`: of the error that says so. */
  | { readonly kind: 'unknown'; readonly intent: Intent; readonly code?: number }
  /** Refused as HTTP. */
  | { readonly kind: 'unfit'; readonly intent: Intent; readonly refusal: Refusal }
  | RefusedCall
  /** The server is to be asked for its list before it is decided. */
  | { readonly kind: 'unlisted'; readonly intent: Intent; readonly upstream: Wanted; readonly target: Target }
  | {
      readonly kind: 'ready'
      readonly intent: Intent
      readonly upstream: Wanted
      readonly target: Target
      /** The tool's own. */
      readonly args: Readonly<Record<string, unknown>>
      readonly ofTenant: TenantCharge
      /** It goes on with a call that waits for input, in the gateway. */
      readonly isContinued: boolean
      readonly abandon: () => Promise<void>
    }

/** What asking for a fresh list came to; null where nobody was asked. */
export interface FreshList {
  readonly target: Target
  readonly said: Fresh<ListedTools> | null
}

/** The configuration with the names that a fresh list gives the server's tools. */
export function asListed(config: CompiledConfig, fresh: FreshList | null): CompiledConfig {
  const upstream = fresh === null ? undefined : config.upstreams.get(fresh.target.upstream.name)
  if (upstream === undefined || fresh?.said?.kind !== 'listed') return config
  const { renamed, withheld } = fresh.said.list.verdict
  const upstreams = new Map(config.upstreams).set(upstream.name, { ...upstream, renamed, withheld })
  return { ...config, upstreams }
}

/** What is asked about a call. */
export interface Asked {
  readonly context: RequestContext
  readonly message: RequestMessage
  /** Null: there is no such server that the grant may reach. */
  readonly target: Target | null
  readonly config: CompiledConfig
  /** That its server has asked may not be known yet. */
  readonly isEarly: boolean
  /** Null before the server was asked for a fresh list. */
  readonly fresh: FreshList | null
}

export async function plan(asked: Asked): Promise<UpstreamPlan> {
  const target = fitting(asked.target)
  const { context, message, config } = asked
  const { arguments: given = {} } = message.body.params as { arguments?: Record<string, unknown> }
  const isForGateway = sessionModeOf(config) === 'many' ? anyValue : handlesAlone
  if (!mayNameSession(given, isForGateway)) return planOf(asked, target, given)
  const schema = target === null ? null : await inputSchemaOf(context, target)
  if (target !== null && schema !== null) {
    const { args, handle } = withoutSession(given, schema.of, isForGateway)
    return inSession(asked, handle, (named) => planOf(named, target, args))
  }
  // No server gets such a call, but its row is of whom it names.
  const { handle } = withoutSession(given, undefined, handlesAlone)
  return inSession(asked, handle, (named) =>
    target === null ? planOf(named, target, given) : unclear(named, target, given),
  )
}

/** Plans a call in the session that an argument names; null: none does. */
async function inSession(
  asked: Asked,
  handle: string | null,
  planned: (named: Asked) => Promise<Step>,
): Promise<UpstreamPlan> {
  if (handle === null) return planned(asked)
  const { context } = asked
  // Two that differ name no session.
  const named = context.handle === null || context.handle === handle ? handle : ''
  return { ...(await planned({ ...asked, context: { ...context, handle: named } })), handle: named }
}

/** The schema of the tool's arguments as it was last listed; null where it is not known. */
async function inputSchemaOf(
  { env, claim }: RequestContext,
  { upstream, tool }: Target,
): Promise<{ readonly of: unknown } | null> {
  const tools = await lastKnownTools({ env, tenant: claim.tenant, config: upstream })
  const known = tools?.find(({ name }) => name === tool)
  return known === undefined ? null : { of: known.inputSchema }
}

/** A call with an argument that may be the gateway's or the tool's own. */
async function unclear(
  asked: Asked,
  target: Target,
  args: Readonly<Record<string, unknown>>,
): Promise<UpstreamPlan> {
  const { context, config } = asked
  const subject = await subjectOf(asked, target, args)
  const unlisted = await unlistedPlan(asked, target, subject)
  if (unlisted !== null) return unlisted
  const text =
    `Which argument of the tool "${target.tool}" names the session is not known, because its server "${target.upstream.name}" ` +
    'has not been listed. The call was not carried out. List the tools, then try again.'
  const facts = { server: target.upstream.name, tool: target.tool }
  return new Judge(context, config, subject).refuse(
    'refuse',
    '(session)',
    failure('unavailable', text, facts),
  )
}

async function subjectOf(
  { context, message, isEarly }: Asked,
  target: Target | null,
  args: Readonly<Record<string, unknown>>,
): Promise<Subject> {
  return {
    tool: target === null ? '(unknown)' : `${target.upstream.name}__${target.tool}`,
    alias: target === null ? undefined : aliasOf(target.tool),
    args,
    call: await record(context, target, args),
    meta: () => forwardedMeta(message.body.params),
    answers: answersIn(message),
    isEarly,
  }
}

/** The `_meta` of a request that its server gets, without what it says to the gateway; null where there is none. */
export function forwardedMeta(params: unknown): Readonly<Record<string, unknown>> | null {
  if (!isObject(params) || !isObject(params._meta)) return null
  const { [SESSION_META_KEY]: _, ...meta } = params._meta
  return meta
}

async function planOf(
  asked: Asked,
  target: Target | null,
  args: Readonly<Record<string, unknown>>,
): Promise<Step> {
  const { context, message, config } = asked
  const subject = await subjectOf(asked, target, args)
  // The principal says so to the client, and puts it on record.
  if (config.isSuspended) {
    const intent = new Judge(context, config, subject).refusal('refuse', '(suspended)')
    return { kind: 'unknown', intent }
  }
  if (target === null) {
    const intent = new Judge(context, config, subject).refusal('refuse', '(unknown tool)')
    return { kind: 'unknown', intent }
  }
  const said = await annotationsFor(context, config, target, subject)
  if ('undecided' in said)
    return new Judge(context, config, subject).refuse('refuse', '(annotations)', said.undecided)
  const isKnown = isConfigured(config, target.upstream, target.tool)
  const unlisted = isKnown ? null : await unlistedPlan(asked, target, subject)
  if (unlisted !== null) return unlisted
  const judge = new Judge(context, config, { ...subject, ...said })
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
  const inexact = inexactResult(context)
  if (inexact !== null) return judge.refuse('refuse', '(number)', inexact)
  const refusal = await paramHeaderRefusal(context, message, {
    config: target.upstream,
    tool: target.tool,
    args,
  })
  if (refusal !== null) return { kind: 'unfit', intent: judge.refusal('refuse', '(headers)'), refusal }
  const begunBy = begunByOf(message)
  const isContinued = begunBy !== null
  const reserved = isContinued ? judge.goOn(begunBy) : await judge.reserve({ kind: 'none' })
  if (reserved.kind === 'refused') return reserved
  const { intent, ofTenant } = reserved
  const upstream = wanted(message, target)
  return { kind: 'ready', intent, upstream, target, args, ofTenant, isContinued, abandon: ofTenant.abandon }
}

function wanted(message: RequestMessage, { upstream }: Target): Wanted {
  const owner = message.era === 'session' ? null : ownerOf(statelessClient(message.body.params))
  return { server: upstream.name, owner }
}

/** What becomes of a call of a tool that its server does not list; null where it does, or the policy has said no already. */
async function unlistedPlan(
  { context, message, config, fresh }: Asked,
  target: Target,
  subject: Subject,
): Promise<UpstreamPlan | null> {
  const { upstream, tool } = target
  if (!isListed(config.policy, subject.tool, subject.alias)) return null
  const known = await knowsTool(context, config, upstream, tool)
  if (known === 'listed') return null
  if (fresh === null)
    return { kind: 'unlisted', intent: { kind: 'check' }, upstream: wanted(message, target), target }
  const { said } = fresh
  if (said?.kind === 'found' || (said?.kind === 'listed' && said.list.names.has(tool))) return null
  // Where nobody was asked, the row says what else refused it, and so of which call.
  const call = said === null ? subject.call : { ...unknownCall, server: upstream.name }
  const judge = new Judge(context, config, { ...subject, call })
  // So many lists did not have it that another would not, either.
  const isUnknown = said === null || said.kind === 'listed' || (said.kind === 'spent' && known === 'unlisted')
  if (isUnknown) {
    const intent = judge.refusal('refuse', '(unknown tool)')
    return { kind: 'unknown', intent, code: unlistedCode(message, config, upstream) }
  }
  return judge.refuse('refuse', '(not listed)', notListed(upstream.name, said))
}

/**
 * MCP has -32602 for an unknown tool. Most servers that clients of the stateless era meet say -32601 under HTTP 200: the method is
 * known, the name is not. So does the gateway in their place, unless something of this server may be withheld by its name:
 * then one answer is as the other.
 */
function unlistedCode(
  { era }: RequestMessage,
  { policy }: CompiledConfig,
  { withheld }: UpstreamConfig,
): number {
  const named = policy === null ? [] : [...policy.tools.keys(), ...policy.hidden]
  const isWithheld = Object.keys(withheld).length > 0 || named.some((name) => !isNativeName(name))
  return era === 'stateless' && !isWithheld ? codes.methodNotFound : codes.invalidParams
}

/** What is said of a call of which nobody can tell whether there is such a tool. */
function notListed(
  server: string,
  said: Extract<Fresh<ListedTools>, { kind: 'failed' | 'spent' }>,
): CallToolResult {
  const { code, why, retryAfterSeconds } =
    said.kind === 'spent'
      ? {
          code: 'unavailable',
          why: 'was asked for its tools too often',
          retryAfterSeconds: said.retryAfterSeconds,
        }
      : {
          code: codeOf(said.problem),
          why: said.problem.message,
          retryAfterSeconds: said.problem.retryAfterSeconds,
        }
  const retry = retryAfterSeconds === null ? '' : ` Try again in ${retryAfterSeconds} seconds.`
  const text = `The server "${server}" ${why}, so that it is not known whether it has this tool. The call was not carried out.${retry}`
  const details = retryAfterSeconds === null ? {} : { retry_after_seconds: retryAfterSeconds }
  return failure(code, text, { server, ...details })
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
  { env, claim }: RequestContext,
  target: Target | null,
  args: Readonly<Record<string, unknown>>,
): Promise<CallRecord> {
  if (target === null) return unknownCall
  const argumentNames = argumentNamesOf(args)
  const hmac = await argumentsHmac(env, claim.tenant, args)
  return { server: target.upstream.name, tool: target.tool, argumentNames, argumentsHmac: hmac }
}

/** Names as they were given, where they look like names at all. */
export function argumentNamesOf(args: Readonly<Record<string, unknown>>): string[] {
  const names = Object.keys(args)
  const plain = names.filter((name) => /^[A-Za-z_][\w.-]{0,63}$/.test(name)).slice(0, MOST_NAMES)
  return plain.length === names.length ? plain : [...plain, '(other)']
}

const MOST_NAMES = 64

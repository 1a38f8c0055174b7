/** A call of an upstream server's tool before the principal is asked: which tool it is, and whether it can take the call. */

import type { CallToolResult } from '@modelcontextprotocol/server'
import { argumentsHmac } from '../audit/arguments-hmac.ts'
import { isObject } from '../base/json.ts'
import { codes } from '../base/jsonrpc.ts'
import { lastKnownTools } from '../bridge/last-known.ts'
import { answersIn } from '../call/approval-continuation.ts'
import { inexactResult } from '../call/inexact.ts'
import type { Subject } from '../call/judge.ts'
import type { Checked, Found, Instead, Looked, Wanted } from '../call/life.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { CallRecord } from '../contract/principal.ts'
import { sessionModeOf } from '../contract/session-mode.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { isOurState, readRequestState } from '../eras/names.ts'
import { aliasOf, isNativeName, LONGEST_TOOL_NAME } from '../names/tools.ts'
import { isListed, usesAnnotations } from '../policy/decide.ts'
import { ownerOf, statelessClient } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { anyValue, handlesAlone, mayNameSession, withoutSession } from '../request/session-argument.ts'
import { SESSION_META_KEY } from '../request/session-handle.ts'
import { unknownCall } from '../request/unknown-call.ts'
import { secretKeys } from '../secrets/seal.ts'
import { failure } from '../servers/kit/result.ts'
import { codeOf } from '../upstream/problem.ts'
import { annotationsFor } from './annotations.ts'
import type { Fresh } from './fresh-lists.ts'
import { withheldOf } from './list-tools.ts'
import { isConfigured, knowsTool, type ListedTools } from './listed.ts'
import type { Target } from './target.ts'
import { paramHeaderRefusal } from './unfit.ts'

/** A call whose server there is, of a tool that it lists as far as can be told. */
export interface FoundUpstream extends Found {
  readonly target: Target
  /** The tool's own. */
  readonly args: Readonly<Record<string, unknown>>
}

/** All that performing the call needs. */
export interface ReadyUpstream {
  readonly target: Target
  /** The tool's own. */
  readonly args: Readonly<Record<string, unknown>>
  /** It goes on with a call that waits for input, in the gateway. */
  readonly isContinued: boolean
}

type Finding = Looked<FoundUpstream>

/** The result of asking for a fresh list; `said` is null where nobody was asked. */
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

/** A question about a call. */
export interface Asked {
  readonly context: RequestContext
  readonly message: RequestMessage
  /** Null: there is no such server that the grant may reach. */
  readonly target: Target | null
  readonly config: CompiledConfig
  /** The principal may not know yet that the server has asked. */
  readonly isEarly: boolean
  /** Null before the server was asked for a fresh list. */
  readonly fresh: FreshList | null
}

/** Finds the tool of a call, its own arguments, and the session that it names. */
export async function find(asked: Asked): Promise<Finding> {
  const target = fitting(asked.target)
  const { context, message, config } = asked
  const { arguments: given = {} } = message.body.params as { arguments?: Record<string, unknown> }
  const isForGateway = sessionModeOf(config) === 'many' ? anyValue : handlesAlone
  if (!mayNameSession(given, isForGateway)) return findIn(asked, target, given)
  const schema = target === null ? null : await inputSchemaOf(context, target)
  if (target !== null && schema !== null) {
    const { args, handle } = withoutSession(given, schema.of, isForGateway)
    return inSession(asked, handle, (named) => findIn(named, target, args))
  }
  // No server gets such a call, but its row belongs to the session that it names.
  const { handle } = withoutSession(given, undefined, handlesAlone)
  return inSession(asked, handle, (named) =>
    target === null ? findIn(named, target, given) : unclear(named, target, given),
  )
}

/** Finds it in the session that an argument names; null: none does. */
async function inSession(
  asked: Asked,
  handle: string | null,
  found: (named: Asked) => Promise<Finding>,
): Promise<Finding> {
  if (handle === null) return found(asked)
  const { context } = asked
  // Two that differ name no session.
  const named = context.handle === null || context.handle === handle ? handle : ''
  return { ...(await found({ ...asked, context: { ...context, handle: named } })), handle: named }
}

/** The schema of the tool's arguments as it was last listed; null where it is not known. */
async function inputSchemaOf(
  { env, presented }: RequestContext,
  { upstream, tool }: Target,
): Promise<{ readonly of: unknown } | null> {
  const tools = await lastKnownTools({ env, tenant: presented.tenant, config: upstream })
  const known = tools?.find(({ name }) => name === tool)
  return known === undefined ? null : { of: known.inputSchema }
}

/** A call with an argument that may be the gateway's or the tool's own. */
async function unclear(
  asked: Asked,
  target: Target,
  args: Readonly<Record<string, unknown>>,
): Promise<Finding> {
  const { context } = asked
  const subject = await subjectOf(asked, target, args)
  const unlisted = await unlistedIn(asked, target, subject)
  if (unlisted !== null) return unlisted
  const text =
    `Which argument of the tool "${target.tool}" names the session is not known, because its server "${target.upstream.name}" ` +
    'has not been listed. The call was not carried out. List the tools, then try again.'
  const facts = { server: target.upstream.name, tool: target.tool }
  return { context, subject, instead: refused('(session)', failure('unavailable', text, facts)) }
}

function refused(rule: string, result: CallToolResult): Instead {
  return { kind: 'refused', decision: 'refuse', rule, result }
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

async function findIn(
  asked: Asked,
  target: Target | null,
  args: Readonly<Record<string, unknown>>,
): Promise<Finding> {
  const { context, config } = asked
  const subject = await subjectOf(asked, target, args)
  // Where the tenant is suspended nothing more is looked for.
  if (target === null || config.isSuspended)
    return { context, subject, instead: { kind: 'unknown', decision: 'refuse', rule: '(unknown tool)' } }
  const said = usesAnnotations(config.policy, subject.tool, subject.alias)
    ? await annotationsFor(context, config, target, subject)
    : noAnnotations
  if ('undecided' in said) return { context, subject, instead: refused('(annotations)', said.undecided) }
  const isKnown = isConfigured(config, target.upstream, target.tool)
  const unlisted = isKnown ? null : await unlistedIn(asked, target, subject)
  return unlisted ?? { context, subject: { ...subject, ...said }, target, args, instead: null }
}

const noAnnotations = { annotations: undefined }

/** Tells whether the server would get the call as it is meant. */
export async function check(
  { context, target, args }: FoundUpstream,
  message: RequestMessage,
): Promise<Checked<ReadyUpstream> | Instead> {
  const withheld = withheldOf(target.upstream, target.tool)
  if (withheld === 'hidden') return { kind: 'unknown', decision: 'deny', rule: '(drift)' }
  if (withheld === 'blocked') {
    const text =
      `The tool "${target.tool}" of the server "${target.upstream.name}" is not what it was when it was first listed, ` +
      'so it is blocked until an administrator accepts the change.'
    const facts = { server: target.upstream.name, tool: target.tool }
    const result = failure('tool_changed', text, facts)
    return { kind: 'refused', decision: 'deny', rule: '(drift)', result }
  }
  const inexact = inexactResult(context)
  if (inexact !== null) return refused('(number)', inexact)
  const refusal = await paramHeaderRefusal(context, message, {
    config: target.upstream,
    tool: target.tool,
    args,
  })
  if (refusal !== null) return { kind: 'unfit', rule: '(headers)', refusal }
  const begunBy = begunByOf(message)
  const ready = { target, args, isContinued: begunBy !== null }
  return { kind: 'ready', work: { kind: 'none' }, begunBy, upstream: wanted(message, target), ready }
}

function wanted(message: RequestMessage, { upstream }: Target): Wanted {
  const owner = message.era === 'session' ? null : ownerOf(statelessClient(message.body.params))
  return { server: upstream.name, owner }
}

/** What becomes of a call of a tool that its server does not list; null where it does, or the policy has said no already. */
async function unlistedIn(
  { context, message, config, fresh }: Asked,
  target: Target,
  subject: Subject,
): Promise<Finding | null> {
  const { upstream, tool } = target
  if (!isListed(config.policy, subject.tool, subject.alias)) return null
  const known = await knowsTool(context, config, upstream, tool)
  if (known === 'listed') return null
  if (fresh === null)
    return { context, subject, instead: { kind: 'unlisted', upstream: wanted(message, target) } }
  const { said } = fresh
  if (said?.kind === 'found' || (said?.kind === 'listed' && said.list.names.has(tool))) return null
  // Where nobody was asked, the row says what else refused it, and so of which call.
  const call = said === null ? subject.call : { ...unknownCall, server: upstream.name }
  const found = { context, subject: { ...subject, call } }
  // So many lists did not have it that another would not, either.
  const isUnknown = said === null || said.kind === 'listed' || (said.kind === 'spent' && known === 'unlisted')
  if (!isUnknown) return { ...found, instead: refused('(not listed)', notListed(upstream.name, said)) }
  const code = unlistedCode(message, config, upstream)
  return { ...found, instead: { kind: 'unknown', decision: 'refuse', rule: '(unknown tool)', code } }
}

/**
 * MCP has -32602 for an unknown tool. Most servers that clients of the stateless era meet say -32601 under HTTP 200: the method is
 * known, the name is not. The gateway says the same in their place, unless something of this server may be withheld by its name:
 * then both answers are the same.
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
  { env, presented }: RequestContext,
  target: Target | null,
  args: Readonly<Record<string, unknown>>,
): Promise<CallRecord> {
  if (target === null) return unknownCall
  const argumentNames = argumentNamesOf(args)
  const hmac = await argumentsHmac(secretKeys(env), presented.tenant, args)
  return { server: target.upstream.name, tool: target.tool, argumentNames, argumentsHmac: hmac }
}

/** Names as they were given, where they look like names at all. */
export function argumentNamesOf(args: Readonly<Record<string, unknown>>): string[] {
  const names = Object.keys(args)
  const plain = names.filter((name) => /^[A-Za-z_][\w.-]{0,63}$/.test(name)).slice(0, MOST_NAMES)
  return plain.length === names.length ? plain : [...plain, '(other)']
}

const MOST_NAMES = 64

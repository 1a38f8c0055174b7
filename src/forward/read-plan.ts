/** The Worker's work on a request to read before the principal is asked. */

import type { CallToolResult } from '@modelcontextprotocol/server'
import { argumentsHmac } from '../audit/arguments-hmac.ts'
import { codes, type Refusal } from '../base/jsonrpc.ts'
import { Judge, type RefusedCall, type TenantCharge } from '../call/judge.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { AdmitRequest, CallRecord, Intent } from '../contract/principal.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { isOurState, readRequestState } from '../eras/names.ts'
import { readName } from '../policy/reading.ts'
import { ownerOf, statelessClient } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { secretKeys } from '../secrets/seal.ts'
import { failure } from '../servers/kit/result.ts'
import type { Rewriting } from '../upstream/reception.ts'
import { argumentNamesOf } from './call-plan.ts'
import type { Fresh, Named } from './fresh-lists.ts'
import { knowsPrompt } from './listed-prompts.ts'
import type { Read } from './reads.ts'

/** The server that is read from, and the changes to its answer. */
export interface Place {
  readonly server: string
  /** Params in the server's own names. */
  readonly params: Readonly<Record<string, unknown>>
  readonly rewriting: Rewriting | null
  /** The answer where there is no such server that the grant may reach. */
  readonly unreachable: () => Response
}

type Wanted = NonNullable<AdmitRequest['upstream']>

export type ReadPlan =
  | { readonly kind: 'unreachable'; readonly intent: Intent }
  | { readonly kind: 'unknown'; readonly intent: Intent }
  /** Refused in the protocol's own words. */
  | { readonly kind: 'unfit'; readonly intent: Intent; readonly refusal: Refusal }
  | RefusedCall
  /** The server is to be asked for its prompts before it is decided. */
  | {
      readonly kind: 'unlisted'
      readonly intent: Intent
      readonly isAhead: true
      readonly upstream: Wanted
      readonly config: UpstreamConfig
    }
  | {
      readonly kind: 'ready'
      readonly intent: Intent
      readonly upstream: Wanted
      readonly config: UpstreamConfig
      readonly ofTenant: TenantCharge
      readonly isContinued: boolean
      readonly abandon: () => Promise<void>
    }

/** The result of reading the params. */
export type Parsed = Read | { readonly problem: string }

/** A fresh list of prompts; null before it was asked for. */
export type FreshPrompts = Fresh<Named> | 'nobody asked' | null

interface Asked {
  readonly context: RequestContext
  readonly message: RequestMessage
  readonly place: Place
  readonly read: Parsed
  readonly config: CompiledConfig
  readonly fresh: FreshPrompts
}

/** Decides it as far as the Worker can. */
export async function planRead({ context, message, place, read, config, fresh }: Asked): Promise<ReadPlan> {
  const { method } = message
  const upstream = config.upstreams.get(place.server)
  const kind = 'kind' in read ? read.kind : 'resource'
  const judgeOf = (call: CallRecord) =>
    new Judge(context, config, {
      kind,
      tool: 'kind' in read ? readName(kind, place.server, read.own) : '(unknown)',
      args: 'kind' in read ? read.args : {},
      completion: 'kind' in read ? read.completion : undefined,
      call,
    })
  const unknown = unknownRead(method, upstream === undefined ? '(unknown)' : place.server)
  // The principal says so to the client, and puts it on record.
  if (config.isSuspended)
    return { kind: 'unknown', intent: judgeOf(unknown).refusal('refuse', '(suspended)') }
  if (upstream === undefined)
    return { kind: 'unreachable', intent: judgeOf(unknown).refusal('refuse', '(unknown server)') }
  if ('problem' in read) {
    const refusal = { status: 200, code: codes.invalidParams, message: read.problem }
    return { kind: 'unfit', intent: judgeOf(unknown).refusal('refuse', '(request)'), refusal }
  }
  const isListed = await isListedPrompt(context, config, upstream, { target: read, fresh })
  const call = await record(context, { method, upstream, read, isListed: isListed === 'listed' })
  const judge = judgeOf(call)
  const refusedRead = judge.decide(Date.now())
  if (refusedRead !== null) return refusedRead
  const wanted = wantedOf(message, upstream)
  if (isListed === 'unlisted')
    return { kind: 'unlisted', intent: { kind: 'check' }, isAhead: true, upstream: wanted, config: upstream }
  if (isListed === 'absent')
    return {
      kind: 'unknown',
      intent: judgeOf(fresh === 'nobody asked' ? call : unknown).refusal('refuse', '(unknown prompt)'),
    }
  if (typeof isListed === 'object') return judgeOf(unknown).refuse('refuse', '(not listed)', isListed)
  const begunBy = begunByOf(message)
  const isContinued = begunBy !== null
  // A request that ends something is let through, however much was used.
  const reserved = isContinued
    ? judge.resume(begunBy)
    : await (read.isFree ? judge.free() : judge.reserve({ kind: 'none' }))
  if (reserved.kind === 'refused') return reserved
  const { intent, ofTenant } = reserved
  const { abandon } = ofTenant
  return { kind: 'ready', intent, upstream: wanted, config: upstream, ofTenant, isContinued, abandon }
}

function wantedOf({ era, body }: RequestMessage, { name }: UpstreamConfig): Wanted {
  return { server: name, owner: era === 'session' ? null : ownerOf(statelessClient(body.params)) }
}

function begunByOf({ era, body }: RequestMessage): string | null {
  const state = body.params?.requestState
  if (era !== 'stateless' || !isOurState(state)) return null
  return readRequestState(state)?.begunBy ?? ''
}

/**
 * Tells whether the server lists a prompt: `passed` where nobody can tell and nothing turns on it, `unlisted` before it was asked
 * for a fresh list, `absent` after that, or why it could not be asked.
 */
async function isListedPrompt(
  { presented }: RequestContext,
  config: CompiledConfig,
  upstream: UpstreamConfig,
  {
    target: { kind, own },
    fresh,
  }: {
    readonly target: Read
    readonly fresh: FreshPrompts
  },
): Promise<'listed' | 'passed' | 'unlisted' | 'absent' | CallToolResult> {
  if (kind !== 'prompt') return 'passed'
  const known = knowsPrompt(presented.tenant, upstream, own)
  if (known === 'listed') return 'listed'
  // A policy that says nothing of prompts lets all of them pass, by whatever name.
  if (known === 'unknown' && (config.policy === null || config.policy.prompts === null)) return 'passed'
  if (fresh === null) return 'unlisted'
  if (fresh === 'nobody asked') return 'absent'
  switch (fresh.kind) {
    case 'found':
      return 'listed'
    case 'listed':
      return fresh.list.names.has(own) ? 'listed' : 'absent'
    case 'spent':
      if (known === 'unlisted') return 'absent'
      break
    case 'failed':
      break
  }
  return notListed(upstream.name, fresh)
}

function notListed(
  server: string,
  fresh: Extract<NonNullable<Exclude<FreshPrompts, string>>, { kind: 'failed' | 'spent' }>,
): CallToolResult {
  const why = fresh.kind === 'failed' ? fresh.problem.message : 'was asked for its prompts too often'
  const retry = fresh.kind === 'failed' ? fresh.problem.retryAfterSeconds : fresh.retryAfterSeconds
  const again = retry === null ? '' : ` Try again in ${retry} seconds.`
  const text = `The server "${server}" ${why}, so that it is not known whether it has this prompt. It was not asked for it.${again}`
  return failure('unavailable', text, { server, ...(retry === null ? {} : { retry_after_seconds: retry }) })
}

/**
 * Composes the audit row: that a resource was read, or which prompt. A URI may hold a secret, so only its HMAC is stored, and a prompt's
 * name only where its server lists it.
 */
async function record(
  { env, presented }: RequestContext,
  {
    method,
    upstream: { name: server },
    read: { kind, own, args, completion, params },
    isListed,
  }: {
    readonly method: string
    readonly upstream: UpstreamConfig
    readonly read: Read
    readonly isListed: boolean
  },
): Promise<CallRecord> {
  const tool = kind === 'resource' ? 'resource' : isListed ? `prompt/${own.slice(0, LONGEST_NAME)}` : 'prompt'
  const said = completion !== undefined ? params : kind === 'prompt' ? askedPrompt(own, args) : args
  const hmac = await argumentsHmac(secretKeys(env), presented.tenant, said)
  return { method, server, tool, argumentNames: argumentNamesOf(args), argumentsHmac: hmac }
}

/** A prompt and its arguments. An argument may be called `prompt`; arguments are texts, so the second form is none of the first. */
function askedPrompt(prompt: string, args: Read['args']) {
  return Object.hasOwn(args, 'prompt') ? { prompt, arguments: args } : { prompt, ...args }
}

const LONGEST_NAME = 256

function unknownRead(method: string, server: string): CallRecord {
  return { method, server, tool: '(unknown)', argumentNames: [], argumentsHmac: null }
}

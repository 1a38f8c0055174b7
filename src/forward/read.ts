/**
 * The life of one request to read from an upstream server: find, decide, admit, deliver, settle. It is decided as a call of a
 * tool is, in the one question to the principal, and answered in the protocol's own words.
 */

import type { CallToolResult } from '@modelcontextprotocol/server'
import { isObject } from '../base/json.ts'
import { codes, type Refusal, refusalResponse } from '../base/jsonrpc.ts'
import { continueExchange } from '../bridge/exchange-call.ts'
import { rememberingPreference } from '../bridge/preferences.ts'
import type { TenantCharge } from '../call/judge.ts'
import { limitedHeaders, limitedResult } from '../call/results.ts'
import { settling } from '../call/settle.ts'
import type { Admitted } from '../contract/principal.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { rateLimitHeaders } from '../policy/headers.ts'
import { acceptsEvents } from '../request/accept.ts'
import { type Admission, admittedIn, askPlanned, drainLater } from '../request/admission.ts'
import { answer } from '../request/answer.ts'
import { type Client, sessionClient, statelessClient } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import { conclude } from '../request/decided.ts'
import type { RequestMessage } from '../request/message.ts'
import { SESSION_META_KEY } from '../request/session-handle.ts'
import { paramsWithoutTasks } from '../request/tasks.ts'
import { linkFor } from '../upstream/link.ts'
import type { Delivery } from '../upstream/reception.ts'
import { deliver, refused, rpcFailure } from './deliver.ts'
import { listPromptsAfresh } from './listed-prompts.ts'
import { type FreshPrompts, type Parsed, type Place, planRead } from './read-plan.ts'
import { absent, askedName, isReadMethod, type Read, type ReadMethod, readCode, readOf } from './reads.ts'

/** A request to read that was let through. */
export interface AdmittedRead {
  readonly read: Read
  readonly upstream: UpstreamConfig
  readonly admitted: Admitted
  readonly ofTenant: TenantCharge
  readonly isContinued: boolean
}

/** Answers a request to read. */
export async function readUpstream(
  context: RequestContext,
  message: RequestMessage,
  place: Place,
): Promise<Response> {
  const decided = await admitRead(context, message, place)
  return decided instanceof Response ? decided : perform(context, message, place, decided)
}

/** Decides a request to read: what was let through, or the answer to it. */
export async function admitRead(
  context: RequestContext,
  message: RequestMessage,
  place: Place,
): Promise<AdmittedRead | Response> {
  const method = message.method as ReadMethod
  const read = isReadMethod(method) ? readOf(method, place.params) : { problem: `${method} reads nothing` }
  const { admission, planned } = await decided(context, message, place, read)
  const say = (result: CallToolResult, headers: Readonly<Record<string, string>> = {}) =>
    refusalResponse({ ...refusalOf(message, read, result), headers: { ...headers } }, message.id)

  if (admission.kind === 'limited')
    return say(limitedResult(admission.limited), limitedHeaders(admission.limited))
  if (admission.kind !== 'admitted' || planned === null) return notAdmitted(admission, message)
  switch (planned.kind) {
    case 'unreachable':
      return place.unreachable()
    case 'unknown':
      return refusalResponse(notThere(message, read), message.id)
    case 'unfit':
      return refusalResponse(planned.refusal, message.id)
    case 'refused':
      return say(planned.result, planned.headers)
    case 'unlisted':
      return notAdmitted({ kind: 'unavailable' }, message)
    case 'ready': {
      const { admitted } = admission
      if (admitted.drain) drainLater(context)
      const { config: upstream, ofTenant, isContinued } = planned
      return { read: read as Read, upstream, admitted, ofTenant, isContinued }
    }
  }
}

function notThere({ method, era, body }: RequestMessage, read: Parsed): Refusal {
  return absent('kind' in read ? read.kind : 'resource', method, era, askedName(body))
}

/** Turns the text of a tool error into an error of the protocol. A hidden entry does not exist. */
function refusalOf(message: RequestMessage, read: Parsed, { structuredContent }: CallToolResult): Refusal {
  const { error } = structuredContent as { error: { code: string; message: string } }
  if (error.code === 'hidden') return notThere(message, read)
  const { message: text, ...details } = error
  const isForNow = ['rate_limited', 'unavailable'].includes(error.code) || error.code.startsWith('upstream_')
  const code = isForNow ? codes.internalError : readCode(message.method, message.era)
  const { uri } = (message.body.params ?? {}) as { uri?: unknown }
  return { status: 200, code, message: text, data: { ...(uri === undefined ? {} : { uri }), ...details } }
}

function notAdmitted(admission: Admission, message: RequestMessage): Promise<Response> {
  const undecided = { status: 503, code: codes.internalError, message: 'The request could not be decided' }
  return answer(admission, message.id, () => refusalResponse(undecided, message.id))
}

/** Decides the request. Where a prompt is in no list that is known, its server is asked for a fresh one first. */
async function decided(context: RequestContext, message: RequestMessage, place: Place, read: Parsed) {
  const ask = (fresh: FreshPrompts) =>
    askPlanned(context, (config) => planRead({ context, message, place, read, config, fresh }))
  const first = await ask(null)
  const { admission, planned, config } = first
  if (planned?.kind !== 'unlisted' || config === null) return first
  if (admission.kind !== 'admitted') {
    // It is asked again as what it is, so that it is on record; the principal says the same.
    const { kind } = admission
    const isShut = kind === 'suspended' || kind === 'dead_session' || kind === 'dead_handle'
    if (isShut) return ask('nobody asked')
    conclude(context, planned.intent, admission)
    return first
  }
  const { admitted } = admission
  const client = clientOf(message, admitted)
  const asker = { context: admittedIn(context, admitted), message, config, client, admitted }
  return ask(await listPromptsAfresh(asker, { upstream: planned.config, name: (read as Read).own }))
}

function clientOf(message: RequestMessage, admitted: Admitted): Client {
  return message.era === 'session' ? sessionClient(admitted) : statelessClient(message.body.params)
}

async function perform(
  context: RequestContext,
  message: RequestMessage,
  { rewriting }: Place,
  { read, upstream, admitted, ofTenant, isContinued }: AdmittedRead,
): Promise<Response> {
  const call = { context, admitted, ofTenant, isApproved: false, startedAtMs: Date.now() }
  const delivery: Delivery = {
    acceptsEvents: () => acceptsEvents(context.http),
    gone: context.http.signal,
    failure: (problem) => rpcFailure(message.id, upstream.name, problem),
    onEnd: settling(call),
    headers: rateLimitHeaders([...admitted.standings, ...ofTenant.taken.standings]),
    rewriting,
  }
  const link = await linkFor(context, admitted.tenant, upstream)
  if ('failure' in link) return refused(link, delivery)
  const params = forwardedParams(read, message.body.params ?? {})
  const request = { jsonrpc: '2.0', id: message.id, method: message.method, params } as const
  const client = clientOf(message, admitted)
  const conversation = { context: admittedIn(context, admitted), client, link, known: admitted.upstream }
  if (isContinued) return continueExchange(conversation, request, delivery)
  return deliver(
    conversation,
    request,
    rememberingPreference(conversation.context, upstream, request, delivery),
  )
}

/** Removes params that the policy has not looked at, so that they can mean nothing to the server. */
function forwardedParams(
  { params }: Read,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const outgoing: Record<string, unknown> = { ...params }
  for (const field of ['inputResponses', 'requestState'] as const) {
    if (given[field] !== undefined) outgoing[field] = given[field]
  }
  if (isObject(given._meta)) {
    const { [SESSION_META_KEY]: _, ...meta } = given._meta
    outgoing._meta = meta
  }
  return paramsWithoutTasks(outgoing)
}

/** The Worker's part of a call that an ExchangeObject holds: begins it, goes on with it, passes on what it says. */
import { codes } from '../base/jsonrpc.ts'
import { errorName, log } from '../base/log.ts'
import type { RpcId, RpcMessage } from '../base/rpc.ts'
import {
  ANSWER_MS,
  type Begin,
  type Continue,
  type ExchangeLine,
  paths,
  type Refusal,
  type Step,
} from '../contract/exchange.ts'
import { exchangeObjects } from '../contract/objects.ts'
import type { Outgoing } from '../contract/outgoing.ts'
import { readRequestState } from '../eras/names.ts'
import type { PresentedCredential } from '../request/identity.ts'
import { abandonment } from '../upstream/answer-problems.ts'
import { LineReader } from '../upstream/lines.ts'
import { problemOf } from '../upstream/problem.ts'
import type { Delivery } from '../upstream/reception.ts'
import { respond, stepsOf } from '../upstream/steps.ts'
import type { Conversation, Partner } from './conversation.ts'
import { forget } from './partner.ts'
import { abortOf, renew } from './renewing.ts'

/** Headers of the client's that go on to the upstream. */
const traceHeaders = ['traceparent', 'tracestate', 'baggage']

export function ownerOf({ tenant, grant }: Pick<PresentedCredential, 'tenant' | 'grant'>): string {
  return `${tenant}/${grant}`
}

/** Begins a call whose upstream may ask the client something. */
export function exchange(
  conversation: Conversation,
  partner: Extract<Partner, { era: 'session' }>,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  const abort = abortOf(conversation)
  return respond(
    stepsOf(beginning(conversation, partner, request, abort.signal), abort),
    delivery,
    conversation.context.http.signal,
  )
}

/** Goes on with one: the client's retry, with what it answered. */
export function continueExchange(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  const abort = abortOf(conversation)
  return respond(
    stepsOf(continuing(conversation, request, abort.signal), abort),
    delivery,
    conversation.context.http.signal,
  )
}

async function* beginning(
  conversation: Conversation,
  partner: Extract<Partner, { era: 'session' }>,
  request: Outgoing,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const { context, client, link } = conversation
  let { session } = partner
  for (let attempt = 0; attempt < 2; attempt++) {
    const begin: Begin = {
      tenant: link.tenant,
      config: link.config,
      hops: link.hops,
      owner: ownerOf(context.presented),
      login: context.login,
      begunBy: context.requestId,
      session: { id: session.id, protocolVersion: session.protocolVersion },
      request,
      capabilities: client.capabilities,
      trace: traceHeaders.flatMap((name) => {
        const value = context.http.headers.get(name)
        return value === null ? [] : [[name, value] as const]
      }),
    }
    const id = exchangeObjects(link.env, link.tenant).newUniqueId()
    const over = () => forget(conversation, begin.session.id)
    const end = yield* said(conversation, {
      id,
      path: paths.begin,
      body: begin,
      requestId: request.id,
      signal,
      onOver: over,
    })
    if (end !== 'forgotten') return
    const renewed = await renew(conversation, session.id)
    if (!renewed.ok) return yield { kind: 'problem', problem: renewed.problem }
    session = renewed.partner.session
  }
  const message = 'forgets its sessions as soon as they are opened'
  yield { kind: 'problem', problem: problemOf('not_mcp', message, { isUndone: true }) }
}

async function* continuing(
  conversation: Conversation,
  request: Outgoing,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  const { context, link } = conversation
  const EXCHANGE = exchangeObjects(link.env, link.tenant)
  const name = readRequestState(String(request.params?.requestState))
  const id = name === null ? null : objectId(EXCHANGE, name.object)
  if (name === null || id === null) return yield refusal(request.id, 'unknown')
  const terms: Continue = {
    owner: ownerOf(context.presented),
    login: context.login,
    server: link.config.name,
    secret: name.secret,
    begunBy: name.begunBy,
    request,
  }
  yield* said(conversation, { id, path: paths.continue, body: terms, requestId: request.id, signal })
}

/** The object's id, or null for one that this namespace did not make. */
export function objectId(namespace: DurableObjectNamespace, hex: string): DurableObjectId | null {
  try {
    return namespace.idFromString(hex)
  } catch {
    return null
  }
}

/** Reads the object's lines. */
async function* said(
  { link }: Conversation,
  {
    id,
    path,
    body,
    requestId,
    signal,
    onOver = () => {},
  }: {
    readonly id: DurableObjectId
    readonly path: string
    readonly body: Begin | Continue
    readonly requestId: RpcId
    readonly signal: AbortSignal
    readonly onOver?: (() => void) | undefined
  },
): AsyncGenerator<Step, 'forgotten' | 'over'> {
  let reader: LineReader<ExchangeLine> | null = null
  let isOver = false
  const leave = () => reader?.cancel()
  signal.addEventListener('abort', leave)
  try {
    const response = await exchangeObjects(link.env, link.tenant)
      .get(id)
      .fetch(`http://exchange${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal,
      })
    if (response.body === null) throw new Error('The exchange said nothing')
    reader = new LineReader(response.body)
    if (signal.aborted) leave()
    for (let line = await reader.next(); line !== null; line = await reader.next()) {
      if (line.kind === 'over') {
        onOver()
        continue
      }
      isOver = line.kind !== 'note'
      if (line.kind === 'forgotten') return 'forgotten'
      yield line.kind === 'refused' ? refusal(requestId, line.why) : line
      if (isOver) return 'over'
    }
    throw new Error('The exchange ended without an answer')
  } catch (error) {
    log('warn', 'exchange.lost', {
      tenant: link.tenant,
      server: link.config.name,
      error: errorName(error),
    })
    const message = 'could not be followed: the exchange with it was lost in the gateway'
    yield { kind: 'problem', problem: signal.aborted ? abandonment(signal) : problemOf('broken', message) }
    return 'over'
  } finally {
    signal.removeEventListener('abort', leave)
    if (!isOver) reader?.cancel()
  }
}

const reasons: Readonly<Record<Refusal, string>> = {
  unknown:
    'params.requestState names no call of this client that waits for input: it may have been answered already, have ' +
    `waited longer than ${ANSWER_MS / 60_000} minutes, or been lost when the gateway was restarted. Make the call again, without it.`,
  changed:
    'params.requestState belongs to a call with another method, name or arguments: repeat that call as it was, or make ' +
    'a new one without it.',
}

function refusal(id: RpcId, why: Refusal): Step {
  const message: RpcMessage = {
    jsonrpc: '2.0',
    id,
    error: { code: codes.invalidParams, message: reasons[why] },
  }
  return { kind: 'answer', message, status: 200 }
}

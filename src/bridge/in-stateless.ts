/** A request of the session era at a server of the stateless era. */
import { isObject } from '../base/json.ts'
import { codes } from '../base/jsonrpc.ts'
import { answers, isAnswer, type RpcMessage } from '../base/rpc.ts'
import type { Step } from '../contract/exchange.ts'
import { nameOf, type Outgoing } from '../contract/outgoing.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { lacking } from '../eras/capabilities.ts'
import { statelessMethods } from '../eras/for-session.ts'
import {
  answerForSession,
  noteForSession,
  type RequiredInput,
  type Round,
  requestForStateless,
  requiredInputIn,
} from '../eras/for-stateless.ts'
import { logLevelOf } from '../eras/mark.ts'
import { logLevels } from '../eras/meta.ts'
import { problemFrom } from '../upstream/answer-problems.ts'
import { send } from '../upstream/http.ts'
import { MessageReader } from '../upstream/message-reader.ts'
import { problemOf } from '../upstream/problem.ts'
import type { Delivery } from '../upstream/reception.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { abortWith, respond, stepsOf } from '../upstream/steps.ts'
import type { Conversation } from './conversation.ts'
import { paramHeadersOf } from './param-headers.ts'
import { askClient } from './questions.ts'
import { remember } from './remember.ts'
import { watchResource } from './watched.ts'

/** The number of times that a server may ask for input before it answers one request. */
const MOST_ROUNDS = 10
/** Before a server that only wanted its state back is asked again. */
const PAUSE_MS = 250
/** MCP 2026-07-28: HeaderMismatch and MissingRequiredClientCapability. */
const MISSING_CAPABILITY = -32_021

/** Answers with what the server says, or with what such a server is not asked. */
export async function inStateless(
  conversation: Conversation,
  request: Outgoing,
  delivery: Delivery,
): Promise<Response> {
  const { context, link, known } = conversation
  // Every request of the session, in whatever isolate, then knows what this one had to find out.
  if (known === null) context.execution.waitUntil(remember(context, link.config, null))
  const own = await answerHere(conversation, request)
  if (own !== null) {
    delivery.onEnd({ kind: 'answered', message: own, status: 200 })
    return Response.json(own)
  }
  const abort = abortWith(conversation.running?.cancelled.toSignal(), conversation.signal)
  const generator = steps(conversation, request, delivery.acceptsEvents(), abort.signal)
  return respond(stepsOf(generator, abort), delivery, context.http.signal)
}

/** The requests that the stateless era has no counterpart of. Null for all others. */
async function answerHere(
  { context, link }: Conversation,
  { id, method, params }: Outgoing,
): Promise<RpcMessage | null> {
  const done: RpcMessage = { jsonrpc: '2.0', id, result: {} }
  const refuse = (code: number, message: string): RpcMessage => ({
    jsonrpc: '2.0',
    id,
    error: { code, message },
  })
  switch (method) {
    case 'ping':
      return done
    case 'logging/setLevel': {
      const level = String(params?.level)
      if (!logLevels.includes(level))
        return refuse(
          codes.invalidParams,
          `params.level: found ${JSON.stringify(params?.level)}; allowed: ${logLevels.join(', ')}`,
        )
      return (await remember(context, link.config, level))
        ? done
        : refuse(codes.internalError, 'The level could not be kept; try again')
    }
    case 'resources/subscribe':
    case 'resources/unsubscribe': {
      if (typeof params?.uri !== 'string')
        return refuse(codes.invalidParams, 'params.uri: found nothing; allowed: string')
      const problem = await watchResource(context, link, {
        uri: params.uri,
        isWatched: method === 'resources/subscribe',
      })
      return problem === null ? done : refuse(codes.invalidParams, problem)
    }
    default:
      return statelessMethods.has(method) ? null : refuse(codes.methodNotFound, `Method not found: ${method}`)
  }
}

async function* steps(
  conversation: Conversation,
  request: Outgoing,
  acceptsEvents: boolean,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  let round: Round = {}
  for (let rounds = 0; ; rounds++) {
    const answer = yield* ask(conversation, request, round, signal)
    if (answer === null) return
    const required = requiredInputIn(answer.message)
    if (required === null) {
      yield last(answer.message, request, answer.status)
      return
    }
    const next =
      rounds < MOST_ROUNDS ? yield* fulfil(conversation, required, acceptsEvents, signal) : tooManyRounds()
    if ('failure' in next) {
      yield { kind: 'problem', problem: next }
      return
    }
    round = next
  }
}

/** Makes the last step. A missing capability of the client is named in words that an agent reads. */
function last(message: RpcMessage, { id, method }: Outgoing, status: number): Step {
  const { result, error } = message
  if (error?.code === MISSING_CAPABILITY) {
    const { requiredCapabilities: required } = isObject(error.data) ? error.data : {}
    return { kind: 'problem', problem: cannot(namesOf(required).join(', ')) }
  }
  if (result?.resultType !== undefined && result.resultType !== 'complete') {
    const what = `answered with a result of type ${JSON.stringify(result.resultType).slice(0, 64)}, which this client's revision of MCP does not have`
    return { kind: 'problem', problem: problemOf('unanswered', what, { status }) }
  }
  return { kind: 'answer', message: answerForSession(message, id, method), status }
}

/** The names of capabilities that stand in one another. */
function namesOf(required: unknown): string[] {
  if (!isObject(required)) return ['(not said)']
  return Object.entries(required)
    .slice(0, 16)
    .flatMap(([name, inner]) => {
      const within = isObject(inner) ? Object.keys(inner).slice(0, 16) : []
      return within.length === 0 ? [name] : within.map((more) => `${name}.${more}`)
    })
}

function cannot(what: string): UpstreamProblem {
  const message = `needs a client that declares the capability ${what}, which this client does not`
  return problemOf('unanswered', message, { isUndone: true })
}

function tooManyRounds(): UpstreamProblem {
  return problemOf('unanswered', `still asked for input after ${MOST_ROUNDS} rounds`)
}

/** Sends the request once and says what comes on the way; returns the answer, or null where a problem was said. */
async function* ask(
  conversation: Conversation,
  request: Outgoing,
  round: Round,
  signal: AbortSignal,
): AsyncGenerator<Step, { readonly message: RpcMessage; readonly status: number } | null> {
  for (let attempt = 0; ; attempt++) {
    const answer = yield* askOnce(conversation, request, { round, signal, isFresh: attempt > 0 })
    const isMismatch = answer?.message.error?.code === codes.headerMismatch
    // The server has done nothing but compare: what it wants repeated has changed since it was last listed.
    if (attempt > 0 || !isMismatch || request.method !== 'tools/call') return answer
  }
}

async function* askOnce(
  { link, context, client, known }: Conversation,
  request: Outgoing,
  {
    round,
    signal,
    isFresh,
  }: {
    readonly round: Round
    readonly signal: AbortSignal
    readonly isFresh: boolean
  },
): AsyncGenerator<Step, { readonly message: RpcMessage; readonly status: number } | null> {
  const { method, params } = request
  const id = crypto.randomUUID()
  const isCall = method === 'tools/call' && typeof params?.name === 'string'
  const sent = await send(link, {
    method: 'POST',
    headers: requestHeaders({
      client: context.http.headers,
      stateless: { method, name: nameOf(request) },
      params: isCall
        ? await paramHeadersOf(link, { tool: String(params?.name), args: params?.arguments, isFresh })
        : {},
    }),
    body: JSON.stringify(requestForStateless(request, { id, client, logLevel: logLevelOf(known), round })),
    signal,
  })
  if (!sent.ok) {
    yield { kind: 'problem', problem: sent.problem }
    return null
  }
  const reader = new MessageReader(sent, id, null)
  let problem: UpstreamProblem | null = null
  try {
    for (;;) {
      for (const message of await reader.next()) {
        if (answers(message, id)) return { message, status: reader.status }
        const note = isAnswer(message) ? null : noteForSession(message)
        if (note !== null) yield { kind: 'note', message: note }
      }
    }
  } catch (error) {
    problem = problemFrom(error)
    yield { kind: 'problem', problem }
    return null
  } finally {
    reader.close(problem)
  }
}

/** Has the client answer, and makes the next round of it. */
async function* fulfil(
  conversation: Conversation,
  required: RequiredInput | 'malformed',
  acceptsEvents: boolean,
  signal: AbortSignal,
): AsyncGenerator<Step, Round | UpstreamProblem> {
  if (required === 'malformed') return problemOf('not_mcp', 'asked for input in a form that cannot be read')
  const { questions, requestState } = required
  const state = requestState === null ? {} : { requestState }
  if (questions.size === 0) {
    await pause(signal)
    return state
  }
  for (const question of questions.values()) {
    const missing = lacking(conversation.client.capabilities, question)
    if (missing !== null) return cannot(missing)
  }
  if (!acceptsEvents)
    return problemOf('unanswered', 'asked the client for input, but the client takes no event stream', {
      isUndone: true,
    })
  const answered = yield* askClient(conversation, questions, signal)
  return 'failure' in answered ? answered : { inputResponses: answered.responses, ...state }
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, PAUSE_MS)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

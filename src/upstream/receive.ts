/**
 * Passes an upstream's answer on to the client: small JSON once it is whole and right, everything else as it comes.
 * After any failure on the way, the last message to the client is still a JSON-RPC answer to its request.
 */
import { answers, asAnswer, isAnswer, type RpcMessage, readRpc } from '../base/rpc.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { withClientId } from './answer-ids.ts'
import { notRpc, problemFrom, wrongId } from './answer-problems.ts'
import { askedIn } from './asker.ts'
import { BodyReader, beginningOf, readDeclared, readUpTo } from './body.ts'
import { discard, type Hold, isJson, problemIn } from './http.ts'
import { restored } from './id-pair.ts'
import { OPEN_BRACKET } from './json-bytes.ts'
import { inOwnWords } from './own-words.ts'
import { ArrayReader, answerInArray } from './receive-array.ts'
import { passEvents, receiveEvents } from './receive-events.ts'
import { receiveLarge } from './receive-large.ts'
import { eventHeaders, messageEvent, pairOf, type Reception, unchanged } from './reception.ts'
import { errorUnder } from './refusal.ts'

/** JSON up to this size is read before it is passed on. */
export const WHOLE_BYTES = 256 * 1024

/** Passes on the answer to a request. Never throws. */
export async function receive(response: Response, hold: Hold, reception: Reception): Promise<Response> {
  const problem = problemIn(response, hold.link)
  if (problem !== null) {
    const message = await errorUnder(response, reception.id)
    const detail = message === null ? await inOwnWords(problem, response, hold) : problem
    discard(response)
    return message === null
      ? fail(hold, reception, detail)
      : succeed(hold, reception, { message, text: null, messages: [message], status: response.status })
  }
  return isJson(response) ? receiveJson(response, hold, reception) : receiveEvents(response, hold, reception)
}

/** Answers with the problem. */
function fail(hold: Hold, reception: Reception, problem: UpstreamProblem): Response {
  hold.end(problem)
  reception.onEnd({ kind: 'failed', problem })
  return json(JSON.stringify(reception.failure(problem)), 200, reception)
}

function json(body: string | Uint8Array, status: number, { headers }: Reception): Response {
  return new Response(body as BodyInit, {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

async function receiveJson(response: Response, hold: Hold, reception: Reception): Promise<Response> {
  const { status } = response
  const mostBytes = Math.min(WHOLE_BYTES, hold.link.config.maxResponseBytes)
  const reader = new BodyReader(response, hold)
  const read = (await readDeclared(response, hold, mostBytes)) ?? (await readUpTo(reader, WHOLE_BYTES))
  if (read.kind === 'problem') return fail(hold, reception, read.problem)
  if (read.kind === 'more') return receiveMore(read.pieces, reader, { hold, status, reception })
  const { messages, isAsSent } = readRpc(read.text)
  const found = messages.find((it) => answers(asAnswer(it, reception.id, status), reception.id))
  if (found === undefined)
    return fail(hold, reception, messages.length === 0 ? notRpc(status) : wrongId(status))
  const message = asAnswer(found, reception.id, status)
  const text = isAsSent && message === found ? read.text : null
  return succeed(hold, reception, { message, text, messages, status })
}

/** JSON that is too large to be read whole: an object is passed on as it comes, an array message by message. */
async function receiveMore(
  pieces: readonly Uint8Array[],
  reader: BodyReader,
  {
    hold,
    status,
    reception,
  }: {
    readonly hold: Hold
    readonly status: number
    readonly reception: Reception
  },
): Promise<Response> {
  try {
    const begun = await beginningOf(pieces, reader)
    if (begun[0]?.[0] !== OPEN_BRACKET) return receiveLarge(begun, reader, { hold, status, reception })
    const messages = new ArrayReader(begun, reader, status)
    // Each is read, and so held, for it may be anybody's.
    const rewriting = reception.rewriting ?? unchanged
    if (reception.acceptsEvents()) return passEvents(messages, status, hold, { ...reception, rewriting })
    const message = await answerInArray(messages, reception.id, status)
    return succeed(hold, reception, { message, text: null, messages: [message], status })
  } catch (error) {
    reader.cancel()
    return fail(hold, reception, problemFrom(error))
  }
}

/** Answers with `message`, which came with others of the same body; `text` as in `answerOf`. */
function succeed(
  hold: Hold,
  reception: Reception,
  {
    message,
    text,
    messages,
    status,
  }: {
    readonly message: RpcMessage
    readonly text: string | null
    readonly messages: readonly RpcMessage[]
    readonly status: number
  },
): Response {
  let answer: Response
  try {
    answer = answerOf(messages, { message, text, status, reception })
  } catch {
    // Nested more deeply than can be written again.
    return fail(hold, reception, notRpc(status))
  }
  hold.end(null)
  reception.onEnd({ kind: 'answered', message, status })
  return answer
}

/** The answer as the client gets it. `text`: as it came, where it needs no mending but for its id. */
function answerOf(
  messages: readonly RpcMessage[],
  {
    message,
    text,
    status,
    reception,
  }: {
    readonly message: RpcMessage
    readonly text: string | null
    readonly status: number
    readonly reception: Reception
  },
): Response {
  const pair = pairOf(reception)
  const mine = pair === null ? message : restored(message, pair)
  if (messages.length > 1 && reception.acceptsEvents())
    return batch(messages.filter((it) => !isAnswer(it)).concat(mine), status, reception)
  const changed = reception.rewriting?.message(mine) ?? mine
  if (changed !== mine || text === null) return json(JSON.stringify(changed), status, reception)
  return json(pair === null ? text : withClientId(text, pair), status, reception)
}

/** Returns the messages of one array as a stream, since only one revision of MCP has arrays. The answer is the last. */
function batch(messages: readonly RpcMessage[], status: number, reception: Reception): Response {
  const { rewriting, headers, asker } = reception
  const asked = messages.map((it) => (asker === undefined ? it : askedIn(asker, it)))
  const changed = asked.map((it) => (rewriting === null ? it : rewriting.message(it)))
  const events = changed.flatMap((it) => (it === null ? [] : [messageEvent(it)]))
  return new Response(events.join(''), { status, headers: { ...eventHeaders, ...headers } })
}

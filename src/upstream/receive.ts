/**
 * Passes an upstream's answer on to the client: small JSON once it is whole and right, everything else as it comes.
 * Whatever goes wrong on the way, the client's last word is a JSON-RPC answer to its request.
 */
import { notRpc, wrongId } from './answer-problems.ts'
import { BodyReader, readDeclared, readUpTo } from './body.ts'
import { discard, type Hold, isJson, problemIn } from './http.ts'
import type { UpstreamProblem } from './problem.ts'
import { receiveEvents } from './receive-events.ts'
import { receiveLarge } from './receive-large.ts'
import { eventHeaders, messageEvent, type Reception } from './reception.ts'
import { errorUnder } from './refusal.ts'
import { answers, isAnswer, type RpcMessage, readRpc } from './rpc.ts'

/** JSON up to this size is read before it is passed on. */
export const WHOLE_BYTES = 256 * 1024

/** Passes on the answer to a request. Never throws. */
export async function receive(response: Response, hold: Hold, reception: Reception): Promise<Response> {
  const problem = problemIn(response)
  if (problem !== null) {
    const message = await errorUnder(response, reception.id)
    discard(response)
    return message === null
      ? fail(hold, reception, problem)
      : succeed(hold, reception, message, null, [message], response.status)
  }
  return isJson(response) ? receiveJson(response, hold, reception) : receiveEvents(response, hold, reception)
}

/** Answers with the problem. */
function fail(hold: Hold, reception: Reception, problem: UpstreamProblem): Response {
  hold.end(problem)
  reception.onEnd({ kind: 'failed', problem })
  return json(JSON.stringify(reception.failure(problem)), 200, reception)
}

function json(text: string, status: number, { headers }: Reception): Response {
  return new Response(text, { status, headers: { 'content-type': 'application/json', ...headers } })
}

async function receiveJson(response: Response, hold: Hold, reception: Reception): Promise<Response> {
  const { status } = response
  const mostBytes = Math.min(WHOLE_BYTES, hold.link.config.maxResponseBytes)
  const reader = new BodyReader(response, hold)
  const read = (await readDeclared(response, hold, mostBytes)) ?? (await readUpTo(reader, WHOLE_BYTES))
  if (read.kind === 'problem') return fail(hold, reception, read.problem)
  if (read.kind === 'more') return receiveLarge(read.pieces, reader, hold, status, reception)
  const { messages, isAsSent } = readRpc(read.text)
  const message = messages.find((it) => answers(it, reception.id))
  if (message === undefined)
    return fail(hold, reception, messages.length === 0 ? notRpc(status) : wrongId(status))
  return succeed(hold, reception, message, isAsSent ? read.text : null, messages, status)
}

/** Answers with `message`, which came with others of the same body; `text` as in `answerOf`. */
function succeed(
  hold: Hold,
  reception: Reception,
  message: RpcMessage,
  text: string | null,
  messages: readonly RpcMessage[],
  status: number,
): Response {
  let answer: Response
  try {
    answer = answerOf(messages, message, text, status, reception)
  } catch {
    // Nested more deeply than can be written again.
    return fail(hold, reception, notRpc(status))
  }
  hold.end(null)
  reception.onEnd({ kind: 'answered', message, status })
  return answer
}

/** The answer as the client gets it. `text`: as it came, where it needs no mending. */
function answerOf(
  messages: readonly RpcMessage[],
  message: RpcMessage,
  text: string | null,
  status: number,
  reception: Reception,
): Response {
  if (messages.length > 1 && reception.acceptsEvents())
    return batch(messages.filter((it) => !isAnswer(it)).concat(message), status, reception)
  const changed = reception.rewriting?.message(message) ?? message
  return json(changed === message && text !== null ? text : JSON.stringify(changed), status, reception)
}

/** What came in one array, as a stream, since only one revision of MCP has arrays. The answer is the last. */
function batch(messages: readonly RpcMessage[], status: number, { rewriting, headers }: Reception): Response {
  const changed = messages.map((it) => (rewriting === null ? it : rewriting.message(it)))
  const events = changed.flatMap((it) => (it === null ? [] : [messageEvent(it)]))
  return new Response(events.join(''), { status, headers: { ...eventHeaders, ...headers } })
}

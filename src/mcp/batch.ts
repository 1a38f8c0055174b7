/**
 * Several messages in one array: part of revision 2025-03-26 (and allowed before), removed from 2025-06-18 on.
 * Each message is decided by itself, in order, exactly as if it had come alone.
 */
import { parseExact } from '../base/exact-json.ts'
import { codes, type Refusal, type RequestId } from '../base/jsonrpc.ts'
import { askAhead } from '../request/admission.ts'
import { answer, refuse } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import { conclude } from '../request/decided.ts'
import type { Message } from '../request/message.ts'
import { loadProtocol } from '../request/protocol.ts'
import { isCall, needsProtocol, readMessage } from '../request/read-message.ts'
import { isEventStream } from '../upstream/http.ts'
import { EventWatch } from '../upstream/watch.ts'

const revisionsWithBatches = new Set(['2024-11-05', '2025-03-26'])
/** A batch pays a principal call a message, so its length is bounded. */
export const MOST_MESSAGES = 50
/** The most that all answers together may have, in UTF-16 units: they are held until the last has come. */
export const MOST_ANSWERS_CHARS = 8 * 1024 * 1024

export async function runBatch(
  context: RequestContext,
  { bodies, written }: Extract<Message, { kind: 'batch' }>,
  dispatch: (part: RequestContext, message: Message, id: RequestId | null) => Promise<Response>,
): Promise<Response> {
  const rule = isCall(bodies) ? '(batch)' : null
  if (bodies.length > MOST_MESSAGES) return refuse(context, tooLong(), { rule })
  const admission = await askAhead(context, { kind: 'check' })
  // It is asked again as what it is, so that it is on record; the principal says the same.
  const isShut = admission.kind === 'suspended' || admission.kind === 'dead_session'
  if (isShut && rule !== null) return refuse(context, openedMeanwhile(), { rule })
  conclude(context, { kind: 'check' }, admission)
  return answer(admission, null, async ({ protocolVersion }) => {
    if (!revisionsWithBatches.has(protocolVersion ?? '')) return refuse(context, notInRevision(), { rule })
    const answers: unknown[] = []
    const room = { left: MOST_ANSWERS_CHARS }
    for (const [index, body] of bodies.entries()) {
      // Messages of a batch carry no headers of their own.
      const headers = { protocolVersion: null, method: null, name: null }
      const asWritten = written?.[index] ?? null
      if (needsProtocol(body, asWritten, headers)) await loadProtocol()
      const { message, id, lost } = readMessage(body, asWritten, headers)
      const isInitialize = message.kind === 'request' && message.method === 'initialize'
      const refusal = isInitialize || message.kind === 'batch' ? notInBatch() : null
      // Rows of a batch are found by the id of its answer, with the place of their message.
      const part = { ...context, lost, requestId: `${context.requestId}.${index}` }
      const response =
        refusal === null ? await dispatch(part, message, id) : await refuse(part, refusal, { id })
      // Notifications and answers are answered by nothing, whatever became of them (JSON-RPC 2.0, 4.1 and 6).
      if (message.kind !== 'notification' && message.kind !== 'response')
        answers.push(await answerIn(response, id, room))
    }
    return answers.length === 0 ? new Response(null, { status: 202 }) : Response.json(answers)
  })
}

/** How much the answers that are still to come may have. */
interface Room {
  left: number
}

/** One message's answer as a member of the batch's; what was said before it stays said. */
async function answerIn(response: Response, id: RequestId | null, room: Room): Promise<unknown> {
  const text = await textWithin(response, room)
  if (text === null)
    return unanswered(
      id,
      codes.internalError,
      `Its answer is too large: those of a batch may have ${MOST_ANSWERS_CHARS} characters together`,
    )
  const body = isEventStream(response) ? answerInEvents(text, id) : parsed(text)
  if (typeof body === 'object' && body !== null && 'jsonrpc' in body) return body
  // The grant was revoked while the batch was on its way; alone, the message would be answered 401.
  return unanswered(id, codes.transport, `Not answered: HTTP ${response.status}`)
}

/** The body as text, or null where there is no room for it; one that breaks off is what came of it. */
async function textWithin({ body }: Response, room: Room): Promise<string | null> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const piece of body ?? []) {
      text += decoder.decode(piece, { stream: true })
      // To leave the loop is to cancel what is left.
      if (text.length > room.left) return null
    }
  } catch {
    // It is no answer then.
  }
  room.left -= text.length
  return text
}

function parsed(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    return null
  }
}

function unanswered(id: RequestId | null, code: number, message: string) {
  return { jsonrpc: '2.0', id, error: { code, message } }
}

/** A batch is answered at once: what a server says on the way to its answer has no place in it. */
function answerInEvents(text: string, id: RequestId | null): unknown {
  const watch = new EventWatch(id, MOST_ANSWERS_CHARS)
  watch.push(text)
  return watch.answer
}

/** Said only where the tenant was resumed between the two questions. */
function openedMeanwhile(): Refusal {
  const message = 'The batch could not be decided, so it was refused; try again'
  return { status: 503, code: codes.internalError, message, retryAfterSeconds: 1 }
}

function notInRevision(): Refusal {
  const message = 'Batches are not part of this protocol revision: send each message by itself'
  return { status: 400, code: codes.invalidRequest, message }
}

function notInBatch(): Refusal {
  return {
    status: 400,
    code: codes.invalidRequest,
    message: 'initialize and batches may not be part of a batch',
  }
}

function tooLong(): Refusal {
  return {
    status: 400,
    code: codes.invalidRequest,
    message: `A batch may have at most ${MOST_MESSAGES} messages`,
  }
}

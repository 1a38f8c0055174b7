/** Reads the whole answer to a request, for what must be looked at before it is passed on. */
import { answers, asAnswer, isRequest, type RpcId, type RpcMessage, readRpc } from '../base/rpc.ts'
import type { UpstreamProblem } from '../contract/upstream.ts'
import { endedEarly, notRpc, problemFrom, tooLarge, wrongId } from './answer-problems.ts'
import { BodyReader, readUpTo } from './body.ts'
import { discard, type Hold, isJson, problemIn } from './http.ts'
import { inOwnWords } from './own-words.ts'
import { errorUnder } from './refusal.ts'
import { EventWatch } from './watch.ts'

export type ReadAnswer =
  | { readonly ok: true; readonly message: RpcMessage; readonly status: number }
  | { readonly ok: false; readonly problem: UpstreamProblem }

/**
 * Reads the answer to request `id`, of whatever media type, and lets go of the request.
 * @param onRequest called with each request of the server's own that comes before; nobody else answers it
 */
export async function readAnswer(
  response: Response,
  hold: Hold,
  {
    id,
    mostBytes,
    onRequest = () => {},
  }: {
    readonly id: RpcId
    readonly mostBytes: number
    readonly onRequest?: ((message: RpcMessage) => void) | undefined
  },
): Promise<ReadAnswer> {
  const { status } = response
  const fault = (problem: UpstreamProblem) => {
    hold.end(problem)
    return { ok: false as const, problem }
  }
  const problem = problemIn(response, hold.link)
  if (problem !== null) {
    const message = await errorUnder(response, id)
    const detail = message === null ? await inOwnWords(problem, response, hold) : problem
    discard(response)
    if (message === null) return fault(detail)
    hold.end(null)
    return { ok: true, message, status }
  }
  const reader = new BodyReader(response, hold)
  const found = isJson(response)
    ? await readJson(reader, { id, mostBytes, status, onRequest })
    : await findEvent(reader, { id, mostBytes, status, onRequest })
  if (!found.ok) return fault(found.problem)
  const message = asAnswer(found.message, id, status)
  if (!answers(message, id)) return fault(wrongId(status))
  hold.end(null)
  return { ok: true, message, status }
}

type Found =
  | { readonly ok: true; readonly message: RpcMessage }
  | { readonly ok: false; readonly problem: UpstreamProblem }

/** The answer that is looked for. */
interface Wanted {
  readonly id: RpcId
  readonly mostBytes: number
  /** The HTTP status that it comes with. */
  readonly status: number
  /** Called with each request of the server's that comes with it. */
  readonly onRequest: (message: RpcMessage) => void
}

async function readJson(reader: BodyReader, { id, mostBytes, status, onRequest }: Wanted): Promise<Found> {
  const read = await readUpTo(reader, mostBytes)
  if (read.kind === 'problem') return { ok: false, problem: read.problem }
  if (read.kind === 'more') {
    reader.cancel()
    return { ok: false, problem: tooLarge(mostBytes, status) }
  }
  const { messages } = readRpc(read.text)
  for (const it of messages.filter(isRequest)) onRequest(it)
  const message = messages.find((it) => answers(it, id)) ?? messages[0]
  return message === undefined ? { ok: false, problem: notRpc(status) } : { ok: true, message }
}

async function findEvent(reader: BodyReader, { id, mostBytes, status, onRequest }: Wanted): Promise<Found> {
  const decoder = new TextDecoder()
  const watch = new EventWatch(id, mostBytes, onRequest)
  let bytes = 0
  try {
    for (let piece = await reader.next(); piece !== null; piece = await reader.next()) {
      bytes += piece.byteLength
      if (bytes > mostBytes) {
        reader.cancel()
        return { ok: false, problem: tooLarge(mostBytes, status) }
      }
      watch.push(decoder.decode(piece, { stream: true }))
      if (watch.answer === null || watch.answer === 'cut') continue
      reader.cancel()
      return { ok: true, message: watch.answer }
    }
  } catch (error) {
    return { ok: false, problem: problemFrom(error) }
  }
  return { ok: false, problem: endedEarly(status) }
}

/** Reads the body of an answer with an HTTP status of 400 or more. */
import type { RpcId, RpcMessage } from '../base/rpc.ts'
import { messageIn } from './message-in.ts'

/** More of a refusal is not read, nor is it waited for any longer: a server that refuses says so at once. */
const MOST_CHARS = 64 * 1024
const LONGEST_MS = 500

/** The beginnings of bodies that have been looked at. */
const beginnings = new WeakMap<Response, string>()

/** The same response, whose body can still be read, once its beginning is known. */
export async function lookedAt(response: Response): Promise<Response> {
  if (response.body === null) return response
  const reader = response.body.getReader()
  const { text, pieces, rest } = await beginningOf(reader)
  const waiting = [...pieces]
  let first = rest
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = waiting.shift()
        if (piece !== undefined) return controller.enqueue(piece)
        const read = await (first ?? reader.read())
        first = null
        if (read.done) controller.close()
        else controller.enqueue(read.value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
  const again = new Response(body, { status: response.status, headers: response.headers })
  beginnings.set(again, text)
  return again
}

/** The beginning of the body, which is not read any more unless `lookedAt` has made the response. Empty where nothing came. */
export async function refusalText(response: Response): Promise<string> {
  const known = beginnings.get(response)
  if (known !== undefined) return known
  if (response.body === null) return ''
  const reader = response.body.getReader()
  const { text } = await beginningOf(reader)
  reader.cancel().catch(() => {})
  beginnings.set(response, text)
  return text
}

interface Beginning {
  readonly text: string
  readonly pieces: readonly Uint8Array[]
  /** The piece that was not waited for; null where none was asked for. */
  readonly rest: ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']> | null
}

async function beginningOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Beginning> {
  const decoder = new TextDecoder()
  const pieces: Uint8Array[] = []
  let timer: ReturnType<typeof setTimeout> | null = null
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LONGEST_MS)
  })
  let text = ''
  let rest: Beginning['rest'] = null
  try {
    while (text.length < MOST_CHARS) {
      rest = reader.read()
      const piece = await Promise.race([rest, late])
      if (piece === null || piece.done) break
      rest = null
      pieces.push(piece.value)
      text += decoder.decode(piece.value, { stream: true })
    }
  } catch {
    // The part that has come is looked at; the next read reports that it broke off.
  }
  if (timer !== null) clearTimeout(timer)
  rest?.catch(() => {})
  return { text: text.slice(0, MOST_CHARS), pieces, rest }
}

/**
 * Statuses that are about the gateway and not about the request, whatever comes with them: its credentials, and how often
 * it asks. Each is told with a header that the gateway alone can heed.
 */
const ofTheGateway: ReadonlySet<number> = new Set([401, 429])

/**
 * The error that answers request `id` in spite of a status that by itself is no answer of MCP: some frameworks send
 * errors of their handlers with HTTP 500. The server has read the request and speaks of it, so it is well. Null where
 * there is none.
 */
export async function errorUnder(response: Response, id: RpcId): Promise<RpcMessage | null> {
  if (response.status < 400 || ofTheGateway.has(response.status)) return null
  const message = messageIn(await refusalText(response))
  return message?.error !== undefined && message.id === id ? message : null
}

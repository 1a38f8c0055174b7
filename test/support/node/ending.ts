/** How an answer came to its end, as a strict client sees it. */
import type { RpcMessage } from './mcp-agent.ts'

export interface Ending {
  /** The connection broke before the end. */
  readonly isBroken: boolean
  /** What came whole, in order. */
  readonly messages: readonly RpcMessage[]
  /** The answers among them. */
  readonly answers: readonly RpcMessage[]
  readonly text: string
}

/** Reads an answer: JSON must be JSON, an event counts with its empty line alone, one of an unknown type not at all. */
export async function endingOf(response: Response): Promise<Ending> {
  const decoder = new TextDecoder()
  let text = ''
  let isBroken = false
  try {
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true })
  } catch {
    isBroken = true
  }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  const messages = isStream ? messagesIn(text) : isBroken ? [] : [JSON.parse(text) as RpcMessage]
  return { isBroken, messages, answers: messages.filter(({ method }) => method === undefined), text }
}

/** The messages of an event stream as the standard has it (HTML, server-sent events): with three line ends, and nothing of an event without its empty line. */
function messagesIn(text: string): RpcMessage[] {
  const messages: RpcMessage[] = []
  let type = ''
  let data: string[] = []
  // What stands behind the last line end is no line.
  for (const line of text.split(/\r\n|\r|\n/).slice(0, -1)) {
    if (line === '') {
      const isMessage = type === '' || type === 'message'
      if (isMessage && data.join('\n') !== '') messages.push(JSON.parse(data.join('\n')) as RpcMessage)
      type = ''
      data = []
    } else if (line.startsWith('event:')) type = line.slice(6).trim()
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  return messages
}

/** Whether an answer says that something went wrong. */
export function isFailure({ error, result }: RpcMessage): boolean {
  return error !== undefined || result?.isError === true
}

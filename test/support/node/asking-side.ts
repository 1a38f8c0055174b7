/**
 * An MCP server of the session era that asks for a name before it answers a call, and holds the call open meanwhile.
 * GET lists the messages that it was sent; with `?give-up` it has the call answered without the name. By key, so that tests share it without sharing state.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

interface Side {
  readonly messages: unknown[]
  /** The stream of the call that is open, and the call's id. */
  open: { readonly stream: ServerResponse; readonly id: unknown } | null
  /** Its stream was let go. */
  isGone: boolean
}

const sides = new Map<string, Side>()

export function ask(request: IncomingMessage, key: string, body: string, response: ServerResponse): void {
  const side = sides.get(key) ?? { messages: [], open: null, isGone: false }
  sides.set(key, side)
  if (request.method === 'GET') {
    if (request.url?.endsWith('?give-up') === true)
      side.open?.stream.end(eventOf({ id: side.open.id, result: { content: [], isError: true } }))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ messages: side.messages, isGone: side.isGone }))
    return
  }
  const message = JSON.parse(body) as {
    id?: unknown
    method?: string
    params?: { arguments?: { times?: number } }
    result?: { content?: { name?: string } }
  }
  side.messages.push(message)
  if (message.method === 'tools/call') {
    side.open = { stream: response, id: message.id }
    response.on('close', () => {
      side.isGone = true
    })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const times = message.params?.arguments?.times ?? 1
    const questions = Array.from({ length: times }, (_, i) =>
      eventOf({ id: `e${i + 1}`, method: 'elicitation/create', params: { message: 'Name?' } }),
    )
    response.write(questions.join(''))
    return
  }
  response.writeHead(202).end()
  if (message.method === undefined && message.result !== undefined) {
    const text = `Hello, ${message.result.content?.name}!`
    side.open?.stream.end(eventOf({ id: side.open.id, result: { content: [{ type: 'text', text }] } }))
  }
}

function eventOf(message: object): string {
  return `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`
}

/** Ways in which an MCP server spoils an answer that it has ready, on the bytes themselves. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

/**
 * What becomes of an answer.
 *
 * - `ok`: JSON, whole. `stream`: an event stream with one progress event before the answer.
 * - `hang`: nothing at all, not even headers. `hang_in_stream`: some events and then nothing. `hang_in_json`: half
 *   of the body and then nothing.
 * - `reset`, `reset_in_stream`, `reset_in_json`: the same, but the connection breaks.
 * - `stream_without_answer`: an event stream that ends properly, and never answers. `empty`: 200 and no body.
 * - `html`: a page with that status. `status`: that status and a JSON-RPC error. `invalid_json`: what it says.
 * - `wrong_id`: an answer to a request that nobody made. `rpc_error`: a JSON-RPC error, properly.
 * - `large`: a result of that many bytes, made while it is sent; `declared`: with a Content-Length.
 * - `events`: a progress event every `everyMs`, `count` of them, and then the answer.
 * - `drip`: the JSON body in `pieces`, one every `everyMs`. `gzip`: the JSON body, compressed.
 * - `rate_limited`: 429, with Retry-After where there is one. `unauthorized`: 401 and a challenge.
 * - `error`: that JSON-RPC error, under the request's own id or none; `isDone` where the work was done nevertheless.
 * - `raw`: this text, in which `$ID` stands for the request's id and `$RESULT` for the result, as JSON.
 * - `redirect`: 307 to that place. `forgotten`: 404, as if the session had never been.
 */
export type Behaviour =
  | { readonly kind: Plain }
  | { readonly kind: 'html' | 'status'; readonly status: number }
  | { readonly kind: 'large'; readonly bytes: number; readonly in: Form; readonly declared?: boolean }
  | { readonly kind: 'events'; readonly count: number; readonly everyMs: number }
  | { readonly kind: 'drip'; readonly pieces: number; readonly everyMs: number }
  | { readonly kind: 'rate_limited'; readonly retryAfter: string | null }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'raw'; readonly text: string; readonly status?: number; readonly type?: string }
  | {
      readonly kind: 'error'
      readonly status: number
      readonly code: number
      readonly message: string
      readonly data?: unknown
      readonly isOwn?: boolean
      readonly isDone?: boolean
    }

/** An event stream or a JSON body. */
export type Form = 'stream' | 'json'

type Plain =
  | 'ok'
  | 'stream'
  | 'hang'
  | 'hang_in_stream'
  | 'hang_in_json'
  | 'reset'
  | 'reset_in_stream'
  | 'reset_in_json'
  | 'stream_without_answer'
  | 'empty'
  | 'invalid_json'
  | 'wrong_id'
  | 'rpc_error'
  | 'gzip'
  | 'unauthorized'
  | 'forgotten'

/** Whether a request met with it has done its work, or may have: then nobody may try it a second time. */
export function executes(behaviour: Behaviour): boolean {
  const { kind } = behaviour
  if (kind === 'error') return behaviour.isDone === true
  return !['rate_limited', 'unauthorized', 'redirect', 'forgotten', 'status', 'rpc_error'].includes(kind)
}

/** An answer as it would be if nothing were spoiled. */
export interface Ready {
  readonly id: unknown
  readonly result: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
  /** What the client wants its progress told under; undefined where it did not ask. */
  readonly progressToken: unknown
}

/** Sends it, spoiled. What hangs stays open until the client or the server closes it. */
export async function respond(response: ServerResponse, ready: Ready, behaviour: Behaviour): Promise<void> {
  const { id, result, headers } = ready
  const body = JSON.stringify({ jsonrpc: '2.0', id, result })
  const json = (status: number, text: string, extra: Readonly<Record<string, string>> = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers, ...extra }).end(text)
  const stream = () =>
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', ...headers })
  const begin = () => response.writeHead(200, { 'content-type': 'application/json', ...headers })

  switch (behaviour.kind) {
    case 'ok':
      json(200, body)
      return
    case 'stream':
      stream().end(`${progress(ready, 1)}${event(body)}`)
      return
    case 'hang':
      return
    case 'reset':
      response.socket?.resetAndDestroy()
      return
    case 'hang_in_stream':
      stream().write(progress(ready, 1))
      return
    case 'hang_in_json':
      begin().write(body.slice(0, body.length / 2))
      return
    case 'reset_in_stream':
      await written(stream(), progress(ready, 1))
      response.socket?.resetAndDestroy()
      return
    case 'reset_in_json':
      await written(begin(), body.slice(0, body.length / 2))
      response.socket?.resetAndDestroy()
      return
    case 'stream_without_answer':
      stream().end(progress(ready, 1))
      return
    case 'empty':
      json(200, '')
      return
    case 'html':
      response.writeHead(behaviour.status, { 'content-type': 'text/html' }).end('<h1>Nothing to see</h1>')
      return
    case 'status':
      json(behaviour.status, JSON.stringify(rpcError(id, -32603, `told to answer ${behaviour.status}`)))
      return
    case 'error': {
      const { status, code, message, data, isOwn = true } = behaviour
      json(status, JSON.stringify(rpcError(isOwn ? id : null, code, message, data)))
      return
    }
    case 'invalid_json':
      json(200, `${body.slice(0, -1)},]`)
      return
    case 'wrong_id':
      json(200, JSON.stringify({ jsonrpc: '2.0', id: `not-${String(id)}`, result }))
      return
    case 'rpc_error':
      json(200, JSON.stringify(rpcError(id, -32603, 'told to fail')))
      return
    case 'large':
      await sendLarge(response, ready, behaviour)
      return
    case 'events':
      stream()
      for (let i = 1; i <= behaviour.count && isOpen(response); i++) {
        await written(response, progress(ready, i))
        await wait(behaviour.everyMs)
      }
      response.end(event(body))
      return
    case 'drip':
      begin()
      for (let i = 0; i < behaviour.pieces && isOpen(response); i++) {
        const at = (piece: number) => Math.floor((body.length * piece) / behaviour.pieces)
        await written(response, body.slice(at(i), at(i + 1)))
        await wait(behaviour.everyMs)
      }
      response.end()
      return
    case 'gzip':
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers })
        .end(gzipSync(body))
      return
    case 'rate_limited': {
      const retry = behaviour.retryAfter === null ? {} : { 'retry-after': behaviour.retryAfter }
      json(429, JSON.stringify(rpcError(id, -32000, 'too many requests')), retry)
      return
    }
    case 'unauthorized':
      json(401, JSON.stringify({ error: 'invalid_token' }), { 'www-authenticate': 'Bearer realm="upstream"' })
      return
    case 'raw': {
      const { text, status = 200, type = 'application/json' } = behaviour
      const filled = text
        .replaceAll('$ID', () => JSON.stringify(id))
        .replaceAll('$RESULT', () => JSON.stringify(result))
      json(status, filled, { 'content-type': type })
      return
    }
    case 'redirect':
      response.writeHead(307, { location: behaviour.location }).end()
      return
    case 'forgotten':
      json(404, JSON.stringify(rpcError(id, -32001, 'Session not found')))
      return
  }
}

/** A JSON-RPC error. */
export function rpcError(id: unknown, code: number, message: string, data?: unknown) {
  return { jsonrpc: '2.0', id: id ?? null, error: { code, message, ...(data === undefined ? {} : { data }) } }
}

const PIECE = Buffer.alloc(65_536, 'x')

/** A text result of so many bytes, of which only a piece is ever in memory. */
async function sendLarge(
  response: ServerResponse,
  { id, result, headers }: Ready,
  { bytes, in: form, declared = false }: Behaviour & { kind: 'large' },
): Promise<void> {
  const marker = '@'
  const large = { ...result, content: [{ type: 'text', text: marker }] }
  const [before = '', after = ''] = JSON.stringify({ jsonrpc: '2.0', id, result: large }).split(marker)
  const [head, tail] =
    form === 'stream' ? [`event: message\ndata: ${before}`, `${after}\n\n`] : [before, after]
  const length = Buffer.byteLength(head) + bytes + Buffer.byteLength(tail)
  response.writeHead(200, {
    'content-type': form === 'stream' ? 'text/event-stream' : 'application/json',
    ...(declared ? { 'content-length': String(length) } : {}),
    ...headers,
  })
  await written(response, head)
  for (let left = bytes; left > 0 && isOpen(response); left -= PIECE.byteLength) {
    await written(response, left < PIECE.byteLength ? PIECE.subarray(0, left) : PIECE)
  }
  response.end(tail)
}

function event(data: string): string {
  return `event: message\ndata: ${data}\n\n`
}

function progress({ progressToken }: Ready, value: number): string {
  if (progressToken === undefined) return ': nobody asked for progress\n\n'
  const params = { progressToken, progress: value }
  return event(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params }))
}

function isOpen(response: ServerResponse): boolean {
  return !response.destroyed && response.socket?.destroyed !== true
}

/** Writes, and waits until there is room for more, or nobody to write to. */
async function written(response: ServerResponse, chunk: string | Buffer): Promise<void> {
  if (!isOpen(response)) return
  if (response.write(chunk)) {
    // Not in one turn with what follows: a reset would overtake it.
    await wait(0)
    return
  }
  const over = new AbortController()
  const heard = { signal: over.signal }
  const [drained, closed] = [once(response, 'drain', heard), once(response, 'close', heard)]
  await Promise.race([drained, closed])
  // The other one would listen on.
  for (const listening of [drained, closed]) listening.catch(() => {})
  over.abort()
}

/**
 * An agent of either era with nothing in between: one HTTP request a message, every message of the answer kept,
 * and the time it took. Faults are told apart by what exactly came back, which the SDK's clients hide.
 */
import { type SaidTwice, saidOnce } from '../says-everything.ts'

export type Era = 'session' | 'stateless'
export const eras: readonly Era[] = ['session', 'stateless']

const versions: Readonly<Record<Era, string>> = { session: '2025-11-25', stateless: '2026-07-28' }
/** Where the gateway puts it in results of tools that are not its own. */
const ERROR_META_KEY = 'gatehouse/error'
/** No answer may take so long: whoever is still waiting then reports a hang. */
const HANG_MS = 90_000

/** A JSON-RPC message, as far as tests look into it. */
export interface RpcMessage {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/** What came back for one request. */
export interface AgentAnswer {
  readonly status: number
  readonly headers: Headers
  /** All messages, in order; those before the answer are notifications and requests of the server. */
  readonly messages: readonly RpcMessage[]
  /** The message that answers the request; null where none came. */
  readonly answer: RpcMessage | null
  /** How long it took until the last byte. */
  readonly ms: number
}

/** Why a call failed, for programs. */
export interface GatewayError {
  readonly code: string
  readonly retry_after_seconds?: number
}

/** What a tool answered. */
export interface ToolOutcome extends AgentAnswer {
  readonly isError: boolean
  /** All text parts together. */
  readonly text: string
  /** What the gateway says to programs of a call that failed; null where it says nothing. */
  readonly error: GatewayError | null
  /** `error.code`; null where there is none. */
  readonly code: string | null
}

export interface McpAgent {
  readonly era: Era
  /** Its session; null in the stateless era. */
  readonly session: string | null
  send(
    method: string,
    params?: Readonly<Record<string, unknown>>,
    options?: SendOptions,
  ): Promise<AgentAnswer>
  /** Sends it and leaves the body of the response to the caller. */
  open(method: string, params: Readonly<Record<string, unknown>>, options?: SendOptions): Promise<Response>
  /** Calls a tool. Throws when what came back is no tool result. */
  call(tool: string, args: Readonly<Record<string, unknown>>, options?: SendOptions): Promise<ToolOutcome>
  /** Names of all tools, over all pages. */
  tools(): Promise<readonly string[]>
}

export interface SendOptions {
  readonly progressToken?: string
  /** Disconnects. */
  readonly signal?: AbortSignal
}

/** Connects to an MCP endpoint as a client of these capabilities; in the session era that initializes a session. */
export async function connectAgent(
  era: Era,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  capabilities: Readonly<Record<string, unknown>> = {},
): Promise<McpAgent> {
  let id = 0
  let session: string | null = null
  const open: McpAgent['open'] = (method, params, { progressToken, signal } = {}) => {
    id += 1
    return fetch(url, {
      method: 'POST',
      headers: { ...common, ...headers, ...own(era, method, params, session) },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method,
        params: withMeta(era, params, progressToken, capabilities),
      }),
      redirect: 'manual',
      ...(signal === undefined ? {} : { signal }),
    })
  }
  const send: McpAgent['send'] = async (method, params = {}, options = {}) => {
    const from = performance.now()
    const bound = AbortSignal.timeout(HANG_MS)
    const { signal } = options
    const opening = open(method, params, {
      ...options,
      signal: signal === undefined ? bound : AbortSignal.any([bound, signal]),
    })
    const own = id
    return readAnswer(await opening, own, from)
  }
  if (era === 'session') {
    const opened = await send('initialize', {
      protocolVersion: versions.session,
      capabilities,
      clientInfo: { name: 'agent', version: '1' },
    })
    session = opened.headers.get('mcp-session-id')
    if (opened.answer?.result === undefined || session === null)
      throw new Error(`initialize was answered ${opened.status}: ${JSON.stringify(opened.messages)}`)
    const initialized = await fetch(url, {
      method: 'POST',
      headers: { ...common, ...headers, ...own(era, '', {}, session) },
      body: JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }),
    })
    await initialized.body?.cancel()
  }
  return {
    era,
    session,
    send,
    open,
    call: async (tool, args, options) =>
      toolOutcome(await send('tools/call', { name: tool, arguments: args }, options)),
    tools: async () => {
      const names: string[] = []
      let cursor: string | undefined
      do {
        const { status, answer } = await send('tools/list', cursor === undefined ? {} : { cursor })
        const result = answer?.result as { tools: { name: string }[]; nextCursor?: string } | undefined
        if (result === undefined)
          throw new Error(`tools/list was answered ${status}: ${JSON.stringify(answer)}`)
        names.push(...result.tools.map(({ name }) => name))
        cursor = result.nextCursor
      } while (cursor !== undefined)
      return names
    },
  }
}

const common = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

function own(era: Era, method: string, params: Readonly<Record<string, unknown>>, session: string | null) {
  const name = params.name ?? params.uri
  return {
    'mcp-protocol-version': versions[era],
    ...(session === null ? {} : { 'mcp-session-id': session }),
    ...(era === 'stateless' ? { 'mcp-method': method } : {}),
    ...(era === 'stateless' && typeof name === 'string' ? { 'mcp-name': headerValue(name) } : {}),
  }
}

/** As it survives in a header (MCP 2026-07-28, Streamable HTTP, value encoding). */
function headerValue(text: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)
  return isPlain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}

function withMeta(
  era: Era,
  params: Readonly<Record<string, unknown>>,
  progressToken: string | undefined,
  capabilities: Readonly<Record<string, unknown>>,
) {
  const meta = {
    ...(progressToken === undefined ? {} : { progressToken }),
    ...(era === 'stateless'
      ? {
          'io.modelcontextprotocol/protocolVersion': versions.stateless,
          'io.modelcontextprotocol/clientInfo': { name: 'agent', version: '1' },
          'io.modelcontextprotocol/clientCapabilities': capabilities,
        }
      : {}),
  }
  if (Object.keys(meta).length === 0) return params
  return { ...params, _meta: { ...meta, ...(params._meta as object | undefined) } }
}

async function readAnswer(response: Response, id: number, from: number): Promise<AgentAnswer> {
  const text = await response.text()
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  const messages = isStream ? events(text) : text === '' ? [] : [JSON.parse(text) as RpcMessage]
  return {
    status: response.status,
    headers: response.headers,
    messages,
    answer: messages.find((it) => it.method === undefined && it.id === id) ?? null,
    ms: performance.now() - from,
  }
}

/** The messages of an event stream: events of another type are none (HTML, server-sent events). */
function events(text: string): RpcMessage[] {
  return text.split(/\r?\n\r?\n/).flatMap((block) => {
    const lines = block.split(/\r?\n/)
    const field = (name: string) =>
      lines
        .filter((line) => line.startsWith(`${name}:`))
        .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
    const data = field('data').join('\n')
    const isMessage = (field('event').at(-1) ?? 'message') === 'message'
    return data === '' || !isMessage ? [] : [JSON.parse(data) as RpcMessage]
  })
}

function toolOutcome(answered: AgentAnswer): ToolOutcome {
  const result = answered.answer?.result as
    | {
        isError?: boolean
        content?: { text?: string }[]
        structuredContent?: { error?: GatewayError }
        _meta?: Readonly<Record<string, GatewayError>>
      }
    | undefined
  if (result === undefined)
    throw new Error(`the call was answered ${answered.status}: ${JSON.stringify(answered.messages)}`)
  const error = result.structuredContent?.error ?? result._meta?.[ERROR_META_KEY] ?? null
  const once = error === null ? [] : saidOnce(result as SaidTwice)
  if (once.length > 0) throw new Error(`the gateway says something only once: ${once.join('; ')}`)
  return {
    ...answered,
    isError: result.isError === true,
    text: (result.content ?? []).map((part) => part.text ?? '').join(''),
    error,
    code: error?.code ?? null,
  }
}

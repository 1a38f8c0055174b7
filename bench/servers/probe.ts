/** What a server does on the wire where servers differ: asked with plain HTTP, for a client hides it. */

/** In a few words each. */
export interface Wire {
  /** Its answer to `server/discover`, by which clients find out the era. */
  readonly discover: string
  /** Its answer to `initialize`: the revision, whether it issues a session, and in which form it answers. */
  readonly initialize: string
  /** A tool that it does not have. */
  readonly unknownTool: string
  /** A session that it never issued. */
  readonly forgedSession: string
  /** GET, with its session where it has one. */
  readonly stream: string
}

const WAIT_MS = 5_000
const SESSION_ERA = '2025-11-25'
const STATELESS_ERA = '2026-07-28'

interface Heard {
  readonly status: number
  readonly type: string
  readonly session: string | null
  readonly message: Message | null
}

interface Message {
  readonly id?: unknown
  readonly result?: { readonly isError?: boolean; readonly protocolVersion?: string }
  readonly error?: { readonly code?: unknown }
}

export async function probe(url: string, more: Readonly<Record<string, string>> = {}): Promise<Wire> {
  const ask = (
    method: string,
    params: object,
    headers: Readonly<Record<string, string>> = {},
    id: number | null = 1,
  ) => post(url, { jsonrpc: '2.0', ...(id === null ? {} : { id }), method, params }, { ...more, ...headers })
  const clientInfo = { name: 'lab', version: '1' }
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': STATELESS_ERA,
    'io.modelcontextprotocol/clientInfo': clientInfo,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const discovered = await ask(
    'server/discover',
    { _meta: envelope },
    { 'mcp-protocol-version': STATELESS_ERA, 'mcp-method': 'server/discover' },
  )
  const opened = await ask('initialize', { protocolVersion: SESSION_ERA, capabilities: {}, clientInfo })
  const session: Record<string, string> = opened.session === null ? {} : { 'mcp-session-id': opened.session }
  const version = { 'mcp-protocol-version': SESSION_ERA }
  await ask('notifications/initialized', {}, { ...session, ...version }, null)
  const called = await ask('tools/call', { name: 'no_such_tool', arguments: {} }, { ...session, ...version })
  const forged = await ask('tools/list', {}, { 'mcp-session-id': crypto.randomUUID(), ...version })
  const streamed = await get(url, { ...more, ...session, ...version })
  return {
    discover: inWords(discovered),
    initialize: [
      opened.message?.result?.protocolVersion ?? inWords(opened),
      opened.session === null ? 'no session' : 'session',
      opened.type,
    ].join(', '),
    unknownTool: inWords(called),
    forgedSession: inWords(forged),
    stream: streamed,
  }
}

async function post(url: string, body: object, headers: Readonly<Record<string, string>>): Promise<Heard> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(WAIT_MS),
  })
  const type = typeOf(response)
  const text = await response.text()
  return {
    status: response.status,
    type,
    session: response.headers.get('mcp-session-id'),
    message: messageIn(type === 'events' ? lastEvent(text) : text),
  }
}

/** The status, and how a stream stands; it is let go at once. */
async function get(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const ending = new AbortController()
  const timer = setTimeout(() => ending.abort(), WAIT_MS)
  try {
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: ending.signal,
    })
    return `${response.status} ${typeOf(response)}`
  } catch {
    return 'no answer'
  } finally {
    clearTimeout(timer)
    ending.abort()
  }
}

function inWords({ status, type, message }: Heard): string {
  if (message?.error !== undefined) {
    const id =
      message.id === 1 ? '' : message.id === undefined ? ', no id' : `, id ${JSON.stringify(message.id)}`
    return `${status} ${String(message.error.code)}${id}`
  }
  if (message?.result !== undefined) return `${status} ${message.result.isError ? 'isError' : 'result'}`
  return `${status} ${type}`
}

function typeOf(response: Response): string {
  const type = (response.headers.get('content-type') ?? 'nothing').split(';', 1)[0] ?? ''
  return type === 'text/event-stream' ? 'events' : type.replace(/^(application|text)\//, '')
}

/** The data of the last event that has some. */
function lastEvent(text: string): string {
  const data = text.split('\n').filter((line) => line.startsWith('data:') && line.length > 6)
  return data.at(-1)?.slice(5) ?? ''
}

function messageIn(text: string): Message | null {
  try {
    const parsed = JSON.parse(text) as unknown
    return typeof parsed === 'object' && parsed !== null ? (parsed as Message) : null
  } catch {
    return null
  }
}

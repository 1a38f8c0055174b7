/** A client that sends the text that a test wrote, digit by digit, and shows what came back as it was written. */
import type { Era } from './mcp-agent.ts'

const versions: Readonly<Record<Era, string>> = { session: '2025-11-25', stateless: '2026-07-28' }
const envelope = JSON.stringify({
  'io.modelcontextprotocol/protocolVersion': versions.stateless,
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
})

export interface RawAnswer {
  readonly status: number
  readonly text: string
  /** The JSON texts of its messages, whether they came as JSON or as events of type `message`. */
  readonly messages: readonly string[]
}

export interface RawClient {
  /** POSTs a body as it is. */
  post(body: string, more?: Readonly<Record<string, string>>): Promise<RawAnswer>
  /** The same, without waiting for the body of the answer. */
  open(body: string, more?: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response>
  /** A request with `id` and what stands in `params`, between the braces, as JSON texts. */
  request(id: string, method: string, params?: string): Promise<RawAnswer>
  /** GETs what comes behind the event of this id. */
  resume(lastEventId: string, signal: AbortSignal): Promise<Response>
}

/** Connects; in the session era that initializes a session. */
export async function connectRaw(
  era: Era,
  url: string,
  token: string,
  version: string = versions[era],
  capabilities: object = {},
): Promise<RawClient> {
  const headers: Record<string, string> = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': version,
  }
  const open: RawClient['open'] = (body, more = {}, signal) =>
    fetch(url, {
      method: 'POST',
      headers: { ...headers, ...own(era, body), ...more },
      body,
      ...(signal === undefined ? {} : { signal }),
    })
  const post: RawClient['post'] = async (body, more) => read(await open(body, more))
  if (era === 'session') {
    const params = { protocolVersion: version, capabilities, clientInfo: { name: 'raw', version: '1' } }
    const opened = await open(JSON.stringify({ jsonrpc: '2.0', id: 'open', method: 'initialize', params }))
    headers['mcp-session-id'] = opened.headers.get('mcp-session-id') ?? ''
    await opened.text()
    await post('{"jsonrpc":"2.0","method":"notifications/initialized"}')
  }
  return {
    post,
    open,
    request: (id, method, params = '') => post(request(era, id, method, params)),
    resume: (lastEventId, signal) =>
      fetch(url, {
        headers: { ...headers, accept: 'text/event-stream', 'last-event-id': lastEventId },
        signal,
      }),
  }
}

/** The text of a request. */
export function request(era: Era, id: string, method: string, params = ''): string {
  const meta = era === 'stateless' ? `${params === '' ? '' : ','}"_meta":${envelope}` : ''
  return `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":{${params}${meta}}}`
}

/** What a stateless client repeats of the body. */
function own(era: Era, body: string): Record<string, string> {
  if (era === 'session') return {}
  const { method = '', params } = JSON.parse(body) as {
    method?: string
    params?: { name?: string; uri?: string }
  }
  const name = params?.name ?? params?.uri
  return { 'mcp-method': method, ...(name === undefined ? {} : { 'mcp-name': name }) }
}

async function read(response: Response): Promise<RawAnswer> {
  const text = await response.text()
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  return { status: response.status, text, messages: isStream ? eventsIn(text) : text === '' ? [] : [text] }
}

function eventsIn(text: string): string[] {
  return text.split('\n\n').flatMap((block) => {
    const lines = block.split('\n')
    const isOther = lines.some((line) => line.startsWith('event:') && line !== 'event: message')
    const data = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []))
    return isOther || data.join('') === '' ? [] : [data.join('\n')]
  })
}

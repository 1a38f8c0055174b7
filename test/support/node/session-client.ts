/**
 * A client of the session era with nothing in between: one HTTP request a call, and a hook that runs in the very
 * moment in which the answer is complete. Tests that pull the plug need that moment; the SDK's client hides it.
 */
import { Agent, request } from 'node:http'
import { DEMO_TOKEN } from './wrangler-dev.ts'

const PROTOCOL_VERSION = '2025-11-25'
const TIMEOUT_MS = 30_000

/** What a tool answered. */
export interface ToolAnswer {
  /** HTTP status. */
  readonly status: number
  readonly isError: boolean
  /** All text parts together. */
  readonly text: string
  readonly structured: Readonly<Record<string, unknown>>
}

export interface SessionClient {
  /**
   * Calls a tool. `onAnswer` runs in the same tick in which the answer's last byte arrives. Rejects when the
   * connection breaks before.
   */
  call(tool: string, args: Readonly<Record<string, unknown>>, onAnswer?: () => void): Promise<ToolAnswer>
  /** Closes its connection; the session stays. */
  close(): void
}

/** Initializes a session at a gateway. The client keeps one connection of its own, and survives restarts. */
export async function openSession(gatewayUrl: string, token = DEMO_TOKEN): Promise<SessionClient> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const url = `${gatewayUrl}/mcp`
  let id = 0
  let session: Record<string, string> = {}
  const send = (method: string, params: unknown, onAnswer: () => void) => {
    id += 1
    const headers = { authorization: `Bearer ${token}`, 'mcp-protocol-version': PROTOCOL_VERSION, ...session }
    return post(agent, url, headers, { jsonrpc: '2.0', id, method, params }, onAnswer)
  }

  const initialize = {
    protocolVersion: PROTOCOL_VERSION,
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  }
  const opened = await send('initialize', initialize, () => {})
  if (opened.status !== 200 || opened.session === null) {
    throw new Error(`initialize was answered ${opened.status}: ${JSON.stringify(opened.message)}`)
  }
  session = { 'mcp-session-id': opened.session }
  return {
    call: async (tool, args, onAnswer = () => {}) => {
      const { status, message } = await send('tools/call', { name: tool, arguments: args }, onAnswer)
      return toolAnswer(status, message)
    },
    close: () => agent.destroy(),
  }
}

interface Answered {
  readonly status: number
  readonly session: string | null
  /** The JSON-RPC message. */
  readonly message: unknown
}

function post(
  agent: Agent,
  url: string,
  headers: Record<string, string>,
  body: unknown,
  onAnswer: () => void,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        agent,
        timeout: TIMEOUT_MS,
        headers: {
          ...headers,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
      },
      (response) => {
        const { statusCode: status = 0, headers: received } = response
        const length = Number(received['content-length'])
        const id = received['mcp-session-id']
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          size += chunk.byteLength
          // Not on 'end', which comes a tick later.
          if (size === length) onAnswer()
        })
        response.on('error', reject)
        response.on('end', () => {
          try {
            const message: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
            resolve({ status, session: typeof id === 'string' ? id : null, message })
          } catch (error) {
            reject(error)
          }
        })
      },
    )
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

function toolAnswer(status: number, message: unknown): ToolAnswer {
  const { result } = message as {
    result?: { isError?: boolean; content?: { text?: string }[]; structuredContent?: Record<string, unknown> }
  }
  if (result === undefined) throw new Error(`the call was answered ${status}: ${JSON.stringify(message)}`)
  return {
    status,
    isError: result.isError === true,
    text: (result.content ?? []).map((part) => part.text ?? '').join(''),
    structured: result.structuredContent ?? {},
  }
}

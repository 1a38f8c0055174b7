/** The SDKs' own clients without a network: whether they take a list, exactly as it is. */
import { Client } from '@modelcontextprotocol/client'
import { Client as SessionEraClient } from '@modelcontextprotocol/sdk/client/index.js'
import type { Era } from './mcp-agent.ts'

/** The lists of MCP: the request's method, and the name of the entries in its result. */
export const listMethods = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  resourceTemplates: 'resources/templates/list',
} as const
export type ListName = keyof typeof listMethods

export interface Judge {
  /** Why the client refuses a list with these entries, or null where it takes it. */
  refusal(kind: ListName, entries: readonly unknown[]): Promise<string | null>
  /** Why the client refuses to call a tool that it is shown, or null where it calls it. */
  refusalToCall(tool: { readonly name: string }): Promise<string | null>
}

interface Message {
  readonly id?: string | number
  readonly method?: string
  readonly params?: { readonly protocolVersion?: string }
}

/** A server as a transport, which answers each list with what `entries` holds. */
class Answering {
  onmessage?: (message: unknown) => void
  onclose?: () => void
  entries: readonly unknown[] = []
  readonly #era: Era

  constructor(era: Era) {
    this.#era = era
  }

  async start(): Promise<void> {}
  async close(): Promise<void> {
    this.onclose?.()
  }

  async send(message: Message): Promise<void> {
    if (message.id === undefined) return
    const answer = this.#answer(message)
    // As JSON, as it would come over the wire.
    const text = JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer })
    queueMicrotask(() => this.onmessage?.(JSON.parse(text)))
  }

  #answer({ method = '', params }: Message): object {
    const capabilities = { tools: {}, prompts: {}, resources: {} }
    const envelope =
      this.#era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}
    if (method === 'initialize' && this.#era === 'session') {
      const { protocolVersion } = params ?? {}
      return { result: { protocolVersion, capabilities, serverInfo: { name: 'test', version: '1' } } }
    }
    if (method === 'server/discover' && this.#era === 'stateless')
      return { result: { ...envelope, supportedVersions: ['2026-07-28'], capabilities } }
    const kind = Object.entries(listMethods).find(([, its]) => its === method)?.[0]
    if (kind !== undefined) return { result: { ...envelope, [kind]: this.entries } }
    // A tool error, for its structure need not fit the schema.
    if (method === 'tools/call') return { result: { ...envelope, content: [], isError: true } }
    return { error: { code: -32_601, message: 'Method not found' } }
  }
}

/** Connects the client of an era: the SDK that stops at the session era, or its successor. */
export async function connectJudge(era: Era): Promise<Judge> {
  const transport = new Answering(era)
  const identity = { name: 'gatehouse-test', version: '1' }
  if (era === 'session') {
    const client = new SessionEraClient(identity)
    await client.connect(transport as unknown as Parameters<typeof client.connect>[0])
    return judgeWith(transport, client)
  }
  const client = new Client(identity, { versionNegotiation: { mode: 'auto' } })
  await client.connect(transport as unknown as Parameters<typeof client.connect>[0])
  return judgeWith(transport, client)
}

interface Lister {
  listTools(): Promise<unknown>
  listPrompts(): Promise<unknown>
  listResources(): Promise<unknown>
  listResourceTemplates(): Promise<unknown>
  callTool(params: { readonly name: string }): Promise<unknown>
}

function judgeWith(transport: Answering, client: Lister): Judge {
  const asks: Readonly<Record<ListName, () => Promise<unknown>>> = {
    tools: () => client.listTools(),
    prompts: () => client.listPrompts(),
    resources: () => client.listResources(),
    resourceTemplates: () => client.listResourceTemplates(),
  }
  const refusalOf = async (work: () => Promise<unknown>): Promise<string | null> => {
    try {
      await work()
      return null
    } catch (error) {
      return String(error)
    }
  }
  return {
    refusal: (kind, entries) => {
      transport.entries = entries
      return refusalOf(asks[kind])
    },
    refusalToCall: (tool) => {
      transport.entries = [tool]
      return refusalOf(async () => {
        await client.listTools()
        await client.callTool({ name: tool.name })
      })
    },
  }
}

/** A request as it goes to an upstream server. PURE. */
import type { RpcId } from '../base/rpc.ts'

/** A request as it goes to the upstream: what was parsed and decided, and nothing else. */
export interface Outgoing {
  readonly jsonrpc: '2.0'
  readonly id: RpcId
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
}

/** The part of a request that `Mcp-Name` repeats (MCP 2026-07-28, Streamable HTTP, standard request headers). */
export function nameOf({ method, params }: Pick<Outgoing, 'method' | 'params'>): string | undefined {
  const name = method === 'resources/read' ? params?.uri : params?.name
  const isNamed = method === 'tools/call' || method === 'prompts/get' || method === 'resources/read'
  return isNamed && typeof name === 'string' ? name : undefined
}

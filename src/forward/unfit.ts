/** Requests that would not arrive at an upstream as their client meant them. */
import { codes, type Refusal } from '../base/jsonrpc.ts'
import { lastKnownTools } from '../bridge/last-known.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { paramHeaderProblem } from '../upstream/headers.ts'
import type { UpstreamLink } from '../upstream/link.ts'

/**
 * Refuses a call whose `Mcp-Param-*` headers contradict its arguments (MCP 2026-07-28, Streamable HTTP, custom headers): a router that
 * reads the header and the tool itself would go by different values. A missing header is for the server to report; only a call that has
 * some is looked at.
 */
export async function paramHeaderRefusal(
  { http, env, presented }: RequestContext,
  { era }: RequestMessage,
  {
    config,
    tool,
    args,
  }: {
    readonly config: UpstreamLink['config']
    readonly tool: string
    readonly args: unknown
  },
): Promise<Refusal | null> {
  if (era !== 'stateless' || !hasParamHeaders(http.headers)) return null
  const tools = await lastKnownTools({ env, tenant: presented.tenant, config })
  const known = tools?.find(({ name }) => name === tool)
  const problem = known === undefined ? null : paramHeaderProblem(known.inputSchema, args, http.headers)
  if (problem === null) return null
  return { status: 400, code: codes.headerMismatch, message: `Headers and body disagree: ${problem}` }
}

function hasParamHeaders(headers: Headers): boolean {
  for (const name of headers.keys()) if (name.startsWith('mcp-param-')) return true
  return false
}

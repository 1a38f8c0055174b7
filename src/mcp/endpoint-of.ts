/** Finds the endpoint of nearly all MCP requests without the router, which costs a call as much as its policy does. PURE. */
import { NAME } from '../names/tokens.ts'

/** The tenant and the server that the URL names. */
export interface Endpoint {
  /** The tenant in the path, or null where the token alone names it. */
  readonly tenant: string | null
  /** One server alone, native or upstream, or null for all. */
  readonly server: string | null
}

/** The address of an endpoint as clients write it: no slash at its end, no query, and nothing in it encoded. */
const ADDRESS = new RegExp(`^https?://[^/?#]+(?:/t/([a-z0-9-]+))?/mcp(?:/(${NAME}))?$`)

/** Returns the endpoint of a POST that no browser's page sends; null: the router has to look, and finds the same for any that it is. */
export function endpointOf({
  method,
  url,
  headers,
}: Pick<Request, 'method' | 'url' | 'headers'>): Endpoint | null {
  if (method !== 'POST') return null
  const found = ADDRESS.exec(url)
  if (found === null || headers.has('origin')) return null
  const [, tenant = null, server = null] = found
  return { tenant, server }
}

/** A tenant whose agents need a person for some calls, and that person. */
import { admin } from '../support/admin.ts'
import {
  type Answer,
  envelope,
  type Json,
  post,
  principal,
  request,
  STATELESS,
  statelessCall,
} from '../support/gateway.ts'

export const RULE = '/tools/track_logout/require_approval/0'

/** Asks for every `track_logout`, which may be made twice a minute. */
export const ASKS = {
  version: '1',
  default: 'allow',
  tools: {
    track_logout: {
      require_approval: [{ conditions: [], on_deny: 'Ask Ana.' }],
      limits: [{ counter: 'c', window: 'day', max: 2 }],
    },
  },
}

export const track = (token: string, args: Json = { account_id: 'a' }) =>
  statelessCall('track_logout', args, { token })

/** What a tool error says of the approval that it waits for. */
export const errorOf = ({ structured }: { structured: Json }) =>
  structured.error as { code: string; approval: string; url: string; reason: string | null }

export const decide = (id: string, decision: 'approve' | 'deny', reason?: string, tenant = 'acme') =>
  admin('POST', `${tenant}/approvals/${id}`, { decision, ...(reason === undefined ? {} : { reason }) })

/** A call of the stateless era by a client that can open links, perhaps as a retry. */
export function callWithLinks(
  token: string,
  args: Json = { account_id: 'a' },
  retry: Json = {},
): Promise<Answer> {
  const meta = { ...envelope, 'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } } }
  const params = { name: 'track_logout', arguments: args, ...retry, _meta: meta }
  const headers = {
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': STATELESS,
    'mcp-method': 'tools/call',
    'mcp-name': 'track_logout',
  }
  return post(request('tools/call', params), { token, headers })
}

/** What such a client sends once its person has been to the link. */
export const backFrom = (id: string, action = 'accept'): Json => ({
  inputResponses: { approval: { action } },
  requestState: id,
})

/** Has the principal tell its tenant. */
export const told = (grant = 'acme/bot') => principal(grant).drain()

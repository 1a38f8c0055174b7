/** What is measured against what: the same tool call, sent directly, through a bare proxy, and through the gateway. */
import { adminApi } from '../../test/support/node/admin-api.ts'
import { connectAgent, type Era } from '../../test/support/node/mcp-agent.ts'
import { type Prepared, prepare } from './load.ts'

/** The upstream's name at the gateway. */
export const SERVER = 'up'
export const EXPECTED = 'pong'
/** The tenant that is set up. */
export const TENANT = 'bench'

/** Principals over which calls are spread. */
export const PRINCIPALS = 100

export interface Subject {
  readonly name: string
  readonly era: Era
  readonly kind: 'direct' | 'proxy' | 'gateway' | 'peer'
  readonly principals: number
  readonly url: URL
  readonly requests: readonly Prepared[]
}

/** Connections that are open at once have requests of different ids, as those of one client have. */
const IDS = 64

/** A tool call as an agent of that era sends it, once for each id. */
function calls(
  url: URL,
  era: Era,
  {
    session,
    token,
    ids = IDS,
  }: { readonly session: string | null; readonly token: string | null; readonly ids?: number },
): readonly Prepared[] {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = {
    name: 'echo',
    arguments: { text: EXPECTED },
    ...(era === 'stateless' ? { _meta: meta } : {}),
  }
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(session === null ? {} : { 'mcp-session-id': session }),
    ...(era === 'stateless'
      ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' }
      : { 'mcp-protocol-version': '2025-11-25' }),
  }
  return Array.from({ length: ids }, (_, i) =>
    prepare(url, headers, { jsonrpc: '2.0', id: i + 1, method: 'tools/call', params }),
  )
}

/** Sent straight to `base`: the upstream itself, a proxy that is transparent, or what somebody may use instead. */
export async function plainSubject(
  kind: 'direct' | 'proxy' | 'peer',
  base: string,
  era: Era,
): Promise<Subject> {
  const url = new URL('/mcp', base)
  const { session } = await connectAgent(era, url.href)
  return {
    name: `${kind}, ${era}`,
    era,
    kind,
    principals: 1,
    url,
    requests: calls(url, era, { session, token: null }),
  }
}

/** Registers the upstream, a policy with a limit that is never reached, and the grants. Returns their tokens. */
export async function setUpGateway(
  gatewayUrl: string,
  upstreamUrl: string,
  grants = PRINCIPALS,
): Promise<readonly string[]> {
  const admin = adminApi(gatewayUrl, TENANT)
  await admin.putTenant()
  // All 64 connections share one isolate here; the cap is not what is measured.
  await admin.putServer(SERVER, { url: new URL('/mcp', upstreamUrl).href, limits: { concurrent: 1_000 } })
  const limits = [{ counter: 'calls', window: 'minute', max: 1_000_000_000, scope: 'grant' }]
  await admin.putPolicy('bench', {
    version: '1',
    default: 'allow',
    tools: { [`${SERVER}__echo`]: { limits } },
  })
  const tokens: string[] = []
  for (let i = 0; i < grants; i++) {
    tokens.push(await admin.putGrant(`agent-${i}`, { policy: 'bench', servers: [SERVER] }))
  }
  return tokens
}

/** Through the gateway, with one principal or spread over all; each has made a call, so each is warm. */
export async function gatewaySubject(
  gatewayUrl: string,
  tokens: readonly string[],
  era: Era,
  name = 'gatehouse',
): Promise<Subject> {
  const url = new URL(`/mcp/${SERVER}`, gatewayUrl)
  const requests: Prepared[] = []
  for (const token of tokens) {
    const agent = await connectAgent(era, url.href, { authorization: `Bearer ${token}` })
    const { text } = await agent.call('echo', { text: EXPECTED })
    if (text !== EXPECTED) throw new Error(`the gateway answered: ${text}`)
    requests.push(...calls(url, era, { session: agent.session, token, ids: tokens.length === 1 ? IDS : 1 }))
  }
  const spread = tokens.length === 1 ? 'one principal' : `${tokens.length} principals`
  return {
    name: `${name}, ${era}, ${spread}`,
    era,
    kind: 'gateway',
    principals: tokens.length,
    url,
    requests,
  }
}

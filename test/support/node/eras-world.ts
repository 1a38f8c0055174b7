/** A gateway, reference servers of either era behind it, and real clients that see them. */
import type { Reference } from '../../conformance/reference/reference.ts'
import { startSessionEra } from '../../conformance/reference/session-era.ts'
import { startStatelessEra } from '../../conformance/reference/stateless-era.ts'
import { type AdminApi, adminApi } from './admin-api.ts'
import { type BareGateway, startBare } from './bare-workerd.ts'
import type { SdkClient, SdkClientOptions } from './sdk-client.ts'
import { connectSessionEra, connectStatelessEra } from './sdk-clients.ts'

export type Era = 'session' | 'stateless'
export const eras: readonly Era[] = ['session', 'stateless']

export interface World {
  readonly gateway: BareGateway
  readonly admin: AdminApi
  /** By the era that they speak. */
  readonly servers: Readonly<Record<Era, Reference>>
  /** A token of a grant of its own. */
  grant(name: string, policy?: string): Promise<string>
  /** A real client of `client` at the server of `upstream`, or at all of them. */
  connect(client: Era, upstream: Era | 'all', options?: SdkClientOptions): Promise<SdkClient>
  /** The same at any server by name. */
  connectTo(client: Era, server: string, options: SdkClientOptions): Promise<SdkClient>
  /** POSTs one JSON-RPC message by hand, as a client of the stateless era. */
  post(upstream: Era, token: string, message: StatelessMessage): Promise<Posted>
  stop(): Promise<void>
}

export interface StatelessMessage {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  readonly capabilities?: Readonly<Record<string, unknown>>
  readonly meta?: Readonly<Record<string, unknown>>
  readonly id?: number
}

export interface Posted {
  readonly status: number
  readonly result: Readonly<Record<string, unknown>> | undefined
  readonly error: { readonly code: number; readonly message: string } | undefined
}

let grants = 0

/** As it is registered. */
export function nameOf(era: Era): string {
  return `${era}-era`
}

export async function startWorld(): Promise<World> {
  const [gateway, session, stateless] = await Promise.all([
    startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }),
    startSessionEra(),
    startStatelessEra(),
  ])
  const servers = { session, stateless }
  const clients: SdkClient[] = []
  const stop = async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => {})))
    await Promise.all([gateway.stop(), session.stop(), stateless.stop()])
  }
  const admin = adminApi(gateway.url, 'eras')
  try {
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    for (const era of eras) await admin.putServer(nameOf(era), { url: servers[era].url })
  } catch (error) {
    await stop()
    throw error
  }
  const grant: World['grant'] = (name, policy = 'open') =>
    admin.putGrant(`${name}-${grants++}`, { policy, servers: eras.map(nameOf) })
  const urlOf = (upstream: Era | 'all') =>
    `${gateway.url}/mcp${upstream === 'all' ? '' : `/${nameOf(upstream)}`}`
  const connectAt = async (client: Era, url: string, options: SdkClientOptions) => {
    const connect = client === 'session' ? connectSessionEra : connectStatelessEra
    const connected = await connect(url, options)
    clients.push(connected)
    return connected
  }
  return {
    gateway,
    admin,
    servers,
    grant,
    connect: async (client, upstream, options = {}) => {
      const token = options.token ?? (await grant(`${client}-${upstream}`))
      return connectAt(client, urlOf(upstream), { ...options, token })
    },
    connectTo: (client, server, options) => connectAt(client, `${gateway.url}/mcp/${server}`, options),
    post: async (upstream, token, message) => {
      const response = await fetch(urlOf(upstream), statelessRequest(token, message))
      const text = await response.text()
      const data = text.startsWith('{') ? text : (text.match(/^data: (.*)$/gm) ?? []).at(-1)?.slice(6)
      const { result, error } = JSON.parse(data ?? '{}') as Posted
      return { status: response.status, result, error }
    },
    stop,
  }
}

export function statelessRequest(
  token: string,
  { method, params, capabilities = {}, meta = {}, id = 1 }: StatelessMessage,
): RequestInit & { body: string } {
  const name = params.name ?? params.uri
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'by-hand', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
    ...meta,
  }
  return {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }),
  }
}

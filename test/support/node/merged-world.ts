/** Two real servers of one era behind one gateway, and clients of that era which see both at `/mcp`. */
import type { Reference } from '../../conformance/reference/reference.ts'
import { startSessionEra } from '../../conformance/reference/session-era.ts'
import { startStatelessEra } from '../../conformance/reference/stateless-era.ts'
import { type AdminApi, adminApi, type GrantDocument } from './admin-api.ts'
import { type BareGateway, startBare } from './bare-workerd.ts'
import { connectAgent, type Era, type McpAgent } from './mcp-agent.ts'
import type { SdkClient, SdkClientOptions } from './sdk-client.ts'
import { connectSessionEra, connectStatelessEra } from './sdk-clients.ts'

/** As registered, in the order in which lists have them. */
export const names = ['one', 'two'] as const
export type Name = (typeof names)[number]

export interface MergedWorld {
  readonly era: Era
  readonly gateway: BareGateway
  readonly admin: AdminApi
  readonly servers: Readonly<Record<Name, Reference>>
  /** Makes a grant, with a policy of its own where one is given, and returns its token. */
  grant(name: string, policy?: unknown, document?: GrantDocument): Promise<string>
  /** An SDK's client of the era at `/mcp`; by default with a grant that may do everything. */
  client(options?: SdkClientOptions): Promise<SdkClient>
  /** One that shows every byte. */
  agent(token?: string): Promise<McpAgent>
  stop(): Promise<void>
}

/** Starts it. */
export async function startMergedWorld(era: Era): Promise<MergedWorld> {
  const running: { stop(): Promise<void> }[] = []
  const stop = async () => {
    await Promise.all(running.map((it) => it.stop()))
  }
  const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const it = await starting
    running.push(it)
    return it
  }
  try {
    const gateway = await start(startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }))
    const reference = () => start(era === 'session' ? startSessionEra() : startStatelessEra())
    const servers = { one: await reference(), two: await reference() }
    const admin = adminApi(gateway.url, `merged-${era}`)
    await admin.putTenant({ identity: { trusted: true } })
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    for (const name of names) await admin.putServer(name, { url: servers[name].url })
    const open = await admin.putGrant('open', { policy: 'open', servers: ['session', ...names] })
    const grant: MergedWorld['grant'] = async (name, policy, document = {}) => {
      if (policy !== undefined) await admin.putPolicy(name, policy)
      return admin.putGrant(name, { policy: policy === undefined ? 'open' : name, ...document })
    }
    const url = `${gateway.url}/mcp`
    const connect = era === 'session' ? connectSessionEra : connectStatelessEra
    return {
      era,
      gateway,
      admin,
      servers,
      grant,
      client: (options = {}) => connect(url, { token: open, ...options }),
      agent: (token = open) => connectAgent(era, url, { authorization: `Bearer ${token}` }),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

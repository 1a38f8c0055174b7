/** A gateway with a tenant of its own, a server that is well, and as many that are not as a test wants. */
import { type AdminApi, adminApi, type ServerDocument } from './admin-api.ts'
import { type BareGateway, startBare } from './bare-workerd.ts'
import { connectAgent, type Era, type McpAgent, type ToolOutcome } from './mcp-agent.ts'
import { type MisbehavingOptions, type MisbehavingServer, startMisbehaving } from './misbehaving.ts'

/** The shortest that a server's document can say, so that a test of them is short. */
const hasty = { response_seconds: 1, idle_seconds: 1, call_seconds: 3 }
/** A test that is not about the breaker wants every call to reach the server. */
const patient = { failures: 1_000, open_seconds: 1 }

/** Where an agent connects: to everything, or to one server alone. */
export type Entrance = 'all' | 'one'
export const entrances: readonly Entrance[] = ['all', 'one']

export interface Unwell {
  /** As registered. */
  readonly name: string
  readonly server: MisbehavingServer
  /** A token whose grant reaches this server and the one that is well. */
  readonly token: string
  /** Connects an agent of this grant. */
  connect(era: Era, entrance: Entrance): Promise<UpstreamAgent>
}

/** An agent that knows what the tools are called where it is connected. */
export interface UpstreamAgent extends McpAgent {
  /** `echo` of the server that is not well. */
  callBad(args: Readonly<Record<string, unknown>>): Promise<ToolOutcome>
}

export interface UpstreamWorld {
  readonly gateway: BareGateway
  readonly admin: AdminApi
  /** The server that is well, registered as `good`. */
  readonly good: MisbehavingServer
  /** Registers one more server, which a grant of its own reaches besides `good`. */
  add(name: string, document?: Partial<ServerDocument>, options?: MisbehavingOptions): Promise<Unwell>
  /** An agent that is connected to `good` alone, with a grant of its own. */
  connectGood(era: Era): Promise<McpAgent>
  stop(): Promise<void>
}

/** Starts it. */
export async function startUpstreamWorld(): Promise<UpstreamWorld> {
  const running: { stop(): Promise<void> }[] = []
  const stop = async () => {
    await Promise.all(running.map((it) => it.stop()))
  }
  try {
    const gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })
    running.push(gateway)
    const good = await startMisbehaving()
    running.push(good)
    const admin = adminApi(gateway.url, 'faulty')
    await admin.putTenant()
    await admin.putPolicy('open', { version: '1', default: 'allow' })
    await admin.putServer('good', { url: good.url })
    const goodToken = await admin.putGrant('good', { policy: 'open', servers: ['good'] })

    const add: UpstreamWorld['add'] = async (name, document = {}, options = {}) => {
      const server = await startMisbehaving(options)
      running.push(server)
      await admin.putServer(name, { url: server.url, timeouts: hasty, breaker: patient, ...document })
      const token = await admin.putGrant(name, { policy: 'open', servers: ['good', name] })
      const connect: Unwell['connect'] = async (era, entrance) => {
        const path = entrance === 'all' ? '/mcp' : `/mcp/${name}`
        const agent = await connectAgent(era, `${gateway.url}${path}`, { authorization: `Bearer ${token}` })
        const tool = entrance === 'all' ? `${name}__echo` : 'echo'
        return { ...agent, callBad: (args) => agent.call(tool, args) }
      }
      return { name, server, token, connect }
    }
    const connectGood = (era: Era) =>
      connectAgent(era, `${gateway.url}/mcp/good`, { authorization: `Bearer ${goodToken}` })
    return { gateway, admin, good, add, connectGood, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

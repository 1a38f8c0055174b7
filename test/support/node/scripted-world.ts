/** A gateway with a tenant of its own, in front of servers that a test scripts. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type AdminApi, adminApi, type ServerDocument } from './admin-api.ts'
import { type BareGateway, type BareOptions, bareWorkerdMissing, startBare } from './bare-workerd.ts'
import type { Era } from './mcp-agent.ts'
import { type Script, type ScriptedServer, startScripted } from './scripted.ts'

/** How long something may be on its way, in milliseconds: far more than it takes, for a machine may be slow. */
export const BOUND_MS = 10_000

/** What to add to a test's name where bare workerd cannot run. */
export const missing = bareWorkerdMissing === null ? '' : ` (not run: ${bareWorkerdMissing})`

/** At the URL of all servers, and at that of one. */
export const entrances = ['all', 'one'] as const
export type Entrance = (typeof entrances)[number]

export interface ScriptedWorld {
  readonly gateway: BareGateway
  readonly admin: AdminApi
  /** Has it stopped when the test is over, before what was opened earlier. */
  stopLater(it: { stop(): void | Promise<void> }): void
  /** Starts a server and registers it. */
  add(name: string, script: Script, document?: Partial<ServerDocument>, era?: Era): Promise<ScriptedServer>
}

/**
 * Starts the gateway before all tests of the block that calls it, with the policy `open`, which allows everything, and stops it
 * after them.
 */
export function useScriptedWorld(
  tenant: string,
  settings: Parameters<AdminApi['putTenant']>[0] = {},
  options: BareOptions = {},
): ScriptedWorld {
  let gateway: BareGateway | undefined
  let admin: AdminApi | undefined
  const open: { stop(): void | Promise<void> }[] = []
  beforeAll(async () => {
    gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }, options)
    admin = adminApi(gateway.url, tenant)
    await admin.putTenant(settings)
    await admin.putPolicy('open', { version: '1', default: 'allow' })
  })
  afterEach(async () => {
    for (const it of open.splice(0).reverse()) await it.stop()
  })
  afterAll(() => gateway?.stop())
  const started = <T>(it: T | undefined): T => {
    if (it === undefined) throw new Error('the world is used before it was started')
    return it
  }
  return {
    get gateway() {
      return started(gateway)
    },
    get admin() {
      return started(admin)
    },
    stopLater: (it) => void open.push(it),
    add: async (name, script, document = {}, era = 'session') => {
      const server = await startScripted(era, script)
      open.push(server)
      await started(admin).putServer(name, { url: server.url, ...document })
      return server
    },
  }
}

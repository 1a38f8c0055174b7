/** Every native tool, by name and in the order in which it is listed. */
import type { Tool } from '@modelcontextprotocol/server'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Env } from '../contract/env.ts'
import { sessionModeOf } from '../contract/session-mode.ts'
import { deployedServers } from '../deployment/native-servers.ts'
import { type NativeServerName, nativeServerNames } from '../names/native-servers.ts'
import { isListed } from '../policy/decide.ts'
import { type NativeTool, withSessionExplained } from './kit/tool.ts'
import { legitiServerTools } from './legiti.ts'
import { sessionTools } from './session/tools.ts'

const tools: readonly NativeTool[] = [...sessionTools, ...legitiServerTools]
const byName: ReadonlyMap<string, NativeTool> = new Map(tools.map((tool) => [tool.definition.name, tool]))

/** The servers that a URL and a grant reach together. */
export type ReachableServers = ReadonlySet<NativeServerName>

/** The native servers that a grant has, of those that the deployment has. */
export function reachableServers({ settings }: CompiledConfig, env: Env): ReachableServers {
  const deployed = deployedServers(env)
  return new Set(settings.servers.filter((name) => deployed.has(name)))
}

/** The same, of those that a URL serves: the one that it names, or all where it names none. */
export function reachableAt(server: string | null, config: CompiledConfig, env: Env): ReachableServers {
  const reached = reachableServers(config, env)
  return server === null ? reached : new Set([...reached].filter((name) => name === server))
}

/** The tools of these servers. */
export function reachableTools(reach: ReachableServers): readonly NativeTool[] {
  return tools.filter((tool) => reach.has(tool.server))
}

/** The tools as `tools/list` shows them to a grant with this configuration: those that its policy shows, in its words. */
export function listedTools(reach: ReachableServers, config: CompiledConfig, env: Env): Tool[] {
  const place = { settings: config.settings, deployed: deployedServers(env), showsAll: env.DEMO === 'true' }
  const definitions = reachableTools(reach)
    .filter(({ definition }) => isListed(config.policy, definition.name))
    .map(({ definition, listed }) => listed?.(definition, place) ?? definition)
  return sessionModeOf(config) === 'many' ? definitions.map(withSessionExplained) : definitions
}

export function findTool(name: string, reach: ReachableServers): NativeTool | null {
  const tool = byName.get(name)
  return tool !== undefined && reach.has(tool.server) ? tool : null
}

/** The argument schemas of all native tools, for checking a policy against them. */
export function nativeSchemas(): ReadonlyMap<string, unknown> {
  return new Map(tools.map(({ definition }) => [definition.name, definition.inputSchema]))
}

/** All native tools, by server. */
export function nativeTools(): { readonly server: NativeServerName; readonly tools: readonly Tool[] }[] {
  return nativeServerNames.map((server) => ({
    server,
    tools: tools.filter((it) => it.server === server).map(({ definition }) => definition),
  }))
}

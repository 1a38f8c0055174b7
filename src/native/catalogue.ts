/** Every native tool, by name and in the order in which it is listed. */
import type { Tool } from '@modelcontextprotocol/server'
import { legitiServerTools } from '../legiti/server.ts'
import { sessionTools } from '../session/tools.ts'
import type { SessionMode } from '../tenant/session-mode.ts'
import { type NativeServerName, nativeServerNames } from './server-names.ts'
import { type NativeTool, withSessionExplained } from './tool.ts'

const tools: readonly NativeTool[] = [...sessionTools, ...legitiServerTools]
const byName: ReadonlyMap<string, NativeTool> = new Map(tools.map((tool) => [tool.definition.name, tool]))

/** The servers that a URL and a grant reach together. */
export type Reach = ReadonlySet<NativeServerName>

export function reachableTools(reach: Reach): readonly NativeTool[] {
  return tools.filter((tool) => reach.has(tool.server))
}

/** The tools as `tools/list` shows them to a grant with this setting. */
export function listedTools(reach: Reach, mode: SessionMode): readonly Tool[] {
  const definitions = reachableTools(reach).map(({ definition }) => definition)
  return mode === 'many' ? definitions.map(withSessionExplained) : definitions
}

export function findTool(name: string, reach: Reach): NativeTool | null {
  const tool = byName.get(name)
  return tool !== undefined && reach.has(tool.server) ? tool : null
}

/** Whether a native tool has this name, whoever reaches it. */
export function isNativeName(name: string): boolean {
  return byName.has(name)
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

/** Every native tool, by name and in the order in which it is listed. */
import { legitiServerTools } from '../legiti/server.ts'
import { sessionTools } from '../session/tools.ts'
import type { NativeServerName } from './server-names.ts'
import type { NativeTool } from './tool.ts'

const tools: readonly NativeTool[] = [...sessionTools, ...legitiServerTools]
const byName: ReadonlyMap<string, NativeTool> = new Map(tools.map((tool) => [tool.definition.name, tool]))

/** The servers that a URL and a grant reach together. */
export type Reach = ReadonlySet<NativeServerName>

export function reachableTools(reach: Reach): readonly NativeTool[] {
  return tools.filter((tool) => reach.has(tool.server))
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

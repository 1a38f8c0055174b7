/** What the tenant's upstream servers were last seen to list, as far as a policy can be checked against it. */
import { isObject } from '../json.ts'
import { readTools } from './listings.ts'
import { serverNames } from './servers.ts'

/** More is not sent to whoever checks a policy: its servers count as unlisted. */
const LONGEST = 8 * 1024 * 1024

export interface ToolSchemas {
  /** JSON array of [server, tool, input schema]. */
  readonly toolsJson: string
  /** Servers whose tools are not known. */
  readonly unlisted: readonly string[]
}

export function toolSchemas(sql: SqlStorage): ToolSchemas {
  const all: [string, string, unknown][] = []
  const unlisted: string[] = []
  let length = 0
  for (const server of serverNames(sql)) {
    const tools = readTools(sql, server)
    length += tools?.length ?? 0
    if (tools === null || length > LONGEST) {
      unlisted.push(server)
      continue
    }
    for (const tool of JSON.parse(tools) as unknown[]) {
      if (isObject(tool) && typeof tool.name === 'string')
        all.push([server, tool.name, tool.inputSchema ?? {}])
    }
  }
  return { toolsJson: JSON.stringify(all), unlisted }
}

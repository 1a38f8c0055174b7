/** The tools that upstream servers last listed, for checking policies. */
import { isObject } from '../../base/json.ts'
import type { ListedServer, ToolSchemas } from '../../contract/tenant.ts'
import { readListing, readTools } from './listings.ts'
import { serverNames } from './servers.ts'

/** More is not sent to whoever checks a policy: the servers whose lists do not fit count as unlisted. */
const LONGEST = 8 * 1024 * 1024

/** @param longest characters of all lists together; of more, servers by name while they fit */
export function toolSchemas(sql: SqlStorage, longest = LONGEST): ToolSchemas {
  const all: [string, string, unknown][] = []
  const servers: ListedServer[] = []
  let length = 0
  for (const name of serverNames(sql)) {
    const tools = readTools(sql, name)
    const isListed = tools !== null && length + tools.length <= longest
    servers.push({ name, isListed, renamed: (isListed ? readListing(sql, name)?.renamed : null) ?? {} })
    if (!isListed) continue
    length += tools.length
    for (const tool of JSON.parse(tools) as unknown[]) {
      if (isObject(tool) && typeof tool.name === 'string') all.push([name, tool.name, tool.inputSchema ?? {}])
    }
  }
  return { toolsJson: JSON.stringify(all), servers }
}

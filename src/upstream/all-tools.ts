/** All tools of a server that may list them in pages. */
import { isObject } from '../base/json.ts'
import type { RpcMessage } from '../base/rpc.ts'

/** A tool as its server lists it: whatever it is, it has a name. */
export type Tool = Readonly<Record<string, unknown>> & { readonly name: string }

/** More pages, or more tools, are not read: a cursor may lead in circles. */
const MOST_PAGES = 100
const MOST_TOOLS = 20_000

/** The entries in the answer to `tools/list`, whatever they are, or null where it is no list of tools. */
export function toolsIn({ result }: RpcMessage): readonly unknown[] | null {
  const tools = result?.tools
  return Array.isArray(tools) ? tools : null
}

/** Tells whether an entry can be spoken of. */
export function isTool(entry: unknown): entry is Tool {
  return isObject(entry) && typeof entry.name === 'string'
}

/** Asks for page after page. Null when one of them is missing, for then nobody knows what all of them are. */
export async function allTools(
  ask: (cursor: string | undefined) => Promise<RpcMessage>,
): Promise<readonly unknown[] | null> {
  const tools: unknown[] = []
  let cursor: string | undefined
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await ask(cursor)
    const found = toolsIn(answer)
    if (found === null) return null
    for (const tool of found) tools.push(tool)
    const next = answer.result?.nextCursor
    if (typeof next !== 'string' || next === cursor || tools.length >= MOST_TOOLS) break
    cursor = next
  }
  return tools
}

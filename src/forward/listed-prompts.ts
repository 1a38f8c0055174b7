/**
 * Finds out whether a server lists a prompt, as far as this isolate has seen its list: for the same reason as with tools (listed.ts).
 * Lists of prompts are kept nowhere else.
 */
import { isObject } from '../base/json.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { serverKey } from '../upstream/server-key.ts'
import { type AskPage, askForList, type ListAsker, longestMs } from './ask-list.ts'
import { askAfresh, type Fresh, type ListKey, type Named, wasFound } from './fresh-lists.ts'

/** A list is known for so long. */
const KNOWN_MS = 60_000
const MOST_LISTS = 500
/** Longer lists are not kept, and no more is read of one. */
const MOST_NAMES = 2_000
const MOST_PAGES = 100

interface Known extends Named {
  readonly untilMs: number
}

const lists = new Map<string, Known>()

function listKey(tenant: string, upstream: UpstreamConfig): ListKey {
  return { server: `prompts of ${serverKey(tenant, upstream)}`, known: '' }
}

/** `unknown`: this isolate has not seen its prompts lately. */
export function knowsPrompt(
  tenant: string,
  upstream: UpstreamConfig,
  prompt: string,
): 'listed' | 'unlisted' | 'unknown' {
  const key = listKey(tenant, upstream)
  if (wasFound(key, prompt)) return 'listed'
  const known = lists.get(key.server)
  if (known === undefined || known.untilMs <= Date.now()) return 'unknown'
  return known.names.has(prompt) ? 'listed' : 'unlisted'
}

/** Remembers a whole list of prompts, before a policy has taken anything from it. */
export function rememberPrompts(tenant: string, upstream: UpstreamConfig, names: ReadonlySet<string>): void {
  const { server: key } = listKey(tenant, upstream)
  lists.delete(key)
  if (names.size > MOST_NAMES) return
  const oldest = lists.size >= MOST_LISTS ? lists.keys().next().value : undefined
  if (oldest !== undefined) lists.delete(oldest)
  lists.set(key, { names, untilMs: Date.now() + KNOWN_MS })
}

/** Has a server list all of its prompts for a request that was admitted. */
export async function listPromptsAfresh(
  asker: ListAsker,
  { upstream, name }: { readonly upstream: UpstreamConfig; readonly name: string },
): Promise<Fresh<Named>> {
  const { tenant } = asker.admitted
  return askAfresh(listKey(tenant, upstream), name, longestMs(upstream), () =>
    askForList(asker, upstream, 'prompts/list', async (ask) => {
      const names = await allNames(ask)
      if (names !== null) rememberPrompts(tenant, upstream, names)
      return names === null ? null : { names }
    }),
  )
}

/** Null when a page is missing, for then nobody knows what all of them are. */
async function allNames(ask: AskPage): Promise<ReadonlySet<string> | null> {
  const names = new Set<string>()
  let cursor: string | undefined
  for (let page = 0; page < MOST_PAGES && names.size <= MOST_NAMES; page++) {
    const { result } = await ask(cursor)
    const found = promptNames(result?.prompts)
    if (found === null) return null
    for (const name of found) names.add(name)
    const next = result?.nextCursor
    if (typeof next !== 'string' || next === cursor) break
    cursor = next
  }
  return names
}

/** The names in what should be a list of prompts; null where it is none. */
export function promptNames(prompts: unknown): string[] | null {
  if (!Array.isArray(prompts)) return null
  return prompts.flatMap((prompt) =>
    isObject(prompt) && typeof prompt.name === 'string' ? [prompt.name] : [],
  )
}

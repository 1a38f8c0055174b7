/**
 * Finds out whether a server lists a tool. A name that it does not list is none of its tools, even if the server would take it for one.
 * A policy speaks of tools by their listed names, and `DROP` or `drop ` would else pass where `drop` is hidden.
 */
import { lastKnownTools } from '../bridge/last-known.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Verdict } from '../contract/tenant.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import type { RequestContext } from '../request/context.ts'
import { allTools, isTool, type Tool } from '../upstream/all-tools.ts'
import { problemOf } from '../upstream/problem.ts'
import { serverKey } from '../upstream/server-key.ts'
import { askForList, type ListAsker, longestMs } from './ask-list.ts'
import { askAfresh, type Fresh, type ListKey, type Named, wasFound } from './fresh-lists.ts'
import { compareWithPins } from './pinning.ts'

/** A server's tools as it has just listed them, compared with the pins. */
export interface ListedTools extends Named {
  readonly verdict: Verdict
}

/** Tells whether the configuration itself knows the tool: of nearly all calls nothing else is asked. */
export function isConfigured(config: CompiledConfig, upstream: UpstreamConfig, tool: string): boolean {
  return config.toolNames.get(upstream.name)?.has(tool) === true
}

/** `unknown`: it has not listed its tools, as far as can be told. */
export async function knowsTool(
  { env, presented }: RequestContext,
  config: CompiledConfig,
  upstream: UpstreamConfig,
  tool: string,
): Promise<'listed' | 'unlisted' | 'unknown'> {
  const names = config.toolNames.get(upstream.name)
  if (names?.has(tool) || wasFound(listKey(presented.tenant, upstream), tool)) return 'listed'
  if (names !== undefined) return 'unlisted'
  // Too many to travel with the configuration, or configured before they did.
  const tools = await lastKnownTools({ env, tenant: presented.tenant, config: upstream })
  if (tools === null) return 'unknown'
  return namesOf(tools).has(tool) ? 'listed' : 'unlisted'
}

const namesIn = new WeakMap<readonly Tool[], ReadonlySet<string>>()

/** Gathers the names of a list once, for the same list is kept for as long as it counts. */
function namesOf(tools: readonly Tool[]): ReadonlySet<string> {
  const names = namesIn.get(tools) ?? new Set(tools.map(({ name }) => name))
  namesIn.set(tools, names)
  return names
}

/** A server that has moved, or is registered anew, is another one; and so is what it lists. */
function listKey(tenant: string, upstream: UpstreamConfig): ListKey {
  return { server: serverKey(tenant, upstream), known: upstream.catalogue ?? '' }
}

/** Has a server list all of its tools for a call that was admitted, and compares them with the pins. */
export async function listAfresh(
  asker: ListAsker,
  { upstream, tool }: { readonly upstream: UpstreamConfig; readonly tool: string },
): Promise<Fresh<ListedTools>> {
  return askAfresh(listKey(asker.admitted.tenant, upstream), tool, longestMs(upstream), () =>
    askForList(asker, upstream, 'tools/list', async (ask, { link }) => {
      const tools = await allTools(ask)
      if (tools === null) return null
      try {
        const verdict = await compareWithPins(link, upstream, tools)
        return { names: new Set(tools.filter(isTool).map(({ name }) => name)), verdict }
      } catch {
        const message = 'listed tools that could not be compared with what is known of them'
        return problemOf('misconfigured', message)
      }
    }),
  )
}

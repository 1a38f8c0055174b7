/** `tools/list` of one upstream server: compared with its pins, then filtered by the policy. */
import type { RequestMessage } from '../gateway/message.ts'
import { isListed } from '../policy/decide.ts'
import type { CompiledConfig } from '../tenant/compiled.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import { LONGEST_TOOL_NAME } from '../upstream/names.ts'
import { problemOf } from '../upstream/problem.ts'
import { eventHeaders, messageEvent } from '../upstream/reception.ts'
import { allTools, type Tool, toolsIn } from './all-tools.ts'
import { rpcFailure } from './deliver.ts'
import { type Inquiry, inquire } from './inquire.ts'
import { compareWithPins } from './pinning.ts'
import { deliveryOf, outgoing, type Reached, reach, talkAt } from './single.ts'

/** A page of a list, or the error that came instead. */
export type Listed = Inquiry &
  (
    | {
        readonly ok: true
        /** What may be shown, in the server's order. */
        readonly tools: readonly Tool[]
        /** As it is now: a first listing changes it. */
        readonly upstream: UpstreamConfig
      }
    | { readonly ok: false }
  )

export async function listTools(at: Reached, message: RequestMessage): Promise<Response> {
  const listed = await toolsOf(at, message)
  const answer = listed.ok
    ? { ...listed.message, result: { ...listed.message.result, tools: listed.tools } }
    : listed.message
  // In the form that the server chose: a client may have asked for a stream to hear of progress.
  return listed.isStream
    ? new Response(messageEvent(answer), { status: listed.status, headers: eventHeaders })
    : Response.json(answer, { status: listed.status })
}

/** One page of a server's tools, as far as they may be shown. */
export async function toolsOf(at: Reached, message: RequestMessage): Promise<Listed> {
  const inquiry = await inquire(talkAt(at), outgoing(message), deliveryOf(at, message))
  const { message: answer } = inquiry
  if (answer.result === undefined) return { ok: false, ...inquiry }
  const tools = toolsIn(answer)
  if (tools === null) return wrong(at, message, 'listed something that is not a list of tools')
  let { upstream, config } = at
  try {
    const isWhole = message.body.params?.cursor === undefined && answer.result.nextCursor === undefined
    const all = isWhole ? tools : await scan(at, message)
    if (all !== null && (await compareWithPins(at.link, upstream, all))) {
      const again = await reach(at.passage, upstream.name, message.era, message.body.params, message.id)
      if (!again.ok) return wrong(at, message, 'is no longer reachable')
      upstream = again.at.upstream
      config = again.at.config
    }
  } catch {
    return wrong(at, message, 'listed tools that could not be compared with what is known of them')
  }
  return { ok: true, ...inquiry, tools: shown(tools, config, upstream), upstream }
}

/** What the policy and the pins let a client see. */
export function shown(tools: readonly Tool[], { policy }: CompiledConfig, upstream: UpstreamConfig): Tool[] {
  return tools
    .filter(
      ({ name }) =>
        name.length <= LONGEST_TOOL_NAME &&
        isListed(policy, `${upstream.name}__${name}`, name) &&
        withheldOf(upstream, name) !== 'hidden',
    )
    .map((tool) => (withheldOf(upstream, tool.name) === 'blocked' ? blocked(tool) : tool))
}

export function withheldOf({ withheld }: UpstreamConfig, name: string): 'hidden' | 'blocked' | null {
  return Object.hasOwn(withheld, name) ? (withheld[name] ?? null) : null
}

/** The tool without its own words, which nobody has accepted. */
function blocked({ name }: Tool): Tool {
  return {
    name,
    description:
      'Blocked: this tool has changed since it was first listed. An administrator must accept the change.',
    inputSchema: { type: 'object' },
  }
}

/** Pages that have been scanned as part of a whole list, by this isolate. */
const scanned = new Map<string, number>()
const RESCAN_MS = 60_000
const MOST_SCANS = 2_000

/**
 * All tools of a server that lists them in pages; null where that was done a moment ago. Pins are of whole lists, and a
 * client may read but a part.
 */
async function scan(at: Reached, message: RequestMessage): Promise<Tool[] | null> {
  const key = `${at.link.tenant}/${at.upstream.name} ${at.upstream.url}`
  const nowMs = Date.now()
  if (at.upstream.seen.length > 0 && nowMs - (scanned.get(key) ?? 0) < RESCAN_MS) return null
  if (scanned.size >= MOST_SCANS) scanned.clear()
  scanned.set(key, nowMs)
  const { cursor: _, ...rest } = message.body.params ?? {}
  const tools = await allTools(async (cursor) => {
    const asked = { ...outgoing(message), params: { ...rest, ...(cursor === undefined ? {} : { cursor }) } }
    return (await inquire(talkAt(at), asked, deliveryOf(at, message))).message
  })
  if (tools === null) throw new Error('a page of the list is missing')
  return tools
}

function wrong(at: Reached, message: RequestMessage, what: string): Listed {
  const answer = rpcFailure(message.id, at.upstream.name, problemOf('not_mcp', what))
  return { ok: false, message: answer, status: 200, isStream: false }
}

/** `tools/list` of one upstream server: compared with its pins, then filtered by the policy. */
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { configuredTools } from '../bridge/last-known.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import { sessionModeOf } from '../contract/session-mode.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { aliasOf, LONGEST_TOOL_NAME } from '../names/tools.ts'
import { isListed } from '../policy/decide.ts'
import type { RequestMessage } from '../request/message.ts'
import { withSessionArgument } from '../request/session-argument.ts'
import { paramsWithoutTasks } from '../request/tasks.ts'
import { allTools, isTool, type Tool, toolsIn } from '../upstream/all-tools.ts'
import { toolText } from '../upstream/pins.ts'
import { problemOf } from '../upstream/problem.ts'
import { eventHeaders, messageEvent } from '../upstream/reception.ts'
import { serverKey } from '../upstream/server-key.ts'
import { rpcFailure } from './deliver.ts'
import { type Inquiry, inquire } from './inquire.ts'
import { ListBudget } from './list-budget.ts'
import { compareWithPins } from './pinning.ts'
import { deliveryOf, outgoing, unknownMethod } from './reached.ts'

/** A page of a list, or the error that came instead. */
export type Listed = Inquiry &
  (
    | {
        readonly ok: true
        /** The tools that a client may see, in the server's order. */
        readonly tools: readonly Tool[]
        /** As it is now: what was listed may have changed it. */
        readonly upstream: UpstreamConfig
      }
    | { readonly ok: false }
  )

export async function listTools(at: Reached, message: RequestMessage): Promise<Response> {
  const budget = new ListBudget(at.link.tenant, 1)
  try {
    return await listWithin({ ...at, link: { ...at.link, room: budget.part().take } }, message)
  } finally {
    budget.release()
  }
}

async function listWithin(at: Reached, message: RequestMessage): Promise<Response> {
  const listed = await toolsOf(at, message)
  if (listed.isUndeclared) return unknownMethod(message)
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
  const inquiry = await inquire(conversationAt(at), outgoing(message), deliveryOf(at, message))
  const { message: answer } = inquiry
  // A server without tools is a server, whose list is empty.
  if (inquiry.isUndeclared) return { ok: true, ...inquiry, tools: [], upstream: at.upstream }
  if (answer.result === undefined) return { ok: false, ...inquiry }
  const tools = toolsIn(answer)
  if (tools === null) return wrong(at, message, 'listed something that is not a list of tools')
  let { upstream } = at
  let compared = tools
  try {
    // A cursor that is null is none.
    const isWhole = message.body.params?.cursor === undefined && typeof answer.result.nextCursor !== 'string'
    const all = isWhole ? tools : (await isKnown(at, tools)) ? null : await scan(at, message)
    if (all !== null) {
      const { withheld, renamed } = await compareWithPins(at.link, upstream, all)
      upstream = { ...upstream, withheld, renamed }
    }
    if (all !== null && !isWhole) {
      noteScan(at)
      compared = tools.filter((tool) => textsOf(all).has(toolText(tool)))
    }
  } catch {
    return wrong(at, message, 'listed tools that could not be compared with what is known of them')
  }
  return { ok: true, ...inquiry, tools: visibleTools(compared.filter(isTool), at.config, upstream), upstream }
}

/** Returns the tools that the policy and the pins let a client see. */
export function visibleTools(
  tools: readonly Tool[],
  config: CompiledConfig,
  upstream: UpstreamConfig,
): Tool[] {
  const { policy } = config
  const isNamed = sessionModeOf(config) === 'many'
  return tools
    .filter(
      ({ name }) =>
        name.length <= LONGEST_TOOL_NAME &&
        isListed(policy, `${upstream.name}__${name}`, aliasOf(name)) &&
        withheldOf(upstream, name) !== 'hidden',
    )
    .map((tool) => (withheldOf(upstream, tool.name) === 'blocked' ? blocked(tool) : tool))
    .map((tool) => (isNamed ? withSessionArgument(tool) : tool))
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

/** When the pages of a server have been scanned as one list, by this isolate. */
const scanned = new Map<string, number>()
const RESCAN_MS = 60_000
const MOST_SCANS = 2_000

function scanKey({ link, upstream }: Reached): string {
  return serverKey(link.tenant, upstream)
}

function noteScan(at: Reached): void {
  if (scanned.size >= MOST_SCANS) scanned.clear()
  scanned.set(scanKey(at), Date.now())
}

/** Tells whether a page says what was compared with the pins a moment ago, as part of the whole list. */
async function isKnown(at: Reached, tools: readonly unknown[]): Promise<boolean> {
  const { seen } = at.upstream
  if (seen.length === 0 || Date.now() - (scanned.get(scanKey(at)) ?? 0) >= RESCAN_MS) return false
  // One that is too long to be kept is not known, whatever was scanned of it.
  const known = await configuredTools(at.link)
  return known !== null && tools.every((tool) => textsOf(known).has(toolText(tool)))
}

const texts = new WeakMap<readonly unknown[], ReadonlySet<string>>()

function textsOf(tools: readonly unknown[]): ReadonlySet<string> {
  const known = texts.get(tools) ?? new Set(tools.map(toolText))
  texts.set(tools, known)
  return known
}

/** All tools of a server that lists them in pages. Pins are of whole lists, and a client may read but a part. */
async function scan(at: Reached, message: RequestMessage): Promise<readonly unknown[]> {
  const { cursor: _, ...rest } = paramsWithoutTasks(message.body.params ?? {})
  const tools = await allTools(async (cursor) => {
    const asked = { ...outgoing(message), params: { ...rest, ...(cursor === undefined ? {} : { cursor }) } }
    return (await inquire(conversationAt(at), asked, deliveryOf(at, message))).message
  })
  if (tools === null) throw new Error('a page of the list is missing')
  return tools
}

function wrong(at: Reached, message: RequestMessage, what: string): Listed {
  const answer = rpcFailure(message.id, at.upstream.name, problemOf('not_mcp', what))
  return { ok: false, message: answer, status: 200, isStream: false, isUndeclared: false }
}

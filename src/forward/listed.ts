/**
 * Whether a server lists a tool. A name that it does not list is none of its tools, even if the server would take it for
 * one: a policy speaks of tools by the names that they are listed by, so `DROP` or `drop ` would pass where `drop` is hidden.
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server'
import type { Passage } from '../gateway/admission.ts'
import type { RequestMessage } from '../gateway/message.ts'
import { isObject } from '../json.ts'
import type { Admitted } from '../principal/contract.ts'
import type { CompiledConfig } from '../tenant/compiled.ts'
import type { Verdict } from '../tenant/contract.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import { linkTo } from '../upstream/link.ts'
import { problemOf, type UpstreamProblem } from '../upstream/problem.ts'
import { serverKey } from '../upstream/which.ts'
import { allTools, isTool } from './all-tools.ts'
import type { Client } from './client.ts'
import { rpcFailure } from './deliver.ts'
import { askAfresh, type Fresh, type ListKey, type Named, wasFound } from './fresh-lists.ts'
import { inquire } from './inquire.ts'
import { lastKnownTools } from './last-known.ts'
import { compareWithPins } from './pinning.ts'
import { deliveryOf, outgoing, type Reached, talkAt } from './single.ts'

/** A server that has not listed by then has not listed. */
const LONGEST_MS = 5_000

/** A server's tools as it has just listed them, compared with the pins. */
export interface ListedTools extends Named {
  readonly verdict: Verdict
}

/** `unknown`: it has not listed its tools, as far as can be told. */
export async function knowsTool(
  { env, claim }: Passage,
  config: CompiledConfig,
  upstream: UpstreamConfig,
  tool: string,
): Promise<'listed' | 'unlisted' | 'unknown'> {
  const names = config.toolNames.get(upstream.name)
  if (names?.has(tool) || wasFound(listKey(claim.tenant, upstream), tool)) return 'listed'
  if (names !== undefined) return 'unlisted'
  // Too many to travel with the configuration, or configured before they did.
  const tools = await lastKnownTools({ env, tenant: claim.tenant, config: upstream })
  if (tools === null) return 'unknown'
  return tools.some(({ name }) => name === tool) ? 'listed' : 'unlisted'
}

/** A server that has moved, or is registered anew, is another one; and so is what it lists. */
function listKey(tenant: string, upstream: UpstreamConfig): ListKey {
  return { server: serverKey(tenant, upstream), known: upstream.catalogue ?? '' }
}

/** Asks the server for all of its tools in the session of a call that was admitted, and has them compared with the pins. */
export async function listAfresh(
  passage: Passage,
  message: RequestMessage,
  { upstream, tool }: { readonly upstream: UpstreamConfig; readonly tool: string },
  config: CompiledConfig,
  client: Client,
  admitted: Admitted,
): Promise<Fresh<ListedTools>> {
  return askAfresh(listKey(admitted.tenant, upstream), tool, async () => {
    const link = await linkTo(passage.env, admitted.tenant, upstream, (work) =>
      passage.execution.waitUntil(work),
    )
    if ('failure' in link) return link
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(tookTooLong()), LONGEST_MS)
    try {
      return await toolsAt(
        { passage, config, upstream, link, admitted, client, signal: abort.signal },
        message,
      )
    } finally {
      clearTimeout(timer)
    }
  })
}

async function toolsAt(at: Reached, message: RequestMessage): Promise<ListedTools | UpstreamProblem> {
  const { upstream, link } = at
  let problem: UpstreamProblem = problemOf('not_mcp', 'listed something that is not a list of tools')
  const tools = await allTools(async (cursor) => {
    const asked = listRequest(message, cursor)
    const failure = (why: UpstreamProblem) => {
      problem = why
      return rpcFailure(asked.id, upstream.name, why)
    }
    const { message: answer } = await inquire(talkAt(at), outgoing(asked), {
      ...deliveryOf(at, asked),
      failure,
    })
    if (answer.error !== undefined && problem.failure === 'not_mcp')
      problem = problemOf('not_mcp', `refused to list its tools (${answer.error.code})`)
    return answer
  })
  if (tools === null) return problem
  try {
    const verdict = await compareWithPins(link, upstream, tools)
    return { names: new Set(tools.filter(isTool).map(({ name }) => name)), verdict }
  } catch {
    return problemOf('misconfigured', 'listed tools that could not be compared with what is known of them')
  }
}

/** `tools/list` by the client of a call, of which only what it says of itself goes along. */
function listRequest({ era, body }: RequestMessage, cursor: string | undefined): RequestMessage {
  const id = `gatehouse-list-${crypto.randomUUID()}`
  const method = 'tools/list'
  const page = cursor === undefined ? {} : { cursor }
  const params = era === 'session' ? page : { ...page, _meta: envelopeIn(body.params) }
  return { kind: 'request', era, id, method, body: { jsonrpc: '2.0', id, method, params } }
}

/** What a stateless request says of its client in `_meta` (MCP 2026-07-28, base protocol). */
function envelopeIn(params: unknown): Record<string, unknown> {
  const meta = isObject(params) && isObject(params._meta) ? params._meta : {}
  const said = envelopeKeys.map((key) => [key, meta[key]] as const)
  return Object.fromEntries(said.filter(([, value]) => value !== undefined))
}

const envelopeKeys = [PROTOCOL_VERSION_META_KEY, CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY]

/** The server's fault: nobody else hung up. */
function tookTooLong(): DOMException {
  return new DOMException('The server had its time to list', 'TimeoutError')
}

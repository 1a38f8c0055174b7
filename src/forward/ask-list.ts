/** Asks a server for a whole list in the session of a request that was admitted, for what is decided by it. */

import { isObject } from '../base/json.ts'
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '../base/protocol.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Admitted } from '../contract/principal.ts'
import { listSecondsOf, type UpstreamConfig, type UpstreamProblem } from '../contract/upstream.ts'
import type { Client } from '../request/client.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { linkFor } from '../upstream/link.ts'
import { problemOf } from '../upstream/problem.ts'
import { rpcFailure } from './deliver.ts'
import { inquire } from './inquire.ts'
import { deliveryOf, outgoing } from './reached.ts'

/** A server that has not listed by then, in milliseconds, has not listed: as where a client asks for the list. */
export function longestMs(upstream: UpstreamConfig): number {
  return listSecondsOf(upstream) * 1_000
}

/** For whom a list is asked for. */
export interface ListAsker {
  readonly context: RequestContext
  readonly message: RequestMessage
  readonly config: CompiledConfig
  readonly client: Client
  readonly admitted: Admitted
}

/** Asks for one page of the list; what came, an error included. */
export type AskPage = (cursor: string | undefined) => Promise<RpcMessage>

/**
 * Runs `read` with a way to ask for pages, and gives what it makes of them; where that is null, why there is no list.
 *
 * @param what what is listed, for people
 */
export async function askForList<T>(
  { context, message, config, client, admitted }: ListAsker,
  upstream: UpstreamConfig,
  method: 'tools/list' | 'prompts/list',
  read: (ask: AskPage, at: Reached) => Promise<T | null>,
): Promise<T | UpstreamProblem> {
  const what = method === 'tools/list' ? 'tools' : 'prompts'
  const link = await linkFor(context, admitted.tenant, upstream)
  if ('failure' in link) return link
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(tookTooLong()), longestMs(upstream))
  const at: Reached = { context, config, upstream, link, admitted, client, signal: abort.signal }
  let problem = problemOf('not_mcp', `listed something that is not a list of ${what}`)
  const ask: AskPage = async (cursor) => {
    const asked = listRequest(message, method, cursor)
    let failed: UpstreamProblem | null = null
    const failure = (why: UpstreamProblem) => {
      failed = why
      return rpcFailure(asked.id, upstream.name, why)
    }
    const { message: answer } = await inquire(conversationAt(at), outgoing(asked), {
      ...deliveryOf(at, asked),
      failure,
    })
    if (answer.error !== undefined)
      problem = failed ?? problemOf('not_mcp', `refused to list its ${what} (${answer.error.code})`)
    return answer
  }
  try {
    return (await read(ask, at)) ?? problem
  } finally {
    clearTimeout(timer)
  }
}

/** A list as the client of a request would ask for it, of which only what it says of itself goes along. */
function listRequest(
  { era, body }: RequestMessage,
  method: string,
  cursor: string | undefined,
): RequestMessage {
  const id = `gatehouse-list-${crypto.randomUUID()}`
  const page = cursor === undefined ? {} : { cursor }
  const params = era === 'session' ? page : { ...page, _meta: envelopeIn(body.params) }
  return { kind: 'request', era, id, method, body: { jsonrpc: '2.0', id, method, params } }
}

/** Returns the client's introduction in `_meta` of a stateless request (MCP 2026-07-28, base protocol). */
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

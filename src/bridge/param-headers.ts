/** The headers in which a server of the stateless era wants arguments of a tool repeated. */
import { isObject } from '../base/json.ts'
import { errorName, log } from '../base/log.ts'
import { requestForStateless } from '../eras/for-stateless.ts'
import { send } from '../upstream/http.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { MOST_MESSAGE_BYTES } from '../upstream/message-reader.ts'
import { paramHeaders } from '../upstream/param-headers.ts'
import { readAnswer } from '../upstream/read-answer.ts'
import { requestHeaders } from '../upstream/request-headers.ts'
import { serverKey } from '../upstream/server-key.ts'
import { gatewayProfile } from '../upstream/session.ts'
import { lastKnownTools } from './last-known.ts'

const MOST_PAGES = 50
/** The time for which tools that were listed here stand in for the catalogue, which is on its way. */
const FRESH_MS = 60_000
const MOST_TOOLS = 5_000

/** Input schemas that were listed for a call, until the catalogue has them. */
const listed = new Map<string, { readonly schema: unknown; readonly atMs: number }>()

/**
 * The headers for a call of `tool`; none where the tool's schema cannot be had: then the server says what is missing.
 * @param isFresh the server has just said that the headers were wrong, so what is known of the tool is not asked
 */
export async function paramHeadersOf(
  link: UpstreamLink,
  {
    tool,
    args,
    isFresh,
  }: {
    readonly tool: string
    readonly args: unknown
    /** The tool's list is asked for anew. */
    readonly isFresh: boolean
  },
): Promise<Record<string, string>> {
  const known = isFresh ? undefined : (await lastKnownTools(link))?.find(({ name }) => name === tool)
  const schema = known === undefined ? await schemaOf(link, tool, isFresh) : known.inputSchema
  return paramHeaders(schema, args)
}

async function schemaOf(link: UpstreamLink, tool: string, isFresh: boolean): Promise<unknown> {
  const { config, tenant } = link
  const key = JSON.stringify([serverKey(tenant, config), tool])
  const kept = listed.get(key)
  if (!isFresh && kept !== undefined && Date.now() - kept.atMs < FRESH_MS) return kept.schema
  const schema = await list(link, tool)
  if (listed.size >= MOST_TOOLS) listed.clear()
  listed.set(key, { schema, atMs: Date.now() })
  return schema
}

async function list(link: UpstreamLink, tool: string): Promise<unknown> {
  const method = 'tools/list'
  let cursor: unknown
  for (let page = 0; page < MOST_PAGES; page++) {
    const id = crypto.randomUUID()
    const params = cursor === undefined ? {} : { cursor }
    const asked = requestForStateless(
      { jsonrpc: '2.0', id, method, params },
      { id, client: gatewayProfile, logLevel: null, round: {} },
    )
    const sent = await send(link, {
      method: 'POST',
      headers: requestHeaders({ client: null, stateless: { method } }),
      body: JSON.stringify(asked),
    })
    if (!sent.ok) return undefined
    const answer = await readAnswer(sent.response, sent.hold, { id, mostBytes: MOST_MESSAGE_BYTES })
    if (!answer.ok) {
      log('warn', 'upstream.schema_unavailable', {
        tenant: link.tenant,
        server: link.config.name,
        error: errorName(answer.problem.failure),
      })
      return undefined
    }
    const { tools, nextCursor } = answer.message.result ?? {}
    const found = Array.isArray(tools) ? tools.find((it) => isObject(it) && it.name === tool) : undefined
    if (isObject(found)) return found.inputSchema
    if (nextCursor === undefined || nextCursor === cursor) return undefined
    cursor = nextCursor
  }
  return undefined
}

/**
 * The lists of everything that a grant reaches. Every server is asked at once and within a bound, so that one that is
 * slow or dead costs no more than its own part; what is left out is said in the result's `_meta`.
 */
import type { Passage } from '../gateway/admission.ts'
import { askPlanned } from '../gateway/admission.ts'
import { answer } from '../gateway/answer.ts'
import { codes, refusalResponse } from '../gateway/jsonrpc.ts'
import type { RequestMessage } from '../gateway/message.ts'
import { isObject } from '../json.ts'
import { reachableTools } from '../native/catalogue.ts'
import { nativeServerNames } from '../native/server-names.ts'
import { isListed } from '../policy/decide.ts'
import type { CompiledConfig } from '../tenant/compiled.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import { exposedName, exposeUri } from '../upstream/names.ts'
import type { RpcMessage } from '../upstream/rpc.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { forEachServer } from './each-server.ts'
import { inquire } from './inquire.ts'
import { configuredTools } from './last-known.ts'
import { shown, toolsOf } from './list-tools.ts'
import { deliveryOf, outgoing, type Reached, reach, talkAt } from './single.ts'
import { inexactRefusal } from './unfit.ts'

export type ListKind = 'tools' | 'prompts' | 'resources' | 'resourceTemplates'

/** A server that has not listed by then is left out. */
const LONGEST_MS = 5_000

/** `_meta` keys of a merged list. */
export const UNAVAILABLE_META_KEY = 'gatehouse/unavailable'
/** Of an entry that its server could not confirm. */
export const STALE_META_KEY = 'gatehouse/stale'

type Entry = Readonly<Record<string, unknown>>

/** What one server contributes. */
interface Part {
  readonly server: string
  readonly entries: readonly Entry[]
  readonly nextCursor: string | null
  /** Why its entries are missing or stale. */
  readonly problem: { readonly code: unknown; readonly message: string } | null
}

export async function listEverything(
  passage: Passage,
  message: RequestMessage,
  kind: ListKind,
): Promise<Response> {
  const { cursor } = (message.body.params ?? {}) as { cursor?: unknown }
  const cursors = cursor === undefined ? null : decodeCursor(cursor)
  const isWrong = cursor !== undefined && cursors === null
  const { admission, config } = await askPlanned(passage, () => ({
    intent: { kind: kind === 'tools' && !isWrong ? ('list' as const) : ('check' as const) },
  }))
  return answer(admission, message.id, async () => {
    if (isWrong) {
      const refusal = {
        status: 200,
        code: codes.invalidParams,
        message: 'params.cursor is no cursor of this list',
      }
      return refusalResponse(refusal, message.id)
    }
    if (config === null) return refusalResponse(undecided, message.id)
    const unfit = config.upstreams.size === 0 ? null : inexactRefusal(passage)
    if (unfit !== null) return refusalResponse(unfit, message.id)
    const asked = [...config.upstreams.values()].filter(({ name }) => cursors === null || cursors.has(name))
    const parts = await forEachServer(
      asked,
      ({ name }) => ({ tenant: passage.claim.tenant, server: name }),
      (upstream) => partOf(passage, upstream, message, kind, cursors?.get(upstream.name)),
      (upstream) => missing(upstream, 'upstream_broken', 'listed something that could not be read'),
    )
    const own = cursors === null && kind === 'tools' ? nativeTools(config) : []
    return Response.json(merged(message, kind, own, parts))
  })
}

const undecided = { status: 503, code: codes.internalError, message: 'The request could not be decided' }

function nativeTools(config: CompiledConfig): Entry[] {
  const reach = new Set(nativeServerNames.filter((name) => config.settings.servers.includes(name)))
  return reachableTools(reach)
    .map(({ definition }) => ({ ...definition }))
    .filter(({ name }) => isListed(config.policy, name))
}

function merged(
  { era, id }: RequestMessage,
  kind: ListKind,
  own: readonly Entry[],
  parts: readonly Part[],
): RpcMessage {
  const nextCursor = encodeCursor(parts)
  const missing = parts.flatMap(({ server, problem }) => (problem === null ? [] : [{ server, ...problem }]))
  const result = {
    ...(era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}),
    [kind]: [...own, ...parts.flatMap(({ entries }) => entries)],
    ...(nextCursor === null ? {} : { nextCursor }),
    ...(missing.length === 0 ? {} : { _meta: { [UNAVAILABLE_META_KEY]: missing } }),
  }
  return { jsonrpc: '2.0', id, result }
}

async function partOf(
  passage: Passage,
  upstream: UpstreamConfig,
  message: RequestMessage,
  kind: ListKind,
  cursor: string | undefined,
): Promise<Part> {
  const own = withCursor(message, cursor)
  const reached = await reach(passage, upstream.name, message.era, own.body.params, message.id)
  if (!reached.ok) return missing(upstream, 'unavailable', 'could not be asked')
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(tookTooLong()), LONGEST_MS)
  const at: Reached = { ...reached.at, signal: abort.signal }
  try {
    const part = await listed(at, own, kind)
    if (part.problem === null || !abort.signal.aborted) return part
    const message = `The server "${upstream.name}" did not list within ${LONGEST_MS / 1_000} seconds.`
    return { ...part, problem: { code: 'upstream_timeout', message } }
  } finally {
    clearTimeout(timer)
  }
}

/** The server's fault: nobody else hung up. */
function tookTooLong(): DOMException {
  return new DOMException('The server had its time to list', 'TimeoutError')
}

function withCursor(message: RequestMessage, cursor: string | undefined): RequestMessage {
  const { cursor: _, ...params } = (message.body.params ?? {}) as Record<string, unknown>
  const own = { ...params, ...(cursor === undefined ? {} : { cursor }) }
  return { ...message, body: { ...message.body, params: own } } as RequestMessage
}

async function listed(at: Reached, message: RequestMessage, kind: ListKind): Promise<Part> {
  const { upstream } = at
  if (kind === 'tools') {
    const page = await toolsOf(at, message)
    if (page.ok) return part(upstream, page.message, message, exposeTools(page.upstream, page.tools))
    const known = message.body.params?.cursor === undefined ? await configuredTools(at.link) : null
    const stale = known === null ? [] : shown(known, at.config, upstream)
    return { ...failed(upstream, page.message), entries: exposeTools(upstream, stale).map(markStale) }
  }
  const { message: answered } = await inquire(talkAt(at), outgoing(message), deliveryOf(at, message))
  // A server without prompts or resources says that it does not know the method: then it has none.
  if (answered.error?.code === codes.methodNotFound)
    return part(upstream, { jsonrpc: '2.0', result: {} }, message, [])
  if (answered.result === undefined) return failed(upstream, answered)
  const found = answered.result[kind]
  const entries = Array.isArray(found) ? found.filter(isObject) : []
  return part(
    upstream,
    answered,
    message,
    entries.map((entry) => exposeEntry(upstream.name, kind, entry)),
  )
}

function part(
  { name }: UpstreamConfig,
  { result }: RpcMessage,
  { body }: RequestMessage,
  entries: readonly Entry[],
): Part {
  const { nextCursor } = result ?? {}
  // A cursor that leads to itself would lead an agent in circles, and all other servers' lists with it.
  const isMore = typeof nextCursor === 'string' && nextCursor !== body.params?.cursor
  return { server: name, entries, nextCursor: isMore ? nextCursor : null, problem: null }
}

function failed(upstream: UpstreamConfig, { error }: RpcMessage): Part {
  const data = isObject(error?.data) ? error.data : {}
  return missing(upstream, data.code ?? error?.code, error?.message ?? 'did not list')
}

function missing({ name }: UpstreamConfig, code: unknown, message: string): Part {
  return { server: name, entries: [], nextCursor: null, problem: { code, message } }
}

function exposeTools({ name: server, renamed }: UpstreamConfig, tools: readonly Entry[]): Entry[] {
  const taken = new Set<string>()
  return tools.flatMap((tool) => {
    const name = exposedName(server, String(tool.name), renamed)
    // Of a name that a server lists twice the first is kept: clients refuse a list with two of one name.
    if (name === null || taken.has(name)) return []
    taken.add(name)
    return [{ ...tool, name }]
  })
}

function markStale(entry: Entry): Entry {
  const meta = isObject(entry._meta) ? entry._meta : {}
  return { ...entry, _meta: { ...meta, [STALE_META_KEY]: true } }
}

function exposeEntry(server: string, kind: ListKind, entry: Entry): Entry {
  switch (kind) {
    case 'prompts':
      return { ...entry, name: `${server}__${String(entry.name)}` }
    case 'resources':
      return { ...entry, uri: exposeUri(server, String(entry.uri)) }
    case 'resourceTemplates':
      return { ...entry, uriTemplate: exposeUri(server, String(entry.uriTemplate)) }
    case 'tools':
      return entry
  }
}

/** The servers that a request for all of them reaches, each asked of the principal. */
export async function reachAll(
  passage: Passage,
  message: {
    readonly era: RequestMessage['era']
    readonly params: unknown
    readonly id: RequestMessage['id'] | null
  },
): Promise<
  | { readonly ok: true; readonly all: readonly Reached[] }
  | { readonly ok: false; readonly response: Response }
> {
  const { admission, config } = await askPlanned(passage, () => ({ intent: { kind: 'check' as const } }))
  if (admission.kind !== 'admitted' || config === null)
    return {
      ok: false,
      response: await answer(admission, message.id, () => refusalResponse(undecided, message.id)),
    }
  const reached = await forEachServer<string, Reached | null>(
    [...config.upstreams.keys()],
    (server) => ({ tenant: passage.claim.tenant, server }),
    async (server) => {
      const one = await reach(passage, server, message.era, message.params, message.id)
      return one.ok ? one.at : null
    },
    () => null,
  )
  return { ok: true, all: reached.filter((at) => at !== null) }
}

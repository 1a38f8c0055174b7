/**
 * The lists of everything that a grant reaches. Every server is asked at once and within a bound, so that one that is
 * slow or dead costs no more than its own part; what is left out is said in the result's `_meta`.
 */
import { codes, refusalResponse } from '../base/jsonrpc.ts'
import type { Reached } from '../bridge/conversation.ts'
import type { CompiledConfig } from '../contract/compiled.ts'
import type { Env } from '../contract/env.ts'
import type { AskedUpstream } from '../contract/principal.ts'
import { listSecondsOf, type UpstreamConfig } from '../contract/upstream.ts'
import { admittedIn, askPlanned } from '../request/admission.ts'
import { answer } from '../request/answer.ts'
import type { RequestContext } from '../request/context.ts'
import type { RequestMessage } from '../request/message.ts'
import { listedTools, reachableServers } from '../servers/catalogue.ts'
import type { EntryKind } from '../upstream/entries.ts'
import { decodeCursor, encodeCursor, type Place } from './cursor.ts'
import { forEachServer } from './each-server.ts'
import { ListBudget } from './list-budget.ts'
import { type ListPart, listPart, missing } from './list-part.ts'
import { reach } from './reached.ts'

/** `_meta` key of a merged list. */
export const UNAVAILABLE_META_KEY = 'gatehouse/unavailable'

export async function listEverything(
  context: RequestContext,
  message: RequestMessage,
  kind: EntryKind,
): Promise<Response> {
  const { cursor } = (message.body.params ?? {}) as { cursor?: unknown }
  const places = cursor === undefined ? null : decodeCursor(cursor)
  const isWrong = cursor !== undefined && places === null
  const { admission, config } = await askPlanned(context, () => ({
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
    const asked = [...config.upstreams.values()].filter(({ name }) => places === null || places.has(name))
    const budget = new ListBudget(context.presented.tenant, asked.length)
    try {
      const parts = await forEachServer(
        asked,
        ({ name }) => ({ tenant: context.presented.tenant, server: name }),
        (upstream) =>
          partOf(context, upstream, { message, kind, place: places?.get(upstream.name) ?? null, budget }),
        (upstream) => missing(upstream, 'upstream_broken', 'listed something that could not be read'),
      )
      const own = places === null && kind === 'tools' ? nativeTools(config, context.env) : []
      return new Response(merged(message, kind, own, parts), { headers: jsonHeaders })
    } finally {
      budget.release()
    }
  })
}

const jsonHeaders = { 'content-type': 'application/json' }
const undecided = { status: 503, code: codes.internalError, message: 'The request could not be decided' }

function nativeTools(config: CompiledConfig, env: Env): string[] {
  return listedTools(reachableServers(config, env), config, env).map((tool) => JSON.stringify(tool))
}

/** The result, of entries that have been written already. */
function merged(
  { era, id }: RequestMessage,
  kind: EntryKind,
  own: readonly string[],
  parts: readonly ListPart[],
): string {
  const nextCursor = encodeCursor(parts)
  const problems = parts.flatMap(({ server, problem }) => (problem === null ? [] : [{ server, ...problem }]))
  const rest = JSON.stringify({
    ...(era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}),
    ...(nextCursor === null ? {} : { nextCursor }),
    ...(problems.length === 0 ? {} : { _meta: { [UNAVAILABLE_META_KEY]: problems } }),
  })
  const entries = [...own, ...parts.flatMap((part) => part.entries)].join(',')
  const others = rest === '{}' ? '}' : `,${rest.slice(1)}`
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"${kind}":[${entries}]${others}}`
}

async function partOf(
  context: RequestContext,
  upstream: UpstreamConfig,
  {
    message,
    kind,
    place,
    budget,
  }: {
    readonly message: RequestMessage
    readonly kind: EntryKind
    readonly place: Place | null
    readonly budget: ListBudget
  },
): Promise<ListPart> {
  const { params } = message.body
  const reached = await reach(context, upstream.name, { era: message.era, params, id: message.id })
  if (!reached.ok) return missing(upstream, 'upstream_unavailable', 'could not be asked')
  const seconds = listSecondsOf(upstream)
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(tookTooLong()), seconds * 1_000)
  const link = { ...reached.at.link, room: budget.part().take }
  const at: Reached = { ...reached.at, link, signal: abort.signal }
  try {
    const part = await listPart(at, message, kind, place)
    if (part.problem === null || !abort.signal.aborted) return part
    const late = `The server "${upstream.name}" did not list within ${seconds} seconds.`
    return { ...part, problem: { code: 'upstream_timeout', message: late } }
  } finally {
    clearTimeout(timer)
  }
}

/** It is not that the client hung up. */
function tookTooLong(): DOMException {
  return new DOMException('The server had its time to list', 'TimeoutError')
}

/** The servers that a request for all of them reaches, each asked of the principal. */
export async function reachAll(
  context: RequestContext,
  message: {
    readonly era: RequestMessage['era']
    readonly params: unknown
    readonly id: RequestMessage['id'] | null
    readonly about?: Omit<AskedUpstream, 'server' | 'owner'>
  },
): Promise<
  /** `context`: of the request, in the login that it belongs to. */
  | { readonly ok: true; readonly all: readonly Reached[]; readonly context: RequestContext }
  | { readonly ok: false; readonly response: Response }
> {
  const { admission, config } = await askPlanned(context, () => ({ intent: { kind: 'check' as const } }))
  if (admission.kind !== 'admitted' || config === null)
    return {
      ok: false,
      response: await answer(admission, message.id, () => refusalResponse(undecided, message.id)),
    }
  const reached = await forEachServer<string, Reached | null>(
    [...config.upstreams.keys()],
    (server) => ({ tenant: context.presented.tenant, server }),
    async (server) => {
      const one = await reach(context, server, {
        era: message.era,
        params: message.params,
        id: message.id,
        about: message.about,
      })
      return one.ok ? one.at : null
    },
    () => null,
  )
  const within = admittedIn(context, admission.admitted)
  return { ok: true, all: reached.filter((at) => at !== null), context: within }
}

/** The part of one server in a merged list: asked for, made to fit clients, named for the list, and written. */
import { isObject } from '../base/json.ts'
import { codes } from '../base/jsonrpc.ts'
import type { RpcMessage } from '../base/rpc.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { configuredTools } from '../bridge/last-known.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { exposedName, exposeUri } from '../names/tools.ts'
import type { RequestMessage } from '../request/message.ts'
import { type EntryKind, fitEntry, naming } from '../upstream/entries.ts'
import { LONGEST_OWN, markOf, marksIn, type Place } from './cursor.ts'
import { inquire } from './inquire.ts'
import { type LeftOut, noteLeftOut } from './left-out.ts'
import { isShown, notePrompts } from './list-readable.ts'
import { toolsOf, visibleTools } from './list-tools.ts'
import { deliveryOf, outgoing } from './reached.ts'

/** `_meta` key of an entry that its server could not confirm. */
export const STALE_META_KEY = 'gatehouse/stale'

type Entry = Readonly<Record<string, unknown>>

export interface ListPart {
  readonly server: string
  /** Each as JSON: whatever cannot be written is found out where it costs its own server alone. */
  readonly entries: readonly string[]
  /** The place where the server goes on, or null at its end. */
  readonly next: Place | null
  /** Why entries are missing or stale. */
  readonly problem: PartProblem | null
}

export interface PartProblem {
  readonly code: string | number
  readonly message: string
}

/** More of what a server says of its own failure is not told with everybody's list. */
const LONGEST_MESSAGE = 1_000
const LONGEST_CODE = 64

/** Asks for one page, of which `place` says where it begins. */
export async function listPart(
  at: Reached,
  message: RequestMessage,
  kind: EntryKind,
  place: Place | null,
): Promise<ListPart> {
  const asked = withCursor(message, place)
  return kind === 'tools' ? toolsPart(at, asked, place) : otherPart(at, asked, kind, place)
}

function withCursor(message: RequestMessage, place: Place | null): RequestMessage {
  const { cursor: _, ...params } = (message.body.params ?? {}) as Record<string, unknown>
  const own = { ...params, ...(place === null ? {} : { cursor: place.cursor }) }
  return { ...message, body: { ...message.body, params: own } } as RequestMessage
}

async function toolsPart(at: Reached, message: RequestMessage, place: Place | null): Promise<ListPart> {
  const page = await toolsOf(at, message)
  const { era } = message
  if (page.ok) {
    const { renamed, name } = page.upstream
    const named = (tool: string) => exposedName(name, tool, renamed)
    return pageOf(
      at.upstream,
      page.message,
      chosen('tools', { era, listed: page.tools, named, place }),
      place,
    )
  }
  const known = place === null ? await configuredTools(at.link) : null
  const stale = known === null ? [] : visibleTools(known, at.config, at.upstream)
  const named = (tool: string) => exposedName(at.upstream.name, tool, at.upstream.renamed)
  const { entries } = chosen('tools', { era, listed: stale.map(markStale), named, place: null })
  return { ...failed(at.upstream, page.message), entries }
}

async function otherPart(
  at: Reached,
  message: RequestMessage,
  kind: Exclude<EntryKind, 'tools'>,
  place: Place | null,
): Promise<ListPart> {
  const { policy } = at.config
  // A grant without a policy reads nothing, so nobody is asked.
  if (policy === null) return empty(at.upstream)
  const inquiry = await inquire(conversationAt(at), outgoing(message), deliveryOf(at, message))
  const { message: answered } = inquiry
  // One that has declared them, and says that it does not know the method, has none either.
  if (inquiry.isUndeclared || answered.error?.code === codes.methodNotFound) return empty(at.upstream)
  if (answered.result === undefined) return failed(at.upstream, answered)
  if (kind === 'prompts') notePrompts(at, message, answered.result)
  const found = answered.result[kind]
  const { name } = at.upstream
  const named = (own: string) => {
    if (!isShown(policy, name, kind, own)) return null
    return kind === 'prompts' ? `${name}__${own}` : exposeUri(name, own)
  }
  const page = chosen(kind, { era: message.era, listed: Array.isArray(found) ? found : [], named, place })
  noteLeftOut(at.link, { kind, leftOut: page.leftOut, isFirst: place === null })
  return pageOf(at.upstream, answered, page, place)
}

/** The entries of a page that are shown, and those that are not. */
interface Chosen {
  readonly entries: readonly string[]
  /** The marks of all that was listed so far. */
  readonly marks: ReadonlySet<string>
  readonly leftOut: readonly LeftOut[]
}

/**
 * Returns the entries that clients of the era take, under their names in the merged list. The first of two with one name is kept, be it
 * on an earlier page: clients refuse a list with two of one name, or lose one.
 *
 * @param named the name in the merged list; null where it has none
 */
function chosen(
  kind: EntryKind,
  {
    era,
    listed,
    named,
    place,
  }: {
    readonly era: RequestMessage['era']
    readonly listed: readonly unknown[]
    readonly named: (own: string) => string | null
    readonly place: Place | null
  },
): Chosen {
  const entries: string[] = []
  const marks = place === null ? new Set<string>() : marksIn(place)
  const leftOut: LeftOut[] = []
  const key = naming[kind]
  for (const [index, entry] of listed.entries()) {
    const own = isObject(entry) && typeof entry[key] === 'string' ? entry[key] : `(entry ${index + 1})`
    const fitted = fitEntry(kind, era, entry)
    const name = fitted.ok ? named(own) : null
    if (!fitted.ok) leftOut.push({ name: own, reason: fitted.reason })
    if (!fitted.ok || name === null) continue
    const mark = markOf(name)
    if (marks.has(mark)) continue
    marks.add(mark)
    entries.push(JSON.stringify({ ...fitted.entry, [key]: name }))
  }
  return { entries, marks, leftOut }
}

function markStale(entry: Entry): Entry {
  const meta = isObject(entry._meta) ? entry._meta : {}
  return { ...entry, _meta: { ...meta, [STALE_META_KEY]: true } }
}

function pageOf(
  { name }: UpstreamConfig,
  { result }: RpcMessage,
  { entries, marks }: Chosen,
  place: Place | null,
): ListPart {
  const { nextCursor: cursor } = result ?? {}
  const whole: ListPart = { server: name, entries, next: null, problem: null }
  // A cursor that leads to itself would lead an agent in circles, and all other servers' lists with it.
  if (typeof cursor !== 'string' || cursor === place?.cursor) return whole
  if (new TextEncoder().encode(JSON.stringify(cursor)).byteLength <= LONGEST_OWN)
    return { ...whole, next: { cursor, marks: [...marks].join('') } }
  const message = `The server "${name}" has more, behind a cursor of more than ${LONGEST_OWN} bytes, which is not kept.`
  return { ...whole, problem: { code: 'upstream_too_large', message } }
}

/** The part of a server that has nothing of the kind. */
export function empty({ name }: UpstreamConfig): ListPart {
  return { server: name, entries: [], next: null, problem: null }
}

function failed(upstream: UpstreamConfig, { error }: RpcMessage): ListPart {
  const data = isObject(error?.data) ? error.data : {}
  const code =
    typeof data.code === 'string' ? data.code.slice(0, LONGEST_CODE) : (error?.code ?? 'upstream_broken')
  return missing(upstream, code, error?.message ?? 'did not list')
}

/** The part of a server that did not list. */
export function missing({ name }: UpstreamConfig, code: string | number, message: string): ListPart {
  return {
    server: name,
    entries: [],
    next: null,
    problem: { code, message: message.slice(0, LONGEST_MESSAGE) },
  }
}

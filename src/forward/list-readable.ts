/** Lists of prompts, resources and templates, as far as the policy lets them be read. */
import { isObject } from '../base/json.ts'
import { conversationAt, type Reached } from '../bridge/conversation.ts'
import { isAllReadable, isReadable } from '../policy/decide.ts'
import type { Policy, ReadKind } from '../policy/model.ts'
import { readName } from '../policy/reading.ts'
import type { RequestMessage } from '../request/message.ts'
import { type EntryKind, naming } from '../upstream/entries.ts'
import { eventHeaders, messageEvent } from '../upstream/reception.ts'
import { deliver } from './deliver.ts'
import { inquire } from './inquire.ts'
import { promptNames, rememberPrompts } from './listed-prompts.ts'
import { deliveryOf, outgoing } from './reached.ts'

/** The kinds of entries that can be read. */
type Readable = Exclude<EntryKind, 'tools'>

const kinds: Readonly<Record<Readable, ReadKind>> = {
  prompts: 'prompt',
  resources: 'resource',
  // A template is judged by its text; what is made of it is judged when it is read.
  resourceTemplates: 'resource',
}

const methods: Readonly<Record<string, Readable>> = {
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
}

/** Returns the kind that the method lists; null for one that lists nothing to read. */
export function listingOf(method: string): Readable | null {
  return Object.hasOwn(methods, method) ? (methods[method] ?? null) : null
}

/** Tells whether the policy lets an entry be shown, by the server's own name for it. */
export function isShown(policy: Policy | null, server: string, listed: Readable, own: string): boolean {
  return isReadable(policy, kinds[listed], readName(kinds[listed], server, own))
}

/** Remembers which prompts a server has, where it has just said all of them. */
export function notePrompts(
  at: Reached,
  message: RequestMessage,
  result: Readonly<Record<string, unknown>>,
): void {
  const names = promptNames(result.prompts)
  const isWhole = message.body.params?.cursor === undefined && result.nextCursor === undefined
  if (isWhole && names !== null) rememberPrompts(at.admitted.tenant, at.upstream, new Set(names))
}

/** Such a list of one server alone. */
export async function listReadable(
  at: Reached,
  message: RequestMessage,
  member: Readable,
): Promise<Response> {
  const { policy } = at.config
  // A grant without a policy reads nothing, so nobody is asked.
  if (policy === null) return Response.json(emptyList(message, member))
  const kind = kinds[member]
  // As it comes: nothing is taken from it. (Of prompts it is remembered which there are.)
  if (kind === 'resource' && isAllReadable(policy, kind))
    return deliver(conversationAt(at), outgoing(message), deliveryOf(at, message))
  const {
    message: answer,
    status,
    isStream,
  } = await inquire(conversationAt(at), outgoing(message), deliveryOf(at, message))
  const { result } = answer
  if (result !== undefined && member === 'prompts') notePrompts(at, message, result)
  const listed = result?.[member]
  const key = naming[member]
  // Where names matter, an entry without one cannot be shown.
  const isReadableEntry = (entry: unknown) =>
    isObject(entry) && typeof entry[key] === 'string' && isShown(policy, at.upstream.name, member, entry[key])
  const shown =
    result === undefined || !Array.isArray(listed) || isAllReadable(policy, kind)
      ? answer
      : { ...answer, result: { ...result, [member]: listed.filter(isReadableEntry) } }
  return isStream
    ? new Response(messageEvent(shown), { status, headers: eventHeaders })
    : Response.json(shown, { status })
}

function emptyList({ era, id }: RequestMessage, member: Readable) {
  const more = era === 'stateless' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}
  return { jsonrpc: '2.0', id, result: { ...more, [member]: [] } }
}

/** Finds the session that a message names. PURE. */
import { isObject } from '../base/json.ts'
import type { Message } from './message.ts'
import { handlesAlone, withoutSession } from './session-argument.ts'

/** `_meta` key under which any request of any era may name its session; native tools have an argument for it, too. */
export const SESSION_META_KEY = 'gatehouse/session'

/** The message for a request that names a session which is not live. */
export const DEAD_HANDLE =
  'The session handle that was given names no live session of this client, so nothing was done, and no other session was ' +
  'used in its place. To act in the current session, if there is one, leave the argument out; otherwise call auth_login ' +
  'for a new one.'

/**
 * Returns the handle in the message's `_meta`, or null: there is none. A value that cannot be a handle becomes the empty text, which is
 * of no session: no other session may take the place of one that was named. In a call that is refused for its form the handle counts
 * wherever it stands.
 */
export function handleIn(message: Message): string | null {
  if (message.kind === 'refused') return message.handle
  if (message.kind !== 'request' && message.kind !== 'notification') return null
  const { method, params } = message.body
  // It opens a transport, and belongs to nobody.
  return method === 'initialize' ? null : metaHandleIn(params)
}

function metaHandleIn(params: unknown): string | null {
  if (!isObject(params) || !isObject(params._meta)) return null
  const handle: unknown = params._meta[SESSION_META_KEY]
  if (handle === undefined) return null
  return typeof handle === 'string' ? handle : ''
}

/**
 * Returns the handle that a call names, in `_meta` or in an argument, as far as a call can be read whose form is wrong, or whose tool is
 * not known: the value of an argument must look like a handle. Null for none, and for a message that is no call.
 */
export function callHandleIn(body: unknown): string | null {
  if (!isObject(body) || body.method !== 'tools/call' || !isObject(body.params)) return null
  const inMeta = metaHandleIn(body.params)
  const { arguments: args } = body.params
  const inArguments = isObject(args) ? withoutSession(args, undefined, handlesAlone).handle : null
  // Two that differ name no session.
  return inMeta === null || inArguments === null || inMeta === inArguments ? (inMeta ?? inArguments) : ''
}

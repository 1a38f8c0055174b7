/**
 * Keeps tasks from being passed on. A server tells them apart by who is authorised (MCP 2025-11-25, tasks, security; the tasks extension
 * of 2026-07-28 likewise), and to it every grant is the gateway. A client that knew a task's id, or could list it, would read the result
 * of a call that another grant was allowed. Therefore neither side learns that the other has them. PURE.
 */

import { isObject } from '../base/json.ts'
import { CLIENT_CAPABILITIES_META_KEY } from '../base/protocol.ts'
import type { RpcMessage } from '../base/rpc.ts'

type Json = Readonly<Record<string, unknown>>

const EXTENSION = 'io.modelcontextprotocol/tasks'

/** Capabilities of either side, without tasks. The same object where there are none. */
export function capabilitiesWithoutTasks(declared: Json): Json {
  const { extensions } = declared
  const isExtended = isObject(extensions) && Object.hasOwn(extensions, EXTENSION)
  if (declared.tasks === undefined && !isExtended) return declared
  const { tasks: _, ...rest } = declared
  if (!isExtended) return rest
  const { [EXTENSION]: __, ...others } = extensions
  return { ...rest, extensions: others }
}

/** Params of a request, without what asks for a task or of one. The same object where nothing does. */
export function paramsWithoutTasks(params: Json): Json {
  const { notifications, _meta: meta } = params
  const declared = isObject(meta) ? meta[CLIENT_CAPABILITIES_META_KEY] : undefined
  const capabilities = isObject(declared) ? capabilitiesWithoutTasks(declared) : declared
  const isOfTasks = isObject(notifications) && notifications.taskIds !== undefined
  if (params.task === undefined && capabilities === declared && !isOfTasks) return params
  const { task: _, ...rest } = params
  const changed: Record<string, unknown> = rest
  if (isObject(meta) && capabilities !== declared)
    changed._meta = { ...meta, [CLIENT_CAPABILITIES_META_KEY]: capabilities }
  if (isOfTasks) {
    const { taskIds: __, ...others } = notifications
    changed.notifications = others
  }
  return changed
}

/** Removes tasks from a server's introduction, the result of `initialize` or `server/discover`. */
export function introductionWithoutTasks(message: RpcMessage): RpcMessage {
  const { result } = message
  if (!isObject(result?.capabilities)) return message
  const capabilities = capabilitiesWithoutTasks(result.capabilities)
  return capabilities === result.capabilities ? message : { ...message, result: { ...result, capabilities } }
}

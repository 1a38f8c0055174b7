/**
 * The content of a waiting call that an approver is shown: its arguments with their values, and its `_meta`, without concealed values,
 * and cut to the size that can be kept. PURE.
 */
import { parseExact } from '../base/exact-json.ts'
import { jsonType } from '../base/json.ts'
import type { ApprovalContent, Omitted } from '../contract/approvals.ts'
import { type ConcealedPath, formatPath } from '../policy/path.ts'
import { type Concealed, conceal, type JsonObject } from './conceal.ts'

/** More of a call is not kept: bytes of its JSON in UTF-8. A hundred calls of a grant may wait. */
export const MOST_CONTENT_BYTES = 64 * 1024

/** A call as it would be forwarded. */
export interface Carried {
  readonly args: JsonObject
  readonly meta: JsonObject | null
}

/** Returns the content of a call, without concealed values and at most `MOST_CONTENT_BYTES` long. */
export function contentOf(carried: Carried, paths: readonly ConcealedPath[]): ApprovalContent {
  const concealed = conceal(carried, paths)
  const whole = shownOf(concealed, [])
  return bytesOf(whole) <= MOST_CONTENT_BYTES ? whole : shortened(concealed)
}

/** The content of a call from its JSON; its numbers are as they were written. */
export function readContent(json: string): ApprovalContent {
  return parseExact(json) as ApprovalContent
}

function shownOf({ args, meta, places }: Concealed, omitted: readonly Omitted[]): ApprovalContent {
  return { arguments: args, meta, concealed: places, omitted }
}

/** Without its longest members; and without any, where even their names are too long. */
function shortened({ args, meta, places }: Concealed): ApprovalContent {
  const members = [...membersOf('args', args), ...membersOf('_meta', meta ?? {})]
  const nothing = { arguments: {}, meta: meta === null ? null : {} }
  let bytes = bytesOf({ ...nothing, concealed: places, omitted: members.map(omittedOf) })
  if (bytes > MOST_CONTENT_BYTES) {
    const whole = [wholeOf('args', args), ...(meta === null ? [] : [wholeOf('_meta', meta)])]
    return { ...nothing, concealed: [], omitted: whole }
  }
  const kept = new Set<Member>()
  for (const it of members.toSorted((a, b) => a.bytes - b.bytes)) {
    bytes += it.bytes - bytesOf(omittedOf(it))
    if (bytes > MOST_CONTENT_BYTES) break
    kept.add(it)
  }
  const shown = (root: Member['root']) =>
    Object.fromEntries([...kept].filter((it) => it.root === root).map(({ name, value }) => [name, value]))
  return {
    arguments: shown('args'),
    meta: meta === null ? null : shown('_meta'),
    concealed: places,
    omitted: members.filter((it) => !kept.has(it)).map(omittedOf),
  }
}

/** An argument, or a member of `_meta`. */
interface Member {
  readonly root: ConcealedPath['root']
  readonly name: string
  readonly value: unknown
  /** Bytes of its JSON, with its name. */
  readonly bytes: number
}

function membersOf(root: Member['root'], of: JsonObject): Member[] {
  return Object.entries(of).map(([name, value]) => ({ root, name, value, bytes: bytesOf({ [name]: value }) }))
}

function omittedOf({ root, name, value }: Member): Omitted {
  const path = formatPath({ root, steps: [{ kind: 'name', name }] })
  return { path, type: jsonType(value), bytes: bytesOf(value) }
}

function wholeOf(root: Member['root'], of: JsonObject): Omitted {
  return { path: root, type: 'object', bytes: bytesOf(of) }
}

const encoder = new TextEncoder()

function bytesOf(value: unknown): number {
  return encoder.encode(JSON.stringify(value)).length
}

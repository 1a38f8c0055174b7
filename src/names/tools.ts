/**
 * The names of tools: native ones; an upstream's, and those of its prompts and resources, where several servers share one list, and
 * the way back from such a name to its server; and the bare name that a policy may use. PURE.
 */
import { fnv1a } from '../base/fnv1a.ts'
import { legitiToolNames } from '../legiti/tools/tool.ts'
import { nativeServerNames } from './native-servers.ts'

/** Between server and name; a server's name has no underscore, so the first one in a name is this. */
const BETWEEN = '__'
/**
 * Model APIs take names of 64 characters, and clients put a prefix of their own in front of a tool's: the longest that was
 * seen is `mcp__gatehouse__`, of 16. One client cuts what is longer, another drops such tools without a word.
 */
const LONGEST_NAME = 64 - 'mcp__gatehouse__'.length
/** In characters. A tool with a longer name has no pin, so nobody lists or calls it (MCP: 128 should do). */
export const LONGEST_TOOL_NAME = 256
const ACCEPTED = /^[A-Za-z0-9_-]+$/
const HASH_DIGITS = 8

const nativeTools: ReadonlySet<string> = new Set([
  'auth_login',
  'auth_logout',
  'auth_whoami',
  ...legitiToolNames,
])

/** Names of a server that cannot all be shown. */
export interface Exposures {
  /** Exposed name (behind `<server>__`) to the server's own, for those whose own does not fit. */
  readonly renamed: Record<string, string>
  readonly leftOut: readonly LeftOut[]
}

/** A name that is not shown, and why. */
export interface LeftOut {
  readonly name: string
  readonly reason: string
}

/**
 * Tells whether an upstream server may have this name: a letter, then at most 30 of a-z, 0-9 and `-`, the last no `-`; no
 * native server's.
 */
export function isServerName(text: string): boolean {
  return /^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/.test(text) && !nativeServerNames.some((name) => name === text)
}

/** Tells whether a native tool has this name, whoever reaches it. */
export function isNativeName(name: string): boolean {
  return nativeTools.has(name)
}

/**
 * A tool's own name, as policies may call it without its server's; undefined where that name means another tool: a
 * native one, or one of a server that it names. Else a server could call its tool what a policy allows of others.
 */
export function aliasOf(tool: string): string | undefined {
  return isNativeName(tool) || split(tool) !== null ? undefined : tool
}

/**
 * `<server>__<original>`, or, where clients would not accept that, as much of it as they would with a hash of the
 * original behind it. Always at most 48 characters of A-Z, a-z, 0-9, `_` and `-`.
 */
export function expose(server: string, original: string): string {
  const whole = `${server}${BETWEEN}${original}`
  if (original !== '' && whole.length <= LONGEST_NAME && ACCEPTED.test(whole)) return whole
  const room = LONGEST_NAME - server.length - BETWEEN.length - 1 - HASH_DIGITS
  const readable = original.replaceAll(/[^A-Za-z0-9_-]/gu, '_').slice(0, room)
  return `${server}${BETWEEN}${readable}_${fnv1a(original)}`
}

/**
 * Decides how the names that a server lists are exposed. The first in code-unit order of two that would get the same name has it,
 * and the other is left out, in whatever order the server lists them.
 */
export function exposures(server: string, originals: readonly string[]): Exposures {
  const renamed: Record<string, string> = {}
  const leftOut: LeftOut[] = []
  const owners = new Map<string, string>()
  const prefix = server.length + BETWEEN.length
  const counts = new Map<string, number>()
  for (const name of originals) counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const original of [...counts.keys()].sort()) {
    const count = counts.get(original) ?? 1
    if (original === '') {
      leftOut.push({ name: original, reason: 'the name is empty' })
      continue
    }
    const name = expose(server, original).slice(prefix)
    const owner = owners.get(name)
    if (owner !== undefined) {
      const reason = `it would be exposed as ${server}${BETWEEN}${name}, as ${JSON.stringify(owner)} is already`
      leftOut.push({ name: original, reason })
      continue
    }
    owners.set(name, original)
    if (name !== original) renamed[name] = original
    if (count > 1) {
      leftOut.push({ name: original, reason: `the server lists it ${count} times; the first one is kept` })
    }
  }
  return { renamed, leftOut }
}

/** The exposed name of one of a server's own, or null where `renamed` gives that name to another or does not know it. */
export function exposedName(
  server: string,
  original: string,
  renamed: Readonly<Record<string, string>>,
): string | null {
  if (original === '') return null
  const exposed = expose(server, original)
  return originalName(exposed.slice(server.length + BETWEEN.length), renamed) === original ? exposed : null
}

/** The server's own name for what is exposed as `<server>__<name>`. */
export function originalName(name: string, renamed: Readonly<Record<string, string>>): string {
  // A tool may be called "constructor".
  return (Object.hasOwn(renamed, name) ? renamed[name] : undefined) ?? name
}

/** The two parts of an exposed name; null for a name that belongs to no upstream. */
export function split(exposed: string): { server: string; name: string } | null {
  const at = exposed.indexOf(BETWEEN)
  if (at < 0) return null
  const server = exposed.slice(0, at)
  const name = exposed.slice(at + BETWEEN.length)
  return name !== '' && isServerName(server) ? { server, name } : null
}

/**
 * A resource's URI, or a template for some, where several servers share one list. The server becomes a part of the
 * scheme, in which RFC 3986, section 3.1 allows a plus sign but no underscore.
 */
export function exposeUri(server: string, uri: string): string {
  return `${server}+${uri}`
}

/** The two parts of an exposed URI, also when it is written with `__` as tools are; null where no server is named. */
export function splitUri(exposed: string): { server: string; uri: string } | null {
  // The scheme of a URI means the same in upper case.
  const found = /^([a-z][a-z0-9-]{0,30})(?:\+|__)/i.exec(exposed)
  const server = found?.[1]?.toLowerCase()
  if (found === null || server === undefined || !isServerName(server)) return null
  const uri = exposed.slice(found[0].length)
  return uri === '' ? null : { server, uri }
}

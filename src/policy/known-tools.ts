/**
 * The tools that a policy can name, as far as they are known, and the check of a name against them. A server that was never
 * listed, or does not answer, leaves its own names unchecked and no others.
 */
import { split } from '../names/tools.ts'
import { nearest } from './spelling.ts'

/** The tools of one server. */
export interface ServerTools {
  readonly name: string
  /** It is part of the gateway: policies name its tools without the server's name. */
  readonly isNative: boolean
  /** Null: they are not known. */
  readonly tools: readonly KnownTool[] | null
  /** The reason why the deployment does not have it, though its names are reserved; null or absent: it has. */
  readonly off?: string | null
}

/** One tool. */
export interface KnownTool {
  /** Every name that a policy may give it, the fullest first: `crm__find`, `find`. */
  readonly names: readonly string[]
  /** The name that clients see in `/mcp`, if policies use another one: it was too long or had odd characters. */
  readonly shownAs: string | null
  /** JSON Schema of its arguments, as `tools/list` publishes it. */
  readonly schema: unknown
}

export interface KnownTools {
  /** Argument schemas by name; of a bare name, those of each server that has such a tool. */
  readonly schemas: ReadonlyMap<string, readonly unknown[]>
  /** From what clients see to what policies say. */
  readonly shown: ReadonlyMap<string, string>
  /** Upstream servers, and whether their tools are known. Null: it is a list of tools, and no server is known. */
  readonly servers: ReadonlyMap<string, boolean> | null
  /** By tool: the server that has it and that the deployment does not have, and why. */
  readonly off?: ReadonlyMap<string, { readonly server: string; readonly why: string }>
}

/** Nothing is known, so no name is warned of. */
export const nothingKnown: KnownTools = { schemas: new Map(), shown: new Map(), servers: null }

/** One server's list, of whatever server: argument schemas by name. */
export function toolsListed(schemas: ReadonlyMap<string, unknown>): KnownTools {
  const each = [...schemas].map(([name, schema]): [string, unknown[]] => [name, [schema]])
  return { ...nothingKnown, schemas: new Map(each) }
}

/** The tools of all servers that a tenant has. */
export function toolsOf(servers: readonly ServerTools[]): KnownTools {
  const schemas = new Map<string, unknown[]>()
  const shown = new Map<string, string>()
  for (const { names, shownAs, schema } of servers.flatMap(({ tools }) => tools ?? [])) {
    for (const name of names) schemas.set(name, [...(schemas.get(name) ?? []), schema])
    if (shownAs !== null) shown.set(shownAs, names[0] ?? shownAs)
  }
  const upstream = servers.filter(({ isNative }) => !isNative)
  const off = servers.flatMap(({ name: server, off: why = null, tools }) =>
    why === null
      ? []
      : (tools ?? []).flatMap(({ names }) => names.map((it) => [it, { server, why }] as const)),
  )
  const known = new Map(upstream.map(({ name, tools }) => [name, tools !== null]))
  return { schemas, shown, servers: known, off: new Map(off) }
}

/** The result of checking a name. */
export type Standing =
  | { readonly kind: 'fine' }
  /** No tool is called so, and none can be. */
  | { readonly kind: 'absent'; readonly meant: string | null }
  /** It names a server that there is not. */
  | { readonly kind: 'nowhere'; readonly server: string; readonly meant: string | null }
  /** No tool that is known is called so; one of these servers' may be. */
  | { readonly kind: 'unchecked'; readonly servers: readonly string[]; readonly meant: string | null }

/** Checks the name of a tool in a policy against the known tools. */
export function standingOf({ schemas, shown, servers }: KnownTools, name: string): Standing {
  if (schemas.has(name) || (servers === null && schemas.size === 0)) return { kind: 'fine' }
  const meant = () => shown.get(name) ?? nearest(name, schemas.keys())
  if (servers === null) return { kind: 'absent', meant: meant() }
  const parts = split(name)
  if (parts === null) {
    const open = [...servers].filter(([, isKnown]) => !isKnown).map(([server]) => server)
    return open.length === 0
      ? { kind: 'absent', meant: meant() }
      : { kind: 'unchecked', servers: open, meant: meant() }
  }
  const { server } = parts
  const isKnown = servers.get(server)
  if (isKnown === undefined)
    return { kind: 'nowhere', server, meant: meant() ?? sameAt(nearest(server, servers.keys()), parts.name) }
  // The tools of another server are not what was meant.
  return isKnown ? { kind: 'absent', meant: meant() } : { kind: 'unchecked', servers: [server], meant: null }
}

function sameAt(server: string | null, name: string): string | null {
  return server === null ? null : `${server}__${name}`
}

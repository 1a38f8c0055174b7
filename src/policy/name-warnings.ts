/** Names in a policy that nothing is called by, as far as it is known; and those that could not be checked. */
import { sections } from './compile.ts'
import type { HostedDocument } from './hosted.ts'
import { type KnownTools, standingOf } from './known-tools.ts'
import { readKinds } from './model.ts'
import { type Problem, pointer } from './problem.ts'
import { readKey } from './reading.ts'
import { nearest } from './spelling.ts'

/** Names that may be of servers whose tools are not known. */
export interface Unchecked {
  readonly servers: readonly string[]
  readonly names: readonly string[]
}

/** Names of tools whose server the deployment does not have: they are right, and come to nothing. */
export interface OffNames {
  readonly server: string
  readonly why: string
  readonly names: readonly string[]
}

/** The warning about a tool's name; null if the name is right, or could not be checked. */
export function nameWarning(known: KnownTools, name: string, place: string): Problem | null {
  const standing = standingOf(known, name)
  const said = { pointer: place, onName: true }
  switch (standing.kind) {
    case 'fine':
      return null
    case 'absent': {
      const found = `the tool ${JSON.stringify(name)}, which no server has`
      return { ...said, found, allowed: 'a tool that is known', nearest: standing.meant }
    }
    case 'nowhere':
      return { ...said, ...noServer(known, 'tool', name, standing.server), nearest: standing.meant }
    case 'unchecked': {
      const { servers, meant } = standing
      // Spelt almost like one that is known, it is hardly one of a server that nobody has seen.
      if (meant === null) return null
      const found = `the tool ${JSON.stringify(name)}, which no server has whose tools are known`
      const allowed = `a tool that is known, or one of ${servers.join(', ')}, whose tools are not`
      return { ...said, found, allowed, nearest: meant }
    }
  }
}

/** Warns of keys of `resources` and `prompts` that name servers which are not there. The things that can be read are listed nowhere. */
export function readingWarnings(hosted: HostedDocument, known: KnownTools): Problem[] {
  const { servers } = known
  if (servers === null) return []
  return readKinds.flatMap((kind) =>
    Object.keys(hosted[sections[kind]] ?? {}).flatMap((key): Problem[] => {
      const server = readKey(kind, key)?.server ?? null
      if (server === null || servers.has(server)) return []
      const meant = nearest(server, servers.keys())
      return [
        {
          pointer: pointer(sections[kind], key),
          ...noServer(known, kind, key, server),
          nearest: meant === null ? null : `${meant}${key.slice(server.length)}`,
          onName: true,
        },
      ]
    }),
  )
}

function noServer({ servers }: KnownTools, kind: string, name: string, server: string) {
  const names = [...(servers?.keys() ?? [])]
  return {
    found: `the ${kind} ${JSON.stringify(name)} of the server ${JSON.stringify(server)}, which is not there`,
    allowed: `a server that is there (${names.join(', ') || 'none'})`,
  }
}

/** The names that could not be checked, by the servers that they may be of. */
export function uncheckedOf(hosted: HostedDocument, known: KnownTools): Unchecked[] {
  const found = new Map<string, { servers: readonly string[]; names: Set<string> }>()
  for (const name of [...Object.keys(hosted.tools ?? {}), ...(hosted.hide ?? [])]) {
    const standing = standingOf(known, name)
    if (standing.kind !== 'unchecked' || standing.meant !== null || isNoName(name)) continue
    const key = standing.servers.join()
    const before = found.get(key) ?? { servers: standing.servers, names: new Set() }
    found.set(key, before)
    before.names.add(name)
  }
  return [...found.values()].map(({ servers, names }) => ({ servers, names: [...names] }))
}

/** The names of tools that the deployment does not have, by their server. */
export function offNamesOf(hosted: HostedDocument, { off }: KnownTools): OffNames[] {
  const named = new Set([...Object.keys(hosted.tools ?? {}), ...(hosted.hide ?? [])])
  const found = new Map<string, { server: string; why: string; names: string[] }>()
  for (const name of named) {
    const it = off?.get(name)
    if (it === undefined) continue
    const before = found.get(it.server) ?? { ...it, names: [] }
    found.set(it.server, before)
    before.names.push(name)
  }
  return [...found.values()]
}

/** Everything, a pattern or a URI: of these something else is said. */
export function isNoName(name: string): boolean {
  return name.includes('*') || name.includes('://')
}

const MOST_NAMED = 10

/** One line for people. */
export function describeUnchecked({ servers, names }: Unchecked): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : ''
  const these = names.slice(0, MOST_NAMED).join(', ')
  return `The tools of ${servers.join(', ')} are not known yet, so these names were not checked: ${these}${more}.`
}

/** One line for people. */
export function describeOff({ server, why, names }: OffNames): string {
  return (
    `The policy names tools of the native server "${server}", which this deployment does not have (${why}): ${names.join(', ')}. ` +
    'Its entries for them have no effect.'
  )
}

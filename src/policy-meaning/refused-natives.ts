/** Native servers that a grant has for nothing, because its policy refuses what they are for. PURE. */
import { meaningOf, type Source } from './meaning.ts'

/** A native server that a grant has, with the names of its tools. */
export interface NativeTools {
  readonly name: string
  readonly tools: readonly string[]
}

const MOST_NAMED = 10
/** Results of a call that the policy lets nobody make, whatever its arguments (meaning.ts). */
const REFUSED: readonly string[] = ['hidden', 'denied', 'denied by default']

/** Says why this server is useless under the policy, as the end of a sentence; null if it is not. */
export function whyRefused(source: Source, { name, tools }: NativeTools): string | null {
  const refusals = new Map(tools.map((tool) => [tool, meaningOf(source, tool).call] as const))
  const isRefused = (tool: string) => REFUSED.includes(refusals.get(tool) ?? '')
  const all = tools.filter(isRefused)
  if (name !== 'session')
    return all.length === tools.length && all.length > 0
      ? 'refuses all of its tools, so that none can be called'
      : null
  const said = (tool: string) => `${tool} (${refusals.get(tool)})`
  if (isRefused('auth_login')) return `refuses ${all.map(said).join(', ')}, so that nobody can log in`
  if (isRefused('auth_logout'))
    return `refuses ${said('auth_logout')}, so that nobody who logs in can log out`
  return null
}

/** A sentence for each native server of a grant that its policy makes useless, with what to do. */
export function refusedNatives(policy: string, source: Source, natives: readonly NativeTools[]): string[] {
  return natives.flatMap((native) => {
    const why = whyRefused(source, native)
    if (why === null) return []
    return [
      `The grant has the native server "${native.name}", and its policy ${policy} ${why}: allow its tools there (${native.tools.join(', ')}), or leave the server out of servers.`,
    ]
  })
}

/** The same for a policy and the grants that are under it, as somebody who changes the policy reads it. */
export function refusedUnder(
  source: Source,
  natives: readonly NativeTools[],
  grants: readonly { readonly name: string; readonly natives: readonly string[] }[],
): string[] {
  return natives.flatMap((native) => {
    const why = whyRefused(source, native)
    const having = grants.filter(({ natives: has }) => has.includes(native.name)).map(({ name }) => name)
    if (why === null || having.length === 0) return []
    const more = having.length > MOST_NAMED ? ` and ${having.length - MOST_NAMED} more` : ''
    return [
      `Grants that have the native server "${native.name}" are under this policy (${having.slice(0, MOST_NAMED).join(', ')}${more}), which ${why}.`,
    ]
  })
}

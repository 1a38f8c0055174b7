/**
 * Which native servers this deployment has. One that it does not have is off for every grant: its tools are in no list, a
 * call of one is a call of an unknown tool, and nothing is queued for it.
 */
import type { Env } from '../contract/env.ts'
import { hasLegitiVariables } from '../legiti/settings.ts'
import { type NativeServerName, nativeServerNames } from '../names/native-servers.ts'

/** Alone in `NATIVE_SERVERS`, it says that the deployment has no native server. An empty variable is one that is not set. */
const NONE = 'none'

/** Every request asks, and a deployment's variables do not change while its isolates live. */
const known = new WeakMap<Env, ReadonlySet<NativeServerName>>()

/**
 * Returns the native servers of this deployment, those that `NATIVE_SERVERS` names. Where it is not set, they are `session`, and `legiti`
 * where one of its own variables is set.
 */
export function deployedServers(env: Env): ReadonlySet<NativeServerName> {
  let servers = known.get(env)
  if (servers === undefined) {
    servers = new Set(nativeServerNames.filter((name) => isDeployedBy(env, name)))
    known.set(env, servers)
  }
  return servers
}

export function isDeployed(env: Env, name: NativeServerName): boolean {
  return deployedServers(env).has(name)
}

/** Tells whether a name is that of a native server which this deployment has. */
export function isDeployedName(env: Env, name: string): name is NativeServerName {
  return (deployedServers(env) as ReadonlySet<string>).has(name)
}

/** Tells of each native server whether the deployment has it. */
export function nativeStates(env: Env): Readonly<Record<NativeServerName, 'on' | 'off'>> {
  const deployed = deployedServers(env)
  const states = nativeServerNames.map((name) => [name, deployed.has(name) ? 'on' : 'off'] as const)
  return Object.fromEntries(states) as Record<NativeServerName, 'on' | 'off'>
}

/** Returns the reason why the deployment does not have a native server; null where it has. */
export function whyOff(env: Env, name: NativeServerName): string | null {
  if (isDeployed(env, name)) return null
  return namedIn(env) === null
    ? 'LEGITI_BASE_URL and LEGITI_API_KEY are not set'
    : 'NATIVE_SERVERS does not name it'
}

/** Returns the problem with `NATIVE_SERVERS`, or null. */
export function nativeServersProblem(env: Env): string | null {
  const named = namedIn(env)
  if (named === null) return null
  const wrong = named.find((name) => !(nativeServerNames as readonly string[]).includes(name))
  if (wrong !== undefined && (wrong !== NONE || named.length > 1))
    return `NATIVE_SERVERS names ${JSON.stringify(wrong)}; allowed: ${nativeServerNames.join(', ')}, separated by commas, or ${NONE} alone`
  if (named.includes('legiti') && !hasLegitiVariables(env))
    return 'NATIVE_SERVERS names "legiti"; allowed: only with LEGITI_BASE_URL and LEGITI_API_KEY, which are not set'
  return null
}

function isDeployedBy(env: Env, name: NativeServerName): boolean {
  const named = namedIn(env)
  if (named !== null) return named.includes(name)
  return name !== 'legiti' || hasLegitiVariables(env)
}

/** Returns the names in the variable; null: it is not set. */
function namedIn({ NATIVE_SERVERS: text = '' }: Env): string[] | null {
  const names = text.split(',').map((name) => name.trim())
  const given = names.filter((name) => name !== '')
  return given.length === 0 ? null : given
}

/** Native tools that a policy names in vain. */
import type { Env } from '../contract/env.ts'
import { whyOff } from '../deployment/native-servers.ts'
import { type NativeServerName, nativeServerNames } from '../names/native-servers.ts'
import type { Policy } from '../policy/model.ts'
import { findTool } from './catalogue.ts'

/** A warning for each native server that the deployment does not have and the policy names tools of. */
export function offWarnings(env: Env, policy: Policy): string[] {
  return nativeServerNames.flatMap((server) => {
    const why = whyOff(env, server)
    const named = why === null ? [] : namedToolsOf(server, policy)
    if (named.length === 0) return []
    return [
      `The policy names tools of the native server "${server}", which this deployment does not have (${why}): ${named.join(', ')}. ` +
        'What it says of them has no effect.',
    ]
  })
}

/** A warning for each native server that the policy names tools of and its grant does not have, though the deployment has. */
export function missedWarnings(
  env: Env,
  policyName: string,
  policy: Policy,
  has: readonly NativeServerName[],
): string[] {
  return nativeServerNames.flatMap((server) => {
    const named = whyOff(env, server) !== null || has.includes(server) ? [] : namedToolsOf(server, policy)
    if (named.length === 0) return []
    return [
      `The policy ${policyName} names tools of the native server "${server}", which this grant does not name in servers: ` +
        `${named.join(', ')}.`,
    ]
  })
}

function namedToolsOf(server: NativeServerName, { tools, hidden }: Policy): string[] {
  const reach = new Set([server])
  return [...new Set([...tools.keys(), ...hidden])].filter((name) => findTool(name, reach) !== null)
}

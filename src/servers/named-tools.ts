/** Native tools that a policy names in vain. */

import type { Env } from '../contract/env.ts'
import { whyOff } from '../deployment/native-servers.ts'
import { type NativeServerName, nativeServerNames } from '../names/native-servers.ts'
import type { Policy } from '../policy/model.ts'
import { findTool, nativeTools } from './catalogue.ts'

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

/** The names of all tools of these native servers, of those that the deployment has. */
export function deployedTools(env: Env, natives: readonly NativeServerName[]) {
  return nativeTools()
    .filter(({ server }) => natives.includes(server) && whyOff(env, server) === null)
    .map(({ server, tools }) => ({ name: server, tools: tools.map(({ name }) => name) }))
}

/** Checks that a watched resource may still be watched, wherever the gateway subscribes again of its own accord. */
import { decide } from '../policy/decide.ts'
import { readName } from '../policy/reading.ts'
import type { RequestContext } from '../request/context.ts'
import { known } from '../request/known.ts'

/**
 * The policy's own decision on a resource of a server, for the account and label that the request was admitted with. Nothing is
 * charged or written down, for that was done when the client asked. False as well for a request that has not been admitted.
 * @param uri the server's own
 */
export function isWatchable(
  { presented, caller }: Pick<RequestContext, 'presented' | 'caller'>,
  server: string,
  uri: string,
): boolean {
  if (caller === null) return false
  const policy = known(presented.key)?.policy ?? null
  const call = { kind: 'resource', tool: readName('resource', server, uri), args: { uri } } as const
  return decide(policy, call, { nowMs: Date.now(), ...caller }).action === 'allow'
}

/** A server as a client's request may use it. */
import { hopsOnward } from '../base/hops.ts'
import type { UpstreamConfig, UpstreamProblem } from '../contract/upstream.ts'
import type { RequestContext } from '../request/context.ts'
import { linkTo, type UpstreamLink } from '../upstream/link.ts'

export function linkFor(
  { env, execution, http }: RequestContext,
  tenant: string,
  upstream: UpstreamConfig,
): Promise<UpstreamLink | UpstreamProblem> {
  return linkTo(env, {
    tenant,
    config: upstream,
    waitUntil: (work) => execution.waitUntil(work),
    hops: hopsOnward(http),
  })
}

/** Gateways of several builds of this repository, side by side in one run: that of the working tree, and those of other checkouts. */
import { type BareGateway, type BareOptions, startBare } from '../../test/support/node/bare-workerd.ts'
import { builtElsewhere } from '../../test/support/node/built-worker.ts'
import { root } from '../../test/support/node/wrangler-dev.ts'
import { setUpGateway } from './subjects.ts'

/** The name of the working tree's own build. */
export const OWN = 'this'

/** A gateway under the name that the output gives it. */
export interface Build {
  readonly name: string
  readonly gateway: BareGateway
  /** The tokens of the grants that are set up in it. */
  readonly tokens: readonly string[]
}

/**
 * Starts a gateway of each checkout, which must have its packages installed (`git worktree add`, `npm ci`), and one of the working tree,
 * the last of them. They stop in `stops`.
 *
 * @param options.against paths of checkouts
 * @param options.grants how many are set up in each
 * @param options.isReadable built with the names of functions and files, for profiles
 */
export async function startBuilds(
  upstreamUrl: string,
  stops: (() => Promise<void>)[],
  {
    against,
    grants,
    optionsOf = async () => ({}),
    isReadable = false,
  }: {
    readonly against: readonly string[]
    readonly grants: number
    readonly optionsOf?: () => Promise<BareOptions>
    readonly isReadable?: boolean
  },
): Promise<readonly Build[]> {
  const builds: Build[] = []
  for (const checkout of [...against, null]) {
    const isDeployed = checkout === null && !isReadable
    const built = isDeployed ? {} : { built: await builtElsewhere(checkout ?? root, isReadable) }
    const options = { ...(await optionsOf()), ...built }
    const gateway = await startBare({ DEMO: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' }, options)
    stops.push(() => gateway.stop())
    const tokens = await setUpGateway(gateway.url, upstreamUrl, grants)
    builds.push({ name: nameOf(checkout, against.length), gateway, tokens })
  }
  return builds
}

/** One that is compared with is `against`; several have the names of their folders. */
function nameOf(checkout: string | null, others: number): string {
  if (checkout === null) return OWN
  return others === 1 ? 'against' : (checkout.replace(/\/+$/, '').split('/').at(-1) ?? checkout)
}

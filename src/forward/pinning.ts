/** Compares what a server lists with what is pinned, before a client sees it. */
import { errorName, log } from '../base/log.ts'
import { sha256Hex } from '../base/sha256.ts'
import { tenantObject } from '../contract/objects.ts'
import type { Verdict } from '../contract/tenant.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { judgeTool } from '../upstream/entries.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { listingText } from '../upstream/pins.ts'
import { serverKey } from '../upstream/server-key.ts'

/**
 * Listings that this isolate has had compared with the pins as they are: the tenant's object need not be asked while its
 * news is on the way. Any news of the pins may have made another comparison of it.
 */
const compared = new Map<string, Compared>()
const MOST_SERVERS = 2_000
/**
 * The version of the rules by which a listing is read: the status and the exposed names follow from it. It is raised with the rules, so
 * that a listing that was compared under older ones is compared anew.
 */
const READING = 'rules 2'
const MOST_LISTINGS = 32

interface Compared {
  /** The revision of the pins that they were compared under: once the pins change, it changes. */
  readonly pinsRevision: number
  readonly verdict: Verdict
  /** The digests of listings with this verdict. */
  readonly digests: Set<string>
}

/**
 * Has a complete listing compared with the pins, where that has not been done, and says what may be shown of it:
 * whoever is told of changes may not know yet. Throws when it could not: a list that nobody has compared is not shown.
 */
export async function compareWithPins(
  { env, tenant }: UpstreamLink,
  upstream: UpstreamConfig,
  tools: readonly unknown[],
): Promise<Verdict> {
  // A tool may be left out because of members that are not pinned, and the status says so.
  const problems = tools.map((tool) => judgeTool(tool).problem).filter((problem) => problem !== null)
  const digest = await sha256Hex([READING, listingText(tools), ...problems].join('\n'))
  if (upstream.seen.includes(digest)) return upstream
  const key = serverKey(tenant, upstream)
  const { incarnation, pinsRevision } = upstream
  const before = compared.get(key)
  if (before?.pinsRevision === pinsRevision && before?.digests.has(digest)) return before.verdict
  let verdict: Verdict
  try {
    const listing = { digest, incarnation, toolsJson: JSON.stringify(tools) }
    const said = await tenantObject(env, tenant).observe(upstream.name, listing)
    if (said === null) throw new Error('the server is not there, or its list is unreadable')
    verdict = { withheld: said.withheld, renamed: said.renamed }
  } catch (error) {
    log('error', 'upstream.pins_unavailable', { tenant, server: upstream.name, error: errorName(error) })
    throw error
  }
  if (pinsRevision !== undefined) remember(key, pinsRevision, digest, verdict)
  return verdict
}

function remember(key: string, pinsRevision: number, digest: string, verdict: Verdict): void {
  const before = compared.get(key)
  const isAnother =
    before === undefined ||
    before.pinsRevision !== pinsRevision ||
    before.digests.size >= MOST_LISTINGS ||
    JSON.stringify(before.verdict) !== JSON.stringify(verdict)
  const digests = isAnother ? new Set<string>() : before.digests
  digests.add(digest)
  if (compared.size >= MOST_SERVERS) compared.clear()
  compared.set(key, { pinsRevision, verdict, digests })
}

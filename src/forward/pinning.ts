/** Compares what a server lists with what is pinned, before a client sees it. */

import { errorName, log } from '../log.ts'
import { tenantObject } from '../objects.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { listingText } from '../upstream/pins.ts'

/**
 * Listings that this isolate has had compared with the pins as they are: the tenant's object need not be asked while its
 * news is on the way. Any news of the pins may have made another comparison of it.
 */
const compared = new Map<string, { readonly seen: string; readonly digests: Set<string> }>()
const MOST_SERVERS = 2_000
const MOST_LISTINGS = 32

/**
 * Whether a complete listing is new; then the tenant's object has compared it by the time this returns. Throws when it
 * could not: a list that nobody has compared is not shown.
 */
export async function compareWithPins(
  { env, tenant }: UpstreamLink,
  upstream: UpstreamConfig,
  tools: readonly unknown[],
): Promise<boolean> {
  const digest = await digestOf(listingText(tools))
  if (upstream.seen.includes(digest)) return false
  const key = `${tenant}/${upstream.name} ${upstream.url}`
  const seen = upstream.seen.join()
  const before = compared.get(key)
  if (before?.seen === seen && before.digests.has(digest)) return false
  try {
    await tenantObject(env, tenant).observe(upstream.name, { digest, toolsJson: JSON.stringify(tools) })
  } catch (error) {
    log('error', 'upstream.pins_unavailable', { tenant, server: upstream.name, error: errorName(error) })
    throw error
  }
  remember(key, seen, digest)
  return true
}

function remember(key: string, seen: string, digest: string): void {
  const before = compared.get(key)
  const digests =
    before?.seen === seen && before.digests.size < MOST_LISTINGS ? before.digests : new Set<string>()
  digests.add(digest)
  if (compared.size >= MOST_SERVERS) compared.clear()
  compared.set(key, { seen, digests })
}

async function digestOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return new Uint8Array(bytes).toHex()
}

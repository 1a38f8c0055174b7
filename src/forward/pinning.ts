/** Compares what a server lists with what is pinned, before a client sees it. */

import { errorName, log } from '../log.ts'
import { tenantObject } from '../objects.ts'
import type { UpstreamConfig } from '../upstream/config.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { listingText } from '../upstream/pins.ts'

/** Listings that this isolate has had compared: the tenant's object need not be asked while its news is on the way. */
const compared = new Map<string, Set<string>>()
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
  if (compared.get(key)?.has(digest) === true) return false
  try {
    await tenantObject(env, tenant).observe(upstream.name, { digest, toolsJson: JSON.stringify(tools) })
  } catch (error) {
    log('error', 'upstream.pins_unavailable', { tenant, server: upstream.name, error: errorName(error) })
    throw error
  }
  remember(key, digest)
  return true
}

function remember(key: string, digest: string): void {
  const known = compared.get(key) ?? new Set()
  if (known.size >= MOST_LISTINGS) known.clear()
  known.add(digest)
  if (compared.size >= MOST_SERVERS) compared.clear()
  compared.set(key, known)
}

async function digestOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return new Uint8Array(bytes).toHex()
}

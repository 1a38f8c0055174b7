/** A server's tools as they were last listed, for when it cannot be asked. */

import { errorName, log } from '../log.ts'
import { tenantObject } from '../objects.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { isObject } from '../upstream/rpc.ts'
import type { Tool } from './list-tools.ts'

const catalogues = new Map<string, readonly Tool[]>()
const MOST_CATALOGUES = 200

/** The last known tools, or null where there are none. A version never changes, so it is asked for once. */
export async function lastKnownTools({ env, tenant, config }: UpstreamLink): Promise<readonly Tool[] | null> {
  if (config.catalogue === null) return null
  const key = `${tenant}/${config.name} ${config.catalogue}`
  const kept = catalogues.get(key)
  if (kept !== undefined) return kept
  try {
    const catalogue = await tenantObject(env, tenant).catalogue(config.name)
    if (catalogue === null) return null
    const tools = (JSON.parse(catalogue.toolsJson) as unknown[]).filter(isTool)
    if (catalogues.size >= MOST_CATALOGUES) catalogues.clear()
    // It may be newer than the version that was asked for, which is as good.
    catalogues.set(`${tenant}/${config.name} ${catalogue.version}`, tools)
    return tools
  } catch (error) {
    log('warn', 'upstream.catalogue_unavailable', { tenant, server: config.name, error: errorName(error) })
    return null
  }
}

function isTool(value: unknown): value is Tool {
  return isObject(value) && typeof value.name === 'string'
}

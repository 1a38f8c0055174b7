/** A server's tools as they were last listed, for when it cannot be asked, and what is pinned of them. */
import { parseExact } from '../base/exact-json.ts'
import { isObject } from '../base/json.ts'
import { errorName, log } from '../base/log.ts'
import { tenantObject } from '../contract/objects.ts'
import type { UpstreamConfig } from '../contract/upstream.ts'
import { isTool, type Tool } from '../upstream/all-tools.ts'
import type { UpstreamLink } from '../upstream/link.ts'
import { serverKey } from '../upstream/server-key.ts'

/** The server that the tools belong to. */
type Catalogued = Pick<UpstreamLink, 'env' | 'tenant' | 'config'>

interface Known {
  readonly version: string
  readonly tools: readonly Tool[]
  /** The pinned versions of the tools that have drifted; null where they are not kept. */
  readonly drifted: ReadonlyMap<string, unknown>
}

type Annotations = Readonly<Record<string, unknown>>

const catalogues = new Map<string, Known & { readonly chars: number }>()
const MOST_CATALOGUES = 200
/** The most characters of all of them, as JSON: an isolate has 128 MB, and parsed they take several times as much. */
const MOST_CHARS = 8 * 1024 * 1024
let chars = 0

/** Keeps a catalogue; those that were kept first make room. One that is larger than all may be is asked for each time. */
function keep(key: string, known: Known, size: number): void {
  for (const [oldest, { chars: its }] of catalogues) {
    if (chars + size <= MOST_CHARS && catalogues.size < MOST_CATALOGUES) break
    catalogues.delete(oldest)
    chars -= its
  }
  if (size > MOST_CHARS || catalogues.has(key)) return
  catalogues.set(key, { ...known, chars: size })
  chars += size
}

/** The last known tools, or null where there are none, or too many to be kept. */
export async function lastKnownTools(of: Catalogued): Promise<readonly Tool[] | null> {
  return (await lastKnown(of))?.tools ?? null
}

/**
 * The same, as far as they are those that the configuration speaks of: of newer ones it does not say what is withheld.
 */
export async function configuredTools(of: Catalogued): Promise<readonly Tool[] | null> {
  const known = await lastKnown(of)
  return known !== null && known.version === of.config.catalogue ? known.tools : null
}

/**
 * Returns a tool's annotations according to its pin: if the present ones differ, nobody has accepted them. Null where they are not known.
 */
export async function pinnedAnnotations(
  of: Catalogued,
  name: string,
): Promise<Readonly<Record<string, unknown>> | null> {
  const known = await lastKnown(of)
  if (known === null) return null
  const tool = known.drifted.has(name)
    ? known.drifted.get(name)
    : known.tools.find((listed) => listed.name === name)
  if (!isObject(tool)) return null
  // Policies compare JavaScript's numbers.
  return isObject(tool.annotations) ? (JSON.parse(JSON.stringify(tool.annotations)) as Annotations) : {}
}

/** A version never changes, so it is asked for once. */
async function lastKnown({ env, tenant, config }: Catalogued): Promise<Known | null> {
  if (config.catalogue === null) return null
  const key = keyOf(tenant, config, config.catalogue)
  const kept = catalogues.get(key)
  if (kept !== undefined) return kept
  try {
    const catalogue = await tenantObject(env, tenant).catalogue(config.name, config.incarnation)
    if (catalogue === null) return null
    const { version, toolsJson, driftedJson } = catalogue
    const known = {
      version,
      tools: (parseExact(toolsJson) as unknown[]).filter(isTool),
      drifted: new Map(Object.entries(parseExact(driftedJson) as object)),
    }
    // It may be newer than the version that was asked for, which is as good.
    keep(keyOf(tenant, config, version), known, toolsJson.length + driftedJson.length)
    return known
  } catch (error) {
    log('warn', 'upstream.catalogue_unavailable', { tenant, server: config.name, error: errorName(error) })
    return null
  }
}

function keyOf(tenant: string, config: UpstreamConfig, version: string): string {
  return JSON.stringify([serverKey(tenant, config), version])
}

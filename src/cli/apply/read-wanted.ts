/** Reads the folder that describes a tenant: the description, and everything that is wrong with it. */
import type { World } from '../kit/outcome.ts'
import { mismatch } from '../kit/tenant-file.ts'
import * as documents from './documents.ts'
import { readSources } from './folder.ts'
import type { Folder } from './kinds.ts'
import type { Wanted } from './wanted.ts'

export interface Read {
  /** Null where something is wrong. */
  readonly wanted: Wanted | null
  readonly problems: readonly string[]
  /** Files that were not understood, each with the names that would be. */
  readonly warnings: readonly string[]
}

/**
 * Reads it all; nothing is asked of the gateway. A folder for another tenant is refused for that alone.
 *
 * @param names of what is in the folder
 * @param tenant the one that is asked for
 */
export async function readWanted(
  folder: string,
  names: readonly string[],
  tenant: string,
  world: World,
): Promise<Read> {
  const sources = await readSources(folder, names, world)
  const { warnings, strays } = sources
  const file = sources.tenant === null ? null : documents.tenantFile(sources.tenant, [])
  const other = file === null ? null : mismatch(sources.tenant?.file ?? '', file, tenant)
  if (other !== null) return { wanted: null, problems: [other], warnings: [] }
  const problems = [...sources.problems]
  const settings = sources.tenant === null ? null : documents.tenant(sources.tenant, problems)
  const all = <T>(kind: Folder, read: documents.Reader<T>): ReadonlyMap<string, T> | null => {
    const current = sources.things[kind]
    if (current === null) return null
    const things = new Map<string, T>()
    for (const [name, source] of current) {
      const thing = read(source, name, problems)
      if (thing !== null) things.set(name, thing)
    }
    return things
  }
  const wanted: Wanted = {
    folder,
    tenant: settings,
    people: all('people', documents.person),
    secrets: all('secrets', documents.secret),
    servers: all('servers', documents.server(world)),
    policies: all('policies', documents.policy),
    grants: all('grants', documents.grant),
    webhooks: all('webhooks', documents.webhook),
    strays,
  }
  return { wanted: problems.length > 0 ? null : wanted, problems, warnings }
}

/** The tenant that a folder says it is for; null where it does not say. */
export async function tenantOfFolder(folder: string, world: World): Promise<string | null> {
  const names = (await world.list(folder)) ?? []
  const file = names.find((name) => /^tenant\.(yaml|yml|json)$/.test(name))
  if (file === undefined) return null
  const content = await world.read(`${folder}/${file}`)
  if (!content.ok) return null
  return documents.tenantFile({ file, bytes: content.bytes }, [])?.tenant ?? null
}

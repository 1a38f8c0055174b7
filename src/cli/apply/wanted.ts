/** The tenant that a folder describes, and everything that is wrong with the description. */
import type * as z from 'zod/v4'
import type { SessionMode } from '../../contract/session-mode.ts'
import type { KnownTools } from '../../policy/known-tools.ts'
import type { personSchema } from '../../tenant/person-document.ts'
import type { ServerDocument } from '../../tenant/server-document.ts'
import type { webhookSchema } from '../../tenant/webhook-document.ts'
import type { Json } from '../admin/api.ts'
import type { World } from '../outcome.ts'
import type { LoadedPolicy } from '../source.ts'
import * as documents from './documents.ts'
import { readSources, type Sources } from './folder.ts'
import type { Folder } from './kinds.ts'
import { mismatch } from './tenant-file.ts'

export interface WantedTenant {
  readonly file: string
  readonly document: Json
}

export interface WantedPerson {
  readonly file: string
  readonly document: z.output<typeof personSchema>
}

/** A secret that must be there. Its value is in no file. */
export interface WantedSecret {
  readonly file: string
  /** The origins that it may be sent to; null: the folder does not say. */
  readonly origins: readonly string[] | null
}

export interface WantedServer {
  readonly file: string
  /** With everything that was left out, and the values of its headers. Never printed, never written. */
  readonly document: ServerDocument
}

export interface WantedPolicy {
  readonly file: string
  readonly document: unknown
  readonly policy: LoadedPolicy
  /** The same with what there is to say of the names in it. */
  readonly checked: (known: KnownTools) => LoadedPolicy
}

export interface WantedGrant {
  readonly file: string
  readonly document: {
    readonly label: string
    readonly policy: string | null
    readonly servers: '*' | readonly string[]
    readonly owner: string | null
    readonly sessions: SessionMode
    readonly expires_at: string | null
  }
}

export interface WantedWebhook {
  readonly file: string
  readonly document: z.output<typeof webhookSchema>
}

export interface Wanted {
  readonly folder: string
  /** Null: its settings are not part of the folder. */
  readonly tenant: WantedTenant | null
  /** Null: there is no such folder, so nothing is said of them. */
  readonly people: ReadonlyMap<string, WantedPerson> | null
  readonly secrets: ReadonlyMap<string, WantedSecret> | null
  readonly servers: ReadonlyMap<string, WantedServer> | null
  readonly policies: ReadonlyMap<string, WantedPolicy> | null
  readonly grants: ReadonlyMap<string, WantedGrant> | null
  readonly webhooks: ReadonlyMap<string, WantedWebhook> | null
  /** Files that were not understood, by the name of what they may be. */
  readonly strays: Sources['strays']
}

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
    const there = sources.things[kind]
    if (there === null) return null
    const things = new Map<string, T>()
    for (const [name, source] of there) {
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

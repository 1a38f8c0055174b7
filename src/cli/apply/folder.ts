/**
 * The files of a folder, by kind and name. A file that is not understood is none of a tenant's: it is named with what
 * is allowed, and the others count. Nothing is asked of the gateway.
 */
import { nearest } from '../../policy/spelling.ts'
import { describeUnreadable, type World } from '../kit/outcome.ts'
import { type Folder, folders } from './kinds.ts'

/** A file and what is in it. */
export interface Source {
  readonly file: string
  readonly bytes: Uint8Array
}

export interface Sources {
  /** `tenant.yaml`; null: its settings are not part of the folder. */
  readonly tenant: Source | null
  /** Null: there is no such folder, so nothing is said of such things. */
  readonly things: Readonly<Record<Folder, ReadonlyMap<string, Source> | null>>
  /** Stems of files that were not understood, by the folder that they are in: such a thing may be meant. */
  readonly strays: Readonly<Record<Folder, ReadonlyMap<string, string>>>
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

const DOCUMENT = /^(.+)\.(yaml|yml|json)$/
const TENANT = /^tenant\.(yaml|yml|json)$/
/** Cases beside a policy. */
const CASES = /\.test\.(yaml|yml|json)$/
const FILES = '*.yaml, *.yml, *.json'

/** Beside documents there may be what is for people, and what programs hide. */
const isIgnored = (name: string) => name.startsWith('.') || name.endsWith('.md')

/** @param names of what is in the folder */
export async function readSources(folder: string, names: readonly string[], world: World): Promise<Sources> {
  const problems: string[] = []
  const warnings: string[] = []
  const visible = names.filter((name) => !isIgnored(name)).toSorted()
  const tenants = visible.filter((name) => TENANT.test(name))
  const isFolder = (name: string): name is Folder => (folders as readonly string[]).includes(name)
  for (const name of visible) {
    if (TENANT.test(name) || isFolder(name)) continue
    const meant = nearest(name.replace(/\..*$/, ''), ['tenant', ...folders])
    const hint =
      meant === null ? '' : `; did you mean ${JSON.stringify(meant === 'tenant' ? 'tenant.yaml' : meant)}?`
    warnings.push(
      `${folder}: found ${JSON.stringify(name)}, which is left alone; allowed: tenant.yaml, ${folders.join(', ')}${hint}`,
    )
  }
  if (tenants.length > 1) problems.push(`${folder}: found ${tenants.join(', ')}; allowed: one of them`)
  const [tenantFile] = tenants
  const tenant = tenantFile === undefined ? null : await read(`${folder}/${tenantFile}`, world, problems)

  const things = {} as Record<Folder, ReadonlyMap<string, Source> | null>
  const strays = {} as Record<Folder, ReadonlyMap<string, string>>
  for (const kind of folders) {
    strays[kind] = new Map()
    things[kind] = null
    if (!visible.includes(kind)) continue
    const files = await world.list(`${folder}/${kind}`)
    if (files === null) {
      problems.push(`${folder}/${kind}: found a file; allowed: a folder`)
      continue
    }
    const found = new Map<string, Source>()
    const stray = new Map<string, string>()
    for (const file of files.filter((name) => !isIgnored(name)).toSorted()) {
      if (kind === 'policies' && CASES.test(file)) continue
      const path = `${folder}/${kind}/${file}`
      const name = DOCUMENT.exec(file)?.[1]
      if (name === undefined) {
        warnings.push(`${path}: found another kind of file, which is left alone; allowed: ${FILES}`)
        stray.set(file.replace(/\..*$/, ''), path)
      } else if (found.has(name)) problems.push(`${path}: found ${name} again; allowed: one file each`)
      else {
        const source = await read(path, world, problems)
        if (source !== null) found.set(name, source)
      }
    }
    things[kind] = found
    strays[kind] = stray
  }
  return { tenant, things, strays, problems, warnings }
}

async function read(file: string, world: World, problems: string[]): Promise<Source | null> {
  const content = await world.read(file)
  if (content.ok) return { file, bytes: content.bytes }
  problems.push(describeUnreadable(file, content.reason))
  return null
}

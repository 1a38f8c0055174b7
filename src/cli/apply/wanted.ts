/** What a folder says a tenant is to be, and everything that is wrong with it. */
import { isName } from '../../gateway/token.ts'
import { nativeServerNames } from '../../native/server-names.ts'
import { problemsOf } from '../../policy/issues.ts'
import { loadPolicyText } from '../../policy/load.ts'
import { describeProblem, type Problem } from '../../policy/problem.ts'
import { readText } from '../../policy/text.ts'
import { tenantDocument } from '../../tenant/config.ts'
import { grantSchema, tidyServers } from '../../tenant/grant-document.ts'
import { readServerDocument, type ServerDocument } from '../../tenant/server-document.ts'
import type { SessionMode } from '../../tenant/session-mode.ts'
import { isServerName } from '../../upstream/names.ts'
import type { Json } from '../admin/api.ts'
import { describeUnreadable, type World } from '../outcome.ts'
import { type LoadedPolicy, problemLine } from '../source.ts'
import { withVariables } from './variables.ts'

export interface WantedServer {
  readonly file: string
  /** With everything that was left out, and the values of its headers. Never printed, never written. */
  readonly document: ServerDocument
}

export interface WantedPolicy {
  readonly file: string
  readonly document: unknown
  readonly policy: LoadedPolicy
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

export interface Wanted {
  readonly folder: string
  /** Null: its settings are not part of the folder. */
  readonly tenant: { readonly file: string; readonly document: Json } | null
  /** Null: there is no such folder, so nothing is said of them. */
  readonly servers: ReadonlyMap<string, WantedServer> | null
  readonly policies: ReadonlyMap<string, WantedPolicy> | null
  readonly grants: ReadonlyMap<string, WantedGrant> | null
}

const DOCUMENT = /^(.+)\.(yaml|yml|json)$/
/** Cases beside a policy. */
const CASES = /\.test\.(yaml|yml|json)$/
const KINDS = ['servers', 'policies', 'grants'] as const
const PARTS = `tenant.yaml, ${KINDS.join(', ')}`

/** Reads it all; nothing is asked of the gateway. */
export async function readWanted(
  folder: string,
  world: World,
): Promise<Wanted | { readonly problems: readonly string[] }> {
  const names = await world.list(folder)
  if (names === null) return { problems: [`${folder}: cannot be read: no such folder`] }
  const problems: string[] = []
  const visible = names.filter((name) => !name.startsWith('.') && !name.endsWith('.md')).toSorted()
  const tenants = visible.filter((name) => /^tenant\.(yaml|yml|json)$/.test(name))
  for (const name of visible)
    if (!tenants.includes(name) && !(KINDS as readonly string[]).includes(name))
      problems.push(`${folder}: found ${JSON.stringify(name)}; allowed: ${PARTS}`)
  if (tenants.length > 1) problems.push(`${folder}: found ${tenants.join(', ')}; allowed: one of them`)

  const read = async <T>(kind: (typeof KINDS)[number], of: Reader<T>): Promise<Map<string, T> | null> => {
    if (!visible.includes(kind)) return null
    const files = await world.list(`${folder}/${kind}`)
    if (files === null) {
      problems.push(`${folder}/${kind}: found a file; allowed: a folder`)
      return null
    }
    const things = new Map<string, T>()
    for (const file of files.toSorted()) {
      if (file.startsWith('.') || file.endsWith('.md')) continue
      if (kind === 'policies' && CASES.test(file)) continue
      const path = `${folder}/${kind}/${file}`
      const [, name = ''] = DOCUMENT.exec(file) ?? []
      if (name === '') problems.push(`${path}: found another kind of file; allowed: *.yaml, *.yml, *.json`)
      else if (things.has(name)) problems.push(`${path}: found ${name} again; allowed: one file each`)
      else {
        const content = await world.read(path)
        if (!content.ok) problems.push(describeUnreadable(path, content.reason))
        else {
          const thing = of(path, name, content.bytes, problems)
          if (thing !== null) things.set(name, thing)
        }
      }
    }
    return things
  }

  const [tenantFile] = tenants
  const tenant =
    tenantFile === undefined ? null : await readTenant(`${folder}/${tenantFile}`, world, problems)
  const servers = await read('servers', (path, name, bytes, found) => server(path, name, bytes, found, world))
  const policies = await read('policies', policy)
  const grants = await read('grants', grant)
  return problems.length > 0 ? { problems } : { folder, tenant, servers, policies, grants }
}

/** Adds to the problems, or gives the thing. */
type Reader<T> = (path: string, name: string, bytes: Uint8Array, problems: string[]) => T | null

async function readTenant(file: string, world: World, problems: string[]): Promise<Wanted['tenant']> {
  const content = await world.read(file)
  if (!content.ok) {
    problems.push(describeUnreadable(file, content.reason))
    return null
  }
  const value = valueIn(file, content.bytes, problems)
  if (value === null) return null
  const parsed = tenantDocument.safeParse(value.value)
  if (parsed.success) return { file, document: parsed.data }
  problems.push(...problemsOf(parsed.error.issues, value.value).map((it) => placed(file, it, value.locate)))
  return null
}

function server(
  file: string,
  name: string,
  bytes: Uint8Array,
  problems: string[],
  world: World,
): WantedServer | null {
  if (!isServerName(name)) {
    const allowed = `a letter and at most 30 of a-z, 0-9 and -, but not ${nativeServerNames.join(', ')}`
    problems.push(`${file}: found the name ${JSON.stringify(name)}; allowed: ${allowed}`)
  }
  const value = valueIn(file, bytes, problems)
  if (value === null) return null
  const given = value.value
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  const { headers, problems: unset } = withVariables(isObject ? (given as Json).headers : undefined, world)
  const filled = isObject && headers !== undefined ? { ...given, headers } : given
  // Whether http and private addresses are allowed, the gateway knows.
  const checked = readServerDocument(filled, true)
  // What a value would be that is not there yet, nobody knows.
  const isKnown = (problem: string) => unset.length === 0 || !problem.startsWith('/headers/')
  const found = [...unset, ...(checked.ok ? [] : checked.problems.filter(isKnown))]
  problems.push(...found.map((problem) => `${file}: ${problem}`))
  return checked.ok && found.length === 0 ? { file, document: checked.document } : null
}

function policy(file: string, name: string, bytes: Uint8Array, problems: string[]): WantedPolicy | null {
  named(file, name, problems)
  const loaded = loadPolicyText(bytes)
  if (loaded.ok) return { file, document: readText(bytes).value, policy: loaded }
  problems.push(...loaded.problems.map((problem) => problemLine(file, problem)))
  return null
}

function grant(file: string, name: string, bytes: Uint8Array, problems: string[]): WantedGrant | null {
  named(file, name, problems)
  const value = valueIn(file, bytes, problems)
  if (value === null) return null
  const parsed = grantSchema.safeParse(value.value)
  if (!parsed.success) {
    problems.push(...problemsOf(parsed.error.issues, value.value).map((it) => placed(file, it, value.locate)))
    return null
  }
  const { label = name, policy, servers, owner, sessions, expires_at } = parsed.data
  return {
    file,
    document: {
      label,
      policy,
      servers: tidyServers(servers),
      owner,
      sessions,
      expires_at,
    },
  }
}

function named(file: string, name: string, problems: string[]): void {
  if (isName(name)) return
  const allowed = '1 to 63 of a-z, 0-9 and -, with no - at either end'
  problems.push(`${file}: found the name ${JSON.stringify(name)}; allowed: ${allowed}`)
}

function valueIn(file: string, bytes: Uint8Array, problems: string[]) {
  const read = readText(bytes)
  if (read.problems.length === 0) return read
  problems.push(...read.problems.map((problem) => problemLine(file, problem)))
  return null
}

function placed(
  file: string,
  problem: Problem,
  locate: (at: string, onName: boolean) => { line: number; column: number },
): string {
  const { line, column } = locate(problem.pointer, problem.onName === true)
  return `${file}:${line}:${column} ${describeProblem(problem)}`
}

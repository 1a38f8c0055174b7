/** What has to be done so that a tenant is what a folder says. Reads the gateway; changes nothing. */
import { nativeServerNames } from '../../native/server-names.ts'
import { EVERY_UPSTREAM } from '../../tenant/grant-document.ts'
import { KEPT, type ServerDocument } from '../../tenant/server-document.ts'
import { type Api, type Json, part } from '../admin/api.ts'
import { loaded } from '../admin/deployed.ts'
import { changesBetween } from '../changes.ts'
import { changeLines } from '../diff.ts'
import { canonical } from './canonical.ts'
import type { Unfinished } from './journal.ts'
import type { Wanted, WantedGrant, WantedPolicy, WantedServer } from './wanted.ts'

export type Kind = 'tenant' | 'server' | 'policy' | 'grant'

export interface Step {
  readonly action: 'create' | 'change' | 'delete'
  readonly kind: Kind
  readonly name: string
  /** Of the API. */
  readonly path: string
  /** What is sent; header values may be in it, so it is never printed. */
  readonly body?: unknown
  /** The ETag that it must have still; null: it must not be there yet. */
  readonly tag: string | null
  /** What changes, for people. */
  readonly details: readonly string[]
  /** A grant whose token an earlier run did not live to print: asked for again, exactly so. */
  readonly unfinished?: Unfinished
}

export interface PlanOptions {
  /** Whether what the folder does not have is deleted. */
  readonly prune: boolean
  /** Whether header values are written again, though nothing can tell whether they are other ones. */
  readonly headers: boolean
  readonly unfinished: readonly Unfinished[]
}

/** The steps, in an order in which each has what it needs; or what does not fit together. */
export async function planOf(
  api: Api,
  wanted: Wanted,
  options: PlanOptions,
): Promise<readonly Step[] | { readonly problems: readonly string[] }> {
  const tenant = await api.find('')
  const has = <T>(items: () => Promise<T>, none: T) => (tenant === null ? none : items())
  const servers = byName(await has(() => api.all('/servers'), []))
  const policies = byName(await has(() => api.all('/policies'), []))
  const problems = [
    ...(await missingSecrets(api, wanted, tenant !== null)),
    ...missingReferences(wanted, servers, policies, options.prune),
  ]
  if (problems.length > 0) return { problems }
  const grants =
    wanted.grants === null ? new Map<string, Json>() : byName(await has(() => api.all('/grants'), []))
  const steps = [
    ...tenantSteps(wanted, tenant, api.tenant),
    ...(await serverSteps(api, wanted.servers ?? new Map(), servers, options.headers)),
    ...(await policySteps(api, wanted.policies ?? new Map(), policies)),
    ...(await grantSteps(api, wanted.grants ?? new Map(), grants, options.unfinished)),
  ]
  if (!options.prune) return steps
  // What others hang on goes last.
  return [
    ...steps,
    ...(await deletions(api, 'grant', wanted.grants, grants)),
    ...(await deletions(api, 'policy', wanted.policies, policies)),
    ...(await deletions(api, 'server', wanted.servers, servers)),
  ]
}

const paths = { server: '/servers', policy: '/policies', grant: '/grants' } as const

function pathOf(kind: Exclude<Kind, 'tenant'>, name: string): string {
  return `${paths[kind]}/${part(name)}`
}

function byName(items: readonly Json[]): Map<string, Json> {
  return new Map(items.map((item) => [String(item.name), item]))
}

function tenantSteps(
  { tenant: wanted }: Wanted,
  there: { readonly body: Json; readonly tag: string | null } | null,
  name: string,
): Step[] {
  const step = { kind: 'tenant' as const, name, path: '', body: wanted?.document ?? {} }
  if (there === null) return [{ ...step, action: 'create', tag: null, details: [] }]
  const details = wanted === null ? [] : membersThatDiffer(wanted.document, there.body)
  return details.length === 0 ? [] : [{ ...step, action: 'change', tag: there.tag, details }]
}

async function serverSteps(
  api: Api,
  wanted: ReadonlyMap<string, WantedServer>,
  there: ReadonlyMap<string, Json>,
  again: boolean,
): Promise<Step[]> {
  const steps: Step[] = []
  for (const [name, { document }] of wanted) {
    const step = { kind: 'server' as const, name, path: pathOf('server', name), body: document }
    const listed = there.get(name)
    if (listed === undefined) steps.push({ ...step, action: 'create', tag: null, details: [] })
    else if (serverDifferences(document, listed, again).length > 0) {
      const { body, tag } = await api.get(step.path)
      const details = serverDifferences(document, body, again)
      if (details.length > 0) steps.push({ ...step, action: 'change', tag, details })
    }
  }
  return steps
}

function serverDifferences(document: ServerDocument, there: Json, again: boolean): string[] {
  const literals = Object.values(document.headers).some((value) => typeof value === 'string')
  const headers = Object.entries(document.headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? KEPT : value,
  ])
  const shown = { ...document, headers: Object.fromEntries(headers) as Json }
  return [
    ...membersThatDiffer(shown, { ...there, headers: there.headers ?? {} }),
    ...(again && literals ? ['header values'] : []),
  ]
}

async function policySteps(
  api: Api,
  wanted: ReadonlyMap<string, WantedPolicy>,
  there: ReadonlyMap<string, Json>,
): Promise<Step[]> {
  const steps: Step[] = []
  for (const [name, { document, policy, file }] of wanted) {
    const step = { kind: 'policy' as const, name, path: pathOf('policy', name), body: document }
    if (!there.has(name)) {
      steps.push({ ...step, action: 'create', tag: null, details: [] })
      continue
    }
    const now = await api.get(step.path)
    if (canonical(now.body.policy) === canonical(document)) continue
    const changes = changesBetween(loaded(api, now), policy)
    const details = changes.length === 0 ? ['no change of meaning'] : changeLines(changes, `@${name}`, file)
    steps.push({ ...step, action: 'change', tag: now.tag, details })
  }
  return steps
}

async function grantSteps(
  api: Api,
  wanted: ReadonlyMap<string, WantedGrant>,
  there: ReadonlyMap<string, Json>,
  unfinished: readonly Unfinished[],
): Promise<Step[]> {
  const steps: Step[] = []
  for (const [name, { document }] of wanted) {
    const step = { kind: 'grant' as const, name, path: pathOf('grant', name), body: document }
    const begun = unfinished.find((it) => it.grant === name)
    const listed = there.get(name)
    if (begun !== undefined) {
      const details = ['an earlier run did not come to print its token']
      steps.push({ ...step, action: 'create', tag: null, details, unfinished: begun })
    } else if (listed === undefined) steps.push({ ...step, action: 'create', tag: null, details: [] })
    else if (grantDifferences(document, listed).length > 0) {
      const { body, tag } = await api.get(step.path)
      const details = grantDifferences(document, body)
      if (details.length > 0) steps.push({ ...step, action: 'change', tag, details })
    }
  }
  return steps
}

/** Names of members of a grant that are to be otherwise. */
export function grantDifferences(document: WantedGrant['document'], there: Json): string[] {
  const time = (value: unknown) => (typeof value === 'string' ? instant(value) : null)
  const { expires_at, ...rest } = document
  return [
    ...membersThatDiffer(rest, there),
    ...(time(expires_at) === time(there.expires_at) ? [] : ['expires_at']),
  ]
}

/** The same moment may be written in several ways. */
function instant(text: string): string {
  // biome-ignore lint/style/noRestrictedGlobals: it asks for no time, it reads one
  return new Date(text).toISOString()
}

async function deletions(
  api: Api,
  kind: 'server' | 'policy' | 'grant',
  wanted: ReadonlyMap<string, unknown> | null,
  there: ReadonlyMap<string, Json>,
): Promise<Step[]> {
  const steps: Step[] = []
  for (const [name, { built_in }] of wanted === null ? [] : there) {
    if (wanted?.has(name) || built_in === true) continue
    const path = pathOf(kind, name)
    const now = await api.find(path)
    if (now !== null) steps.push({ action: 'delete', kind, name, path, tag: now.tag, details: [] })
  }
  return steps
}

function membersThatDiffer(wanted: object, there: Json): string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => canonical(value) !== canonical(there[name]))
    .map(([name]) => name)
}

/** A header of a secret that is not there, or is not for that server, would stop the apply half-way. */
async function missingSecrets(api: Api, { servers }: Wanted, isThere: boolean): Promise<string[]> {
  const needed = [...(servers?.values() ?? [])].flatMap(({ file, document }) =>
    Object.entries(document.headers).flatMap(([header, value]) =>
      typeof value === 'string' ? [] : [{ file, header, secret: value.secret, url: document.url }],
    ),
  )
  if (needed.length === 0) return []
  const there = isThere ? await api.all('/secrets') : []
  const originsOf = new Map(there.map(({ name, origins }) => [String(name), origins as readonly string[]]))
  return needed.flatMap(({ file, header, secret, url }) => {
    const found = `${file}: /headers/${header}: found the secret ${JSON.stringify(secret)}`
    const origins = originsOf.get(secret)
    if (origins === undefined) {
      const allowed = [...originsOf.keys()].join(', ') || 'none yet'
      return [
        `${found}, which the tenant does not have; allowed: ${allowed} (gatehouse secret set makes one)`,
      ]
    }
    const origin = URL.parse(url)?.origin ?? ''
    if (origins.includes(origin)) return []
    return [
      `${found}, which is not for ${origin}; allowed: one of this origin (gatehouse secret set --origins ${origin})`,
    ]
  })
}

/** Grants under policies, and of servers, that would not be there. */
function missingReferences(
  { servers, policies, grants }: Wanted,
  serversThere: ReadonlyMap<string, Json>,
  policiesThere: ReadonlyMap<string, Json>,
  prune: boolean,
): string[] {
  const after = (wanted: ReadonlyMap<string, unknown> | null, there: ReadonlyMap<string, unknown>) =>
    wanted === null
      ? [...there.keys()]
      : prune
        ? [...wanted.keys()]
        : [...new Set([...wanted.keys(), ...there.keys()])]
  const knownPolicies = after(policies, policiesThere)
  const knownServers = [...nativeServerNames, ...after(servers, serversThere)]
  const missing = (file: string, what: string, name: string, known: readonly string[]) =>
    known.includes(name)
      ? []
      : [
          `${file}: found the ${what} ${JSON.stringify(name)}; allowed: ${known.join(', ') || 'none: there is none'}`,
        ]
  return [...(grants?.values() ?? [])].flatMap(({ file, document }) => [
    ...(document.policy === null ? [] : missing(file, 'policy', document.policy, knownPolicies)),
    ...(document.servers === '*' ? [] : document.servers).flatMap((name) =>
      name === EVERY_UPSTREAM ? [] : missing(file, 'server', name, knownServers),
    ),
  ])
}

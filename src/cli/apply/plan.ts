/** Plans the changes that make a tenant what a folder says. Reads the gateway; changes nothing. */

import type { ServerUses } from '../../contract/tenant.ts'
import { removedServerWarnings, suspendedWarning } from '../../contract/warnings.ts'
import { type ServerTools, toolsOf } from '../../policy/known-tools.ts'
import { changesBetween } from '../../policy-meaning/changes.ts'
import type { Api, Json } from '../gateway/api.ts'
import { loaded } from '../gateway/deployed.ts'
import { gatewayToolsBefore } from '../gateway/gateway-tools.ts'
import { canonical } from '../kit/canonical.ts'
import { gatewayWords, warningLines } from '../kit/source.ts'
import { changeLines } from '../policy/diff.ts'
import { placeProblems } from './addresses.ts'
import { namesGone } from './after.ts'
import { planProblems } from './checks.ts'
import { type CurrentDocuments, type CurrentState, mayAdminister, readCurrentState } from './current-state.ts'
import { deploymentProblems } from './deployment-checks.ts'
import {
  grantDifferences,
  serverDifferences,
  settingsDifferences,
  webhookDifferences,
} from './differences.ts'
import type { Unfinished } from './journal.ts'
import { type Folder, kinds, pathOf } from './kinds.ts'
import { nativeWarnings } from './native-warnings.ts'
import { peopleSteps } from './people-steps.ts'
import { roleProblems } from './roles.ts'
import type { Step } from './step.ts'
import type { Wanted, WantedPolicy } from './wanted.ts'

export interface PlanOptions {
  /** Delete things that the folder does not have. */
  readonly prune: boolean
  /** Write header values again, though they cannot be compared. */
  readonly headers: boolean
  readonly unfinished: readonly Unfinished[]
  /** Unix milliseconds. */
  readonly nowMs: number
}

export interface Plan {
  /** The steps, each behind those that it needs. None where there are problems. */
  readonly steps: readonly Step[]
  /** Everything that does not fit together. */
  readonly problems: readonly string[]
  /** Warnings to read before agreeing to anything. */
  readonly warnings: readonly string[]
}

/** The steps, or what does not fit together. */
export async function planOf(api: Api, wanted: Wanted, options: PlanOptions): Promise<Plan> {
  const { prune } = options
  const current = await readCurrentState(api, wanted, prune)
  const found = planProblems(wanted, current, prune, options.nowMs)
  const policies = await policySteps(api, wanted, current)
  const written = new Set(policies.map(({ name }) => name))
  // All that is wrong is said at once, also what only the steps show.
  const steps = [
    ...tenantSteps(wanted, current, api.tenant),
    ...(await personSteps(api, wanted, current)),
    ...(await serverSteps(api, wanted, current, options.headers)),
    ...policies,
    ...(await madeOnce(api, 'grants', {
      wanted: wanted.grants,
      current: current.grants,
      differences: grantDifferences,
      unfinished: options.unfinished,
    })),
    ...(await madeOnce(api, 'webhooks', {
      wanted: wanted.webhooks,
      current: current.webhooks,
      differences: webhookDifferences,
      unfinished: options.unfinished,
    })),
    ...(await deletions(api, { wanted, current, prune, written })),
  ]
  const places = mayAdminister(current.caller)
    ? await placeProblems(api, wanted, steps)
    : { problems: [], warnings: [] }
  const names = await nameWarnings(api, { wanted, current, prune, steps })
  // Somebody who may not see the things that are there would seem to make them all.
  const beyond = found.length > 0 ? [] : roleProblems(steps, current.caller)
  const vain = deploymentProblems(wanted, current.deployment, steps)
  const problems = [...found, ...beyond, ...vain, ...places.problems]
  const warnings = [...suspension(current, api.tenant), ...places.warnings, ...names.warnings]
  return { steps: problems.length > 0 ? [] : names.steps, problems, warnings }
}

/** A tenant whose agents are refused, of which nobody would learn here otherwise. */
function suspension({ tenant }: CurrentState, name: string): string[] {
  const since = tenant?.body.suspended_at ?? null
  if (since === null) return []
  return [`warning: ${suspendedWarning(name)} Since ${since}; gatehouse tenant resume ${name} ends it.`]
}

function tenantSteps({ tenant: wanted }: Wanted, { tenant: current }: CurrentState, name: string): Step[] {
  const step = { kind: 'tenant' as const, name, path: '', body: wanted?.document ?? {} }
  if (current === null) return [{ ...step, action: 'create', tag: null, details: [] }]
  const details = wanted === null ? [] : settingsDifferences(wanted.document, current.body)
  return details.length === 0 ? [] : [{ ...step, action: 'change', tag: current.tag, details }]
}

async function personSteps(api: Api, { people }: Wanted, { people: current }: CurrentState): Promise<Step[]> {
  const steps: Step[] = []
  for (const step of peopleSteps(people ?? new Map(), current ?? new Map())) {
    const path = pathOf('people', step.name)
    const tag = step.action === 'create' ? null : (await api.get(path)).tag
    steps.push({ ...step, kind: 'person', path, tag })
  }
  return steps
}

async function serverSteps(api: Api, wanted: Wanted, current: CurrentState, again: boolean): Promise<Step[]> {
  const differs = (document: Parameters<typeof serverDifferences>[0], now: Json) =>
    serverDifferences(document, now, again)
  return thingSteps(api, 'servers', {
    wanted: wanted.servers,
    current: current.servers,
    differences: differs,
  })
}

/** Those that are not there, and those that are otherwise: compared with the list, and with what is there now. */
async function thingSteps<D extends object>(
  api: Api,
  folder: Folder,
  {
    wanted,
    current,
    differences,
  }: {
    readonly wanted: ReadonlyMap<string, { readonly document: D }> | null
    readonly current: CurrentDocuments | null
    readonly differences: (document: D, now: Json) => string[]
  },
): Promise<Step[]> {
  const steps: Step[] = []
  for (const [name, { document }] of wanted ?? []) {
    const step = { kind: kinds[folder], name, path: pathOf(folder, name), body: document }
    const listed = current?.get(name)
    if (listed === undefined) steps.push({ ...step, action: 'create', tag: null, details: [] })
    else if (differences(document, listed).length > 0) {
      const { body, tag } = await api.get(step.path)
      const details = differences(document, body)
      if (details.length > 0) steps.push({ ...step, action: 'change', tag, details })
    }
  }
  return steps
}

/** The same of things whose token or secret is told once, when they are made. */
async function madeOnce<D extends object>(
  api: Api,
  folder: 'grants' | 'webhooks',
  {
    wanted,
    current,
    differences,
    unfinished,
  }: {
    readonly wanted: ReadonlyMap<string, { readonly document: D }> | null
    readonly current: CurrentDocuments | null
    readonly differences: (document: D, now: Json) => string[]
    readonly unfinished: readonly Unfinished[]
  },
): Promise<Step[]> {
  const begun = Map.groupBy(
    unfinished.filter((it) => it.kind === kinds[folder]),
    (it) => it.name,
  )
  const rest = new Map([...(wanted ?? [])].filter(([name]) => !begun.has(name)))
  const what = folder === 'grants' ? 'token' : 'secret'
  const again = [...(wanted ?? [])].flatMap(([name, { document }]): Step[] => {
    const it = begun.get(name)
    if (it === undefined) return []
    const details = [`an earlier run did not come to print its ${what}`]
    const step = { kind: kinds[folder], name, path: pathOf(folder, name), body: document }
    return [{ ...step, action: 'create', tag: null, details, unfinished: it }]
  })
  return [...again, ...(await thingSteps(api, folder, { wanted: rest, current, differences }))]
}

async function policySteps(
  api: Api,
  { policies }: Wanted,
  { policies: current }: CurrentState,
): Promise<Step[]> {
  const steps: Step[] = []
  for (const [name, { document, policy, file }] of policies ?? []) {
    const step = { kind: 'policy' as const, name, path: pathOf('policies', name), body: document }
    if (!current.has(name)) {
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

/** The order of deletions: a thing goes after the things that use it, and people, who own grants, go at the very end. */
const deleted: readonly Folder[] = ['webhooks', 'grants', 'policies', 'servers', 'secrets', 'people']

/** @param written policies that are made or changed: of the names in those is said something of its own */
async function deletions(
  api: Api,
  {
    wanted,
    current,
    prune,
    written,
  }: {
    readonly wanted: Wanted
    readonly current: CurrentState
    readonly prune: boolean
    readonly written: ReadonlySet<string>
  },
): Promise<Step[]> {
  const steps: Step[] = []
  for (const folder of deleted) {
    for (const name of namesGone(wanted[folder], current[folder], prune)) {
      const path = pathOf(folder, name)
      const step = { action: 'delete' as const, kind: kinds[folder], name, path, details: [] }
      // Secrets cannot be read, nor need they be: one that was replaced meanwhile goes all the same.
      if (folder === 'secrets') steps.push({ ...step, tag: null })
      else {
        const now = await api.find(path)
        if (now === null) continue
        const left =
          folder === 'servers' ? await usesLeft(api, { wanted, current, prune, written, path }) : null
        steps.push({ ...step, tag: now.tag, ...left })
      }
    }
  }
  return steps
}

/** Says which grants and policies stay and name a server that is deleted. The folder's own grants that do have been refused. */
async function usesLeft(
  api: Api,
  {
    wanted,
    current,
    prune,
    written,
    path,
  }: {
    readonly wanted: Wanted
    readonly current: CurrentState
    readonly prune: boolean
    readonly written: ReadonlySet<string>
    readonly path: string
  },
): Promise<Pick<Step, 'details' | 'said'>> {
  const uses = (await api.find(`${path}/uses`))?.body as ServerUses | undefined
  // An older gateway does not say.
  if (uses === undefined) return { details: [] }
  const gone = {
    grants: namesGone(wanted.grants, current.grants, prune),
    policies: namesGone(wanted.policies, current.policies, prune),
  }
  const staying = (name: string) => !gone.grants.includes(name) && !wanted.grants?.has(name)
  const details = removedServerWarnings({
    grants: uses.grants.filter(staying),
    every: uses.every.filter((name) => !gone.grants.includes(name)),
    policies: uses.policies.filter(({ name }) => !gone.policies.includes(name) && !written.has(name)),
  })
  return { details, said: new Set(details) }
}

/** The same steps, and what there is to say of the names in the policies that they write. */
async function nameWarnings(
  api: Api,
  {
    wanted,
    current,
    prune,
    steps,
  }: {
    readonly wanted: Wanted
    readonly current: CurrentState
    readonly prune: boolean
    readonly steps: readonly Step[]
  },
): Promise<{ readonly steps: readonly Step[]; readonly warnings: readonly string[] }> {
  const written = (step: Step): WantedPolicy | undefined =>
    step.kind === 'policy' && step.action !== 'delete' ? wanted.policies?.get(step.name) : undefined
  const isAbout = (step: Step) =>
    written(step) !== undefined || (step.kind === 'grant' && step.action !== 'delete')
  const tools = steps.some(isAbout) ? await gatewayToolsBefore(api) : null
  if (tools === null) return { steps, warnings: [] }
  const known = toolsOf(toolsAfter(tools, wanted, current, prune))
  const warnings: string[] = []
  const natives = await nativeWarnings(api, { wanted, current, prune, steps }, tools)
  const told = steps.map((step) => {
    const native = natives.find((it) => it.step === step)
    const policy = written(step)
    const checked = policy?.checked(known)
    if (policy !== undefined && checked !== undefined) warnings.push(...warningLines(policy.file, checked))
    warnings.push(...(native?.lines ?? []))
    const words = checked === undefined ? [] : gatewayWords(checked)
    return { ...step, said: new Set([...(step.said ?? []), ...words, ...(native?.said ?? [])]) }
  })
  return { steps: told, warnings }
}

/** The tools after an apply: a new or moved server has unknown tools, and a deleted one is gone. */
function toolsAfter(
  tools: readonly ServerTools[],
  { servers }: Wanted,
  { servers: current }: CurrentState,
  prune: boolean,
): ServerTools[] {
  const gone = namesGone(servers, current, prune)
  const isSame = (name: string) => {
    const wanted = servers?.get(name)
    return wanted === undefined || wanted.document.url === current.get(name)?.url
  }
  const known = tools
    .filter(({ name }) => !gone.includes(name))
    .map((it) => (it.isNative || isSame(it.name) ? it : { ...it, tools: null }))
  const made = [...(servers?.keys() ?? [])].filter((name) => !known.some((it) => it.name === name))
  return [...known, ...made.map((name) => ({ name, isNative: false, tools: null }))]
}

/** Says which grants have native servers that their policy makes useless, once the plan is made. */

import type { ServerTools } from '../../policy/known-tools.ts'
import type { Source } from '../../policy-meaning/meaning.ts'
import { type NativeTools, refusedNatives, refusedUnder } from '../../policy-meaning/refused-natives.ts'
import type { Api } from '../gateway/api.ts'
import { loaded } from '../gateway/deployed.ts'
import { namesGone } from './after.ts'
import type { CurrentState } from './current-state.ts'
import { pathOf } from './kinds.ts'
import type { Step } from './step.ts'
import type { Wanted } from './wanted.ts'

interface Plan {
  readonly wanted: Wanted
  readonly current: CurrentState
  readonly prune: boolean
  readonly steps: readonly Step[]
}

/** Warnings about a step, and the warnings that the gateway's answer to it will have, in its words. */
interface Said {
  readonly step: Step
  readonly lines: readonly string[]
  readonly said: readonly string[]
}

/** @param tools of all servers, as the gateway says them */
export async function nativeWarnings(api: Api, plan: Plan, tools: readonly ServerTools[]): Promise<Said[]> {
  const natives = tools
    .filter(({ isNative, off = null }) => isNative && off === null)
    .map(({ name, tools }) => ({ name, tools: (tools ?? []).flatMap(({ names }) => names) }))
  const policies = new Map<string, Promise<Source | null>>()
  const policyOf = (name: string) => {
    const known = policies.get(name) ?? policyAfter(api, plan, name)
    policies.set(name, known)
    return known
  }
  const said: Said[] = []
  for (const step of plan.steps) {
    if (step.action === 'delete') continue
    if (step.kind === 'grant') said.push(await ofGrant(plan, step, natives, policyOf))
    if (step.kind === 'policy') said.push(ofPolicy(plan, step, natives))
  }
  return said.filter(({ said }) => said.length > 0)
}

async function ofGrant(
  { wanted }: Plan,
  step: Step,
  natives: readonly NativeTools[],
  policyOf: (name: string) => Promise<Source | null>,
): Promise<Said> {
  const it = wanted.grants?.get(step.name)
  const { policy = null, servers = [] } = it?.document ?? {}
  const has = natives.filter(({ name }) => servers.includes(name))
  const source = policy === null || has.length === 0 ? null : await policyOf(policy)
  const said = source === null || policy === null ? [] : refusedNatives(policy, source, has)
  return { step, said, lines: said.map((line) => `${it?.file}: warning: ${line}`) }
}

/** Grants that are under it now are what the gateway sees when it answers; those that are changed themselves are said above. */
function ofPolicy(
  { wanted, current, prune, steps }: Plan,
  step: Step,
  natives: readonly NativeTools[],
): Said {
  const it = wanted.policies?.get(step.name)
  if (it === undefined) return { step, said: [], lines: [] }
  const now = [...(current.grants ?? [])]
    .filter(([, grant]) => grant.policy === step.name)
    .map(([name, grant]) => ({ name, natives: Object.keys((grant.native_servers ?? {}) as object) }))
  const gone = namesGone(wanted.grants, current.grants, prune)
  const isSaid = (name: string) =>
    gone.includes(name) || steps.some((other) => other.kind === 'grant' && other.name === name)
  const own = now.filter(({ name }) => !isSaid(name))
  const lines = refusedUnder(it.policy, natives, own).map((line) => `${it.file}: warning: ${line}`)
  return { step, said: refusedUnder(it.policy, natives, now), lines }
}

/** The policy as it is after the plan; null where there is none, which is a problem of its own. */
async function policyAfter(api: Api, { wanted, current }: Plan, name: string): Promise<Source | null> {
  const own = wanted.policies?.get(name)
  if (own !== undefined) return own.policy
  return current.policies.has(name) ? loaded(api, await api.get(pathOf('policies', name))) : null
}

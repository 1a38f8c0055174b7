/** Makes the changes of a plan, one after another, and prints tokens and secrets that are given only once. */

import { suspendedWarning } from '../../contract/warnings.ts'
import { describeProblem } from '../../policy/problem.ts'
import { type Api, Ended, type Json, pendingLine, Refused } from '../gateway/api.ts'
import { knownTo } from '../gateway/gateway-tools.ts'
import { scanProblems, scansNow } from '../gateway/scans.ts'
import { FINE, type Outcome, PROBLEMS, type World } from '../kit/outcome.ts'
import type { LoadedPolicy } from '../kit/source.ts'
import { unsaid, warningLines } from '../kit/source.ts'
import { grantDifferences, webhookDifferences } from './differences.ts'
import type { Journal, Unfinished } from './journal.ts'
import type { Step } from './step.ts'
import type { Wanted } from './wanted.ts'

export interface Run {
  readonly api: Api
  readonly wanted: Wanted
  readonly steps: readonly Step[]
  readonly journal: Journal
  readonly world: World
  /** Puts a line on standard output now. */
  readonly say: (line: string) => void
  /** The plan, for the JSON document. */
  readonly data: PlanData
  readonly reason: string | null
  /** ETags of what this run has changed itself, by path. */
  readonly tags: Map<string, string | null>
}

/** The JSON document of `apply`, as far as a plan goes. */
export interface PlanData {
  readonly tenant: string
  readonly plan: readonly Pick<Step, 'action' | 'kind' | 'name' | 'details'>[]
  /** The number of changes that were made. */
  readonly done: number
  /** By grant. */
  readonly tokens: Readonly<Record<string, string>>
  /** By webhook. */
  readonly secrets: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

const past = { create: 'created', change: 'changed', delete: 'deleted' } as const

/** The secret member of an answer that is given only once, when the thing is made. */
const toldOnce = { grant: 'token', webhook: 'secret' } as const

/** Performs the steps until one is refused. Finished steps stay done, and the same command again does the rest. */
export async function perform(run: Run): Promise<Outcome> {
  const { steps, say, journal } = run
  const tokens: Record<string, string> = {}
  const secrets: Record<string, string> = {}
  // The plan's own warnings have been printed already.
  const warnings: string[] = [...run.data.warnings]
  const told = warnings.length
  // It is about the tenant, so it is in every answer.
  const ofTenant = [suspendedWarning(run.api.tenant)]
  let done = 0
  // A grant that two changes have not come to counts twice.
  let pending = 0
  const scanned: string[] = []
  const data = () => ({ ...run.data, done, tokens, secrets, warnings, pending })
  try {
    for (const step of steps) {
      const { kind, name } = step
      const { body, isLost = false } = await take(run, step)
      done += 1
      say(`${past[step.action]} ${kind} ${name}`)
      if (isMadeOnce(kind)) {
        const what = toldOnce[kind]
        const once = body[what]
        if (typeof once === 'string') {
          ;(kind === 'grant' ? tokens : secrets)[name] = once
          say(`${what} of ${name}: ${once}`)
        }
        if (isLost) warnings.push(lost(kind, name))
        journal.settle(kind, name)
      }
      warnings.push(
        ...unsaid(body.warnings, new Set([...ofTenant, ...(step.said ?? [])])).map(
          (it) => `warning: ${kind} ${name}: ${it}`,
        ),
      )
      if (kind === 'person' && step.action === 'create')
        warnings.push(
          `${name} has no token yet: gatehouse person token ${name} gives one, and prints it once`,
        )
      const untold = pendingLine(body, `${kind} ${name}: `)
      if (untold !== null) warnings.push(untold)
      pending += Number(body.pending ?? 0)
      if (kind === 'server' && scansNow(body)) scanned.push(name)
    }
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    const { outcome } = error
    const rest = `${done} of ${steps.length} changes were made; the same command again makes the others`
    warnings.push(...(await afterScans(run, scanned)))
    const errors = [...warnings.slice(told), ...outcome.errors, rest]
    const all = { ...data(), ...(outcome.data as Json) }
    return { code: PROBLEMS, lines: [], errors, data: all, after: journal.end }
  }
  warnings.push(...(await afterScans(run, scanned)))
  return { code: FINE, lines: [], errors: warnings.slice(told), data: data(), after: journal.end }
}

/** Warns of first scans that failed, and of names in policies that the plan could not check before them. */
async function afterScans({ api, wanted, steps, world }: Run, servers: readonly string[]): Promise<string[]> {
  if (servers.length === 0) return []
  const failed = (await scanProblems(api, servers, world)).map((it) => `warning: ${it}`)
  const tools = await knownTo(api).catch((error: unknown) => {
    if (error instanceof Ended) return null
    throw error
  })
  if (tools === null) return failed
  const said = new Map(steps.filter(({ kind }) => kind === 'policy').map((step) => [step.name, step.said]))
  const names = [...(wanted.policies ?? [])].flatMap(([name, policy]) => {
    const { warnings, ...rest } = policy.checked(tools)
    // Names that nobody could check are explained by the scans that failed.
    return warningLines(policy.file, {
      ...rest,
      warnings: unsaidOf(warnings, said.get(name)),
      unchecked: [],
      off: [],
    })
  })
  return [...failed, ...names]
}

function unsaidOf(
  warnings: LoadedPolicy['warnings'],
  said: ReadonlySet<string> = new Set(),
): LoadedPolicy['warnings'] {
  return warnings.filter(({ line: _, column: __, ...warning }) => !said.has(describeProblem(warning)))
}

function isMadeOnce(kind: Step['kind']): kind is keyof typeof toldOnce {
  return Object.hasOwn(toldOnce, kind)
}

function lost(kind: keyof typeof toldOnce, name: string): string {
  return `warning: ${kind} ${name}: its ${toldOnce[kind]} was not printed and cannot be had again: gatehouse ${kind} rotate ${name}`
}

/** The result of a step. */
interface Taken {
  readonly body: Json
  /** The thing is there, but its token or secret is lost. */
  readonly isLost?: boolean
}

async function take(run: Run, step: Step): Promise<Taken> {
  const { api, tags } = run
  const { action, kind, path, body } = step
  // The plan does not know the tag of a thing that this run has changed since.
  const tag = tags.get(path) ?? step.tag
  if (action === 'delete') return api.delete(path, { match: tag })
  if (action === 'create' && isMadeOnce(kind))
    return step.unfinished === undefined ? make(run, step, kind) : finish(run, step, kind, step.unfinished)
  const answer = await api.put(path, { body, ...(action === 'create' ? { absent: true } : { match: tag }) })
  tags.set(path, answer.tag)
  return answer
}

/** Makes a grant or a webhook. The request is written down before it is sent. */
async function make(run: Run, step: Step, kind: Unfinished['kind']): Promise<Taken> {
  const { api, journal, world, reason } = run
  const { path, name, body } = step
  const request: Unfinished = { kind, name, key: world.id(), body, reason }
  const problem = await journal.begin(request)
  if (problem === null) {
    try {
      return await ask(api, path, request)
    } catch (error) {
      if (error instanceof Refused) journal.settle(kind, name)
      throw error
    }
  }
  const errors = [
    `${journal.folder}: cannot be written: ${problem}; a ${toldOnce[kind]} could be lost without it`,
  ]
  throw new Ended({
    code: PROBLEMS,
    lines: [],
    errors,
    data: { errors: errors.map((problem) => ({ problem })) },
  })
}

function ask(api: Api, path: string, { key, body, reason }: Unfinished): Promise<Taken> {
  return api.put(path, { body, absent: true, key, query: { reason } })
}

/** Asks again for what may have been made, then makes it what the folder says now. */
async function finish(
  run: Run,
  step: Step,
  kind: Unfinished['kind'],
  requests: readonly Unfinished[],
): Promise<Taken> {
  const { api } = run
  let made: Taken | null = null
  for (const request of requests) made ??= await askAgain(api, step.path, request)
  const now = await api.find(step.path)
  if (now === null) return make(run, step, kind)
  const changed = differs(run.wanted, kind, step.name, now.body)
    ? await api.put(step.path, { body: step.body, match: now.tag })
    : null
  return { body: { ...made?.body, ...changed?.body }, isLost: made === null }
}

/** Null where the request is not known any more, being of more than a day ago, or was somebody else's. */
async function askAgain(api: Api, path: string, request: Unfinished): Promise<Taken | null> {
  try {
    return await ask(api, path, request)
  } catch (error) {
    if (error instanceof Refused && (error.status === 412 || error.status === 422)) return null
    throw error
  }
}

function differs({ grants, webhooks }: Wanted, kind: Unfinished['kind'], name: string, now: Json): boolean {
  if (kind === 'grant') {
    const document = grants?.get(name)?.document
    return document !== undefined && grantDifferences(document, now).length > 0
  }
  const document = webhooks?.get(name)?.document
  return document !== undefined && webhookDifferences(document, now).length > 0
}

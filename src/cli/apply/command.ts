/** `apply DIR`: makes a tenant what a folder says. */
import { type Answer, type Api, Ended, type Json, pendingLine, Refused } from '../admin/api.ts'
import { administer, unlessAgreed, yes } from '../admin/command.ts'
import { readLink } from '../admin/link.ts'
import type { Given } from '../arguments.ts'
import { FINE, fine, MISUSE, type Outcome, PROBLEMS, unreadable, visible, type World } from '../outcome.ts'
import { type Journal, openJournal, type Unfinished } from './journal.ts'
import { grantDifferences, planOf, type Step } from './plan.ts'
import { readWanted, type Wanted } from './wanted.ts'

export const applyCommand = administer({
  group: null,
  name: 'apply',
  summary: 'Make a tenant what a folder says, after showing what that changes',
  operands: { names: 'DIR', least: 1, most: 1 },
  options: [
    yes,
    {
      name: 'prune',
      value: null,
      help: 'delete what the folder does not have, of the kinds that it has a folder for',
    },
    {
      name: 'headers',
      value: null,
      help: 'write header values again: whether they are others, nobody can tell',
    },
  ],
  changes: true,
  tells: true,
  exitCodes: '0 it is so; 1 problems, or not done; 2 not understood, or no answer',
  examples: [
    'gatehouse apply tenants/acme',
    'gatehouse apply tenants/acme --prune --yes --reason "$GIT_COMMIT"',
  ],
  run: apply,
})

async function apply(api: Api, given: Given, world: World): Promise<Outcome> {
  const [folder = '.'] = given.operands
  if ((await world.list(folder)) === null) return unreadable([{ file: folder, reason: 'no such folder' }])
  const wanted = await readWanted(folder, world)
  if ('problems' in wanted) return wrong(wanted.problems)
  const link = readLink(given, world)
  const journal = await openJournal(folder, 'origin' in link ? link.origin : '', api.tenant, world)
  const options = { prune: given.switches.has('prune'), headers: given.switches.has('headers') }
  for (const { grant } of journal.left) if (!wanted.grants?.has(grant)) journal.settle(grant)
  const steps = await planOf(api, wanted, { ...options, unfinished: journal.left })
  if ('problems' in steps) return wrong(steps.problems)
  if (steps.length === 0)
    return { ...fine(['nothing to do'], { plan: [], done: 0, tokens: {} }), after: journal.end }
  const plan = steps.map(({ action, kind, name, details }) => ({ action, kind, name, details }))
  const lines = [`tenant ${api.tenant}`, ...steps.flatMap(stepLines)]
  const count = steps.length === 1 ? 'this' : `these ${steps.length} changes`
  const refused = await unlessAgreed(api, given, world, lines, `Make ${count}?`, {
    plan,
    done: 0,
    tokens: {},
  })
  if (refused !== null) return refused
  const say = (line: string) => {
    if (!given.switches.has('json')) world.print(`${visible(line)}\n`)
  }
  if (given.switches.has('yes')) for (const line of lines) say(line)
  return perform({
    api,
    wanted,
    steps,
    journal,
    world,
    say,
    plan,
    reason: given.values.get('reason') ?? null,
  })
}

interface Run {
  readonly api: Api
  readonly wanted: Wanted
  readonly steps: readonly Step[]
  readonly journal: Journal
  readonly world: World
  readonly say: (line: string) => void
  readonly plan: readonly unknown[]
  readonly reason: string | null
}

const past = { create: 'created', change: 'changed', delete: 'deleted' } as const

async function perform(run: Run): Promise<Outcome> {
  const { steps, say, journal, plan } = run
  const tokens: Record<string, string> = {}
  const warnings: string[] = []
  let done = 0
  // A grant that two changes have not come to counts twice.
  let pending = 0
  const data = () => ({ plan, done, tokens, warnings, pending })
  try {
    for (const step of steps) {
      const { body, isLost = false } = await take(run, step)
      done += 1
      say(`${past[step.action]} ${step.kind} ${step.name}`)
      const { token, warnings: said } = body
      if (typeof token === 'string') {
        tokens[step.name] = token
        say(`token of ${step.name}: ${token}`)
      }
      if (Array.isArray(said)) warnings.push(...said.map((it) => `warning: ${step.kind} ${step.name}: ${it}`))
      if (isLost) warnings.push(lost(step.name))
      const untold = pendingLine(body, `${step.kind} ${step.name}: `)
      if (untold !== null) warnings.push(untold)
      pending += Number(body.pending ?? 0)
      if (step.kind === 'grant') journal.settle(step.name)
    }
  } catch (error) {
    if (!(error instanceof Ended)) throw error
    const { outcome } = error
    const rest = `${done} of ${steps.length} changes were made; the same command again makes the others`
    const errors = [...warnings, ...outcome.errors, rest]
    const told = { ...data(), ...(outcome.data as Json) }
    return { code: outcome.code, lines: [], errors, data: told, after: journal.end }
  }
  return { code: FINE, lines: [], errors: warnings, data: data(), after: journal.end }
}

function lost(name: string): string {
  return `warning: grant ${name}: its token was not printed and cannot be had again: gatehouse grant rotate ${name}`
}

/** What a step came to. */
interface Taken {
  readonly body: Json
  /** It is a grant that is there, but whose token is lost. */
  readonly isLost?: boolean
}

async function take(run: Run, step: Step): Promise<Taken> {
  const { api } = run
  const { action, kind, path, body, tag } = step
  if (action === 'delete') return api.delete(path, { match: tag })
  if (action === 'change') return api.put(path, { body, match: tag })
  if (kind !== 'grant') return api.put(path, { body, absent: true })
  return step.unfinished === undefined ? make(run, step) : finish(run, step, step.unfinished)
}

/** Makes a grant, which is written down before. */
async function make(run: Run, step: Step): Promise<Answer> {
  const { api, journal, world, reason } = run
  const { path, body } = step
  const request: Unfinished = { grant: step.name, key: world.id(), body, reason }
  const problem = await journal.begin(request)
  if (problem === null) {
    try {
      return await ask(api, path, request)
    } catch (error) {
      if (error instanceof Refused) journal.settle(step.name)
      throw error
    }
  }
  const errors = [`${journal.file}: cannot be written: ${problem}; a token could be lost without it`]
  throw new Ended({ code: MISUSE, lines: [], errors, data: { errors } })
}

function ask(api: Api, path: string, { key, body, reason }: Unfinished): Promise<Answer> {
  return api.put(path, { body, absent: true, key, query: { reason } })
}

/** Asks again for what may have been made, then makes it what the folder says now. */
async function finish(run: Run, step: Step, request: Unfinished): Promise<Taken> {
  const { api, wanted } = run
  let made: Answer | null
  try {
    made = await ask(api, step.path, request)
  } catch (error) {
    // Of more than a day ago, or somebody else's: this request is not known any more.
    if (!(error instanceof Refused && (error.status === 412 || error.status === 422))) throw error
    made = null
  }
  const now = await api.find(step.path)
  if (now === null) return make(run, step)
  const document = wanted.grants?.get(step.name)?.document
  const differs = document !== undefined && grantDifferences(document, now.body).length > 0
  const changed = differs ? await api.put(step.path, { body: document, match: now.tag }) : null
  return { body: { ...made?.body, ...changed?.body }, isLost: made === null }
}

function stepLines({ action, kind, name, details }: Step): string[] {
  const head = `  ${action} ${kind} ${name}`
  if (kind !== 'policy' && details.length > 0) return [`${head}: ${details.join(', ')}`]
  return [head, ...details.map((line) => `      ${line}`.trimEnd())]
}

function wrong(problems: readonly string[]): Outcome {
  return { code: PROBLEMS, lines: [], errors: problems, data: { problems } }
}

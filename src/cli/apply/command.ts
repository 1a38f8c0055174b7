/** `apply DIR`: makes a tenant what a folder says. */
import type { Api } from '../gateway/api.ts'
import { administer, mistaken, unlessConfirmed, warned, yes } from '../gateway/command.ts'
import type { Given } from '../kit/arguments.ts'
import { FINE, type Outcome, PROBLEMS, visible, type World } from '../kit/outcome.ts'
import { openJournal } from './journal.ts'
import { type PlanData, perform } from './perform.ts'
import { planOf } from './plan.ts'
import { readWanted, tenantOfFolder } from './read-wanted.ts'
import type { Step } from './step.ts'

/** There is something to do, and it was not done. As `terraform plan -detailed-exitcode` has it. */
const CHANGES = 2

export const applyCommand = administer({
  group: null,
  name: 'apply',
  summary: 'Make a tenant what a folder says, after showing what that changes',
  operands: { names: 'DIR', least: 1, most: 1 },
  options: [
    yes,
    { name: 'plan', value: null, help: 'only show what would change; asks nothing, changes nothing' },
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
  failure: PROBLEMS,
  tenantBehind: ({ operands: [folder = '.'] }, world) => tenantOfFolder(folder, world),
  exitCodes: '0 nothing to do, or all is done; 1 problems, or no answer; 2 changes that were not made',
  json: ['tenant', 'plan', 'done', 'tokens', 'secrets', 'warnings', 'pending?'],
  examples: [
    'gatehouse apply tenants/acme',
    'gatehouse apply tenants/acme --plan',
    'gatehouse apply tenants/acme --prune --yes --reason "$GIT_COMMIT"',
  ],
  run: apply,
})

async function apply(api: Api, given: Given, world: World): Promise<Outcome> {
  const { operands, switches, values } = given
  const [folder = '.'] = operands
  const isPlan = switches.has('plan')
  if (isPlan && switches.has('yes'))
    throw mistaken(api, { found: '--plan and --yes', allowed: 'one of them' })
  const names = await world.list(folder)
  if (names === null) return wrong([`${folder}: cannot be read: no such folder`], [])
  const read = await readWanted(folder, names, api.tenant, world)
  const { wanted } = read
  const left = read.warnings.map((it) => `warning: ${it}`)
  if (wanted === null) return wrong(read.problems, left)
  const journal = await openJournal({ folder, origin: api.origin, tenant: api.tenant }, world)
  const isWanted = { grant: wanted.grants, webhook: wanted.webhooks }
  for (const { kind, name } of journal.left) if (!isWanted[kind]?.has(name)) journal.settle(kind, name)
  const options = { prune: switches.has('prune'), headers: switches.has('headers'), nowMs: world.nowMs }
  const { steps, problems, ...plan } = await planOf(api, wanted, { ...options, unfinished: journal.left })
  const warnings = [...left, ...plan.warnings]
  if (problems.length > 0) return wrong(problems, warnings)
  warned(world, given, warnings)
  const shown = steps.map(({ action, kind, name, details }) => ({ action, kind, name, details }))
  const data: PlanData = { tenant: api.tenant, plan: shown, done: 0, tokens: {}, secrets: {}, warnings }
  if (steps.length === 0)
    return { code: FINE, lines: ['nothing to do'], errors: [], data, after: journal.end }
  const lines = [`tenant ${api.tenant}`, ...steps.flatMap(stepLines)]
  if (isPlan) return { code: CHANGES, lines, errors: [], data }
  const count = steps.length === 1 ? 'this' : `these ${steps.length} changes`
  const refused = await unlessConfirmed(api, given, world, { lines, question: `Make ${count}?`, data })
  if (refused !== null) return { ...refused, code: CHANGES }
  const say = (line: string) => {
    if (!switches.has('json')) world.print(`${visible(line)}\n`)
  }
  if (switches.has('yes')) for (const line of lines) say(line)
  const reason = values.get('reason') ?? null
  return perform({ api, wanted, steps, journal, world, say, data, reason, tags: new Map() })
}

function stepLines({ action, kind, name, details }: Step): string[] {
  const head = `  ${action} ${kind} ${name}`
  const areLines = kind === 'policy' || action === 'delete'
  if (!areLines && details.length > 0) return [`${head}: ${details.join(', ')}`]
  return [head, ...details.map((line) => `      ${line}`.trimEnd())]
}

function wrong(problems: readonly string[], warnings: readonly string[]): Outcome {
  return {
    code: PROBLEMS,
    lines: [],
    errors: [...warnings, ...problems],
    data: { errors: problems.map((problem) => ({ problem })), problems, warnings },
  }
}

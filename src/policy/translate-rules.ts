/** From the rule dialect to the hosted one. */
import { type Decimal, formatDecimal, parseDecimal } from './decimal.ts'
import type { HostedDocument, HostedLimit, HostedReading } from './hosted.ts'
import { describeValue, type Problem, pointer } from './problem.ts'
import {
  type CounterCondition,
  comparesCounter,
  type ReadingRule,
  type Rule,
  type RuleDocument,
  type RuleState,
  readRate,
} from './rules.ts'
import { nearest } from './spelling.ts'
import { finish, newDraft, present, type ToolDraft, type Translation } from './translation.ts'

/** A counter that some rule's `state` declares. */
interface Declared {
  readonly tool: string
  readonly state: RuleState
  readonly at: string
  /** Some limit of the same tool charges it. */
  charged: boolean
  /** Some condition compares it. */
  compared: boolean
}

type Counters = Map<string, Declared>

/**
 * Translates a document that has passed its schema.
 *
 * @param leftOut tools with problems of their own, which are not in the document: a counter of theirs, or one that
 *   only they compare, is not missed
 */
export function translateRules(document: RuleDocument, leftOut: readonly string[]): Translation {
  const problems: Problem[] = []
  const origins = new Map<string, string>()
  const tools = Object.entries(document.tools ?? {})
  const counters = declare(tools, problems)

  const drafts = new Map<string, ToolDraft>()
  for (const [tool, { rules }] of tools) {
    const draft = newDraft()
    drafts.set(tool, draft)
    const note = (list: keyof ToolDraft, at: string, ...conditions: string[]) => {
      const place = `${placeOf(tool)}${pointer(list, draft[list].length)}`
      origins.set(place, at)
      conditions.forEach((condition, i) => {
        origins.set(`${place}${pointer('conditions', i)}`, condition)
      })
    }
    rules.forEach((rule, i) => {
      translateRule(rule, {
        tool,
        at: pointer('tools', tool, 'rules', i),
        draft,
        note,
        counters,
        problems,
        leftOut,
      })
    })
  }
  for (const declared of counters.values()) count(declared, { drafts, origins, problems, leftOut })

  // The schema that it names is that of its own dialect.
  const { tools: _, $schema: __, default: action = 'allow', all, resources, prompts, ...top } = document
  const finished = new Map(
    tools.map(([tool, { conceal }]) => {
      for (const i of conceal?.keys() ?? [])
        origins.set(`${placeOf(tool)}/conceal/${i}`, pointer('tools', tool, 'conceal', i))
      return [tool, { ...finish(drafts.get(tool) ?? newDraft()), ...present({ conceal }) }]
    }),
  )
  const every = finished.get('*')
  finished.delete('*')
  const note = (place: string, at: string) => void origins.set(place, at)
  const hosted: HostedDocument = {
    ...top,
    default: action,
    ...(all === undefined ? {} : { all: finish(translateReading(all.rules, '/all', note)) }),
    ...(every === undefined ? {} : { all_tools: every }),
    tools: Object.fromEntries(finished),
    ...(resources === undefined ? {} : { resources: translateSection(resources, 'resources', note) }),
    ...(prompts === undefined ? {} : { prompts: translateSection(prompts, 'prompts', note) }),
  }
  return { hosted, origins, problems }
}

type Note = (place: string, at: string) => void

function translateSection(
  section: NonNullable<RuleDocument['resources']>,
  name: 'resources' | 'prompts',
  note: Note,
): HostedReading {
  const entries = Object.entries(section).map(([key, { hide, rules = [] }]) => {
    const draft = finish(translateReading(rules, pointer(name, key), note))
    return [key, { ...present({ hide }), ...draft }] as const
  })
  return Object.fromEntries(entries)
}

/** Rules on reading: conditions must hold, and rates have counters of their own. */
function translateReading(rules: readonly ReadingRule[], place: string, note: Note): ToolDraft {
  const draft = newDraft()
  rules.forEach(({ action, conditions = [], rate_limit, on_deny, shadow }, i) => {
    const at = `${place}${pointer('rules', i)}`
    const said = present({ on_deny, shadow })
    if (action === 'deny') {
      note(`${place}${pointer('deny_if', draft.deny_if.length)}`, at)
      draft.deny_if.push({ conditions: [], ...said })
    }
    if (conditions.length > 0) {
      const list = `${place}${pointer('require', draft.require.length)}`
      note(list, at)
      for (const j of conditions.keys()) {
        note(`${list}${pointer('conditions', j)}`, `${at}${pointer('conditions', j)}`)
      }
      draft.require.push({ conditions, ...said })
    }
    if (rate_limit !== undefined) {
      const { max, window } = readRate(rate_limit)
      note(`${place}${pointer('limits', draft.limits.length)}`, at)
      draft.limits.push({ counter: `_rate_${window}`, window, max, ...said })
    }
  })
  return draft
}

function placeOf(tool: string): string {
  return tool === '*' ? '/all_tools' : pointer('tools', tool)
}

/** Returns the name of a counter in conditions. */
function counterPath(tool: string, counter: string): string {
  return `state.${tool === '*' ? '_global' : tool}.${counter}`
}

function declare(tools: [string, { rules: Rule[] }][], problems: Problem[]): Counters {
  const counters: Counters = new Map()
  for (const [tool, { rules }] of tools) {
    rules.forEach(({ state }, i) => {
      if (state === undefined) return
      const at = pointer('tools', tool, 'rules', i)
      const path = counterPath(tool, state.counter)
      const other = counters.get(path)
      if (other === undefined) {
        counters.set(path, { tool, state, at, charged: false, compared: false })
        return
      }
      const found = `the counter ${describeValue(state.counter)}, which ${other.at}/state has, too`
      problems.push({ pointer: `${at}/state/counter`, found, allowed: 'one state for each counter' })
    })
  }
  return counters
}

interface Surroundings {
  readonly tool: string
  readonly at: string
  readonly draft: ToolDraft
  readonly note: (list: keyof ToolDraft, at: string, ...conditions: string[]) => void
  readonly counters: Counters
  readonly problems: Problem[]
  readonly leftOut: readonly string[]
}

function translateRule(rule: Rule, around: Surroundings): void {
  const { at, draft, note } = around
  const { on_deny, shadow } = rule
  const said = present({ on_deny, shadow })
  const all = (rule.conditions ?? []).map((condition, i) => ({
    condition,
    at: `${at}${pointer('conditions', i)}`,
  }))
  const plain = all.filter(({ condition }) => !comparesCounter(condition))
  const conditions = plain.map(({ condition }) => condition) as ToolDraft['deny_if'][number]['conditions']
  const places = plain.map((one) => one.at)
  if (rule.action === 'deny') {
    note('deny_if', at)
    draft.deny_if.push({ conditions: [], ...said })
    return
  }
  if (rule.action === 'require_approval') {
    note('require_approval', at, ...places)
    draft.require_approval.push({ conditions, ...said })
    return
  }
  if (conditions.length > 0) {
    note('require', at, ...places)
    draft.require.push({ conditions, ...said })
  }
  if (rule.rate_limit !== undefined) {
    const { max, window } = readRate(rule.rate_limit)
    note('limits', at)
    draft.limits.push({ counter: `_rate_${window}`, window, max, ...said })
  }
  for (const { condition, at: place } of all) {
    if (!comparesCounter(condition)) continue
    const limit = limitOf(condition as CounterCondition, place, shadow === true, around)
    if (limit === null) continue
    note('limits', at)
    draft.limits.push({ ...limit, ...said })
  }
}

/** A condition on a counter is a limit: what the counter would be after the call is compared. */
function limitOf(
  { path, op, value }: CounterCondition,
  at: string,
  isShadow: boolean,
  { tool, counters, problems, leftOut }: Surroundings,
): HostedLimit | null {
  const declared = counters.get(path)
  if (declared === undefined) {
    if (leftOut.some((other) => path.startsWith(counterPath(other, '')))) return null
    problems.push({
      pointer: `${at}/path`,
      found: describeValue(path),
      allowed:
        counters.size === 0 ? 'a counter that some rule’s state declares' : [...counters.keys()].join(', '),
      nearest: nearest(path, counters.keys()),
    })
    return null
  }
  const max = parseDecimal(value)
  if (max === null || max.units < 0n) {
    problems.push({
      pointer: `${at}/value`,
      found: describeValue(value),
      allowed: 'a decimal number, 0 or more',
    })
    return null
  }
  declared.compared = true
  const { state } = declared
  if (state.increment === undefined && state.increment_from === undefined && !isWhole(max)) {
    const allowed = 'a whole number, since calls are counted'
    problems.push({ pointer: `${at}/value`, found: describeValue(value), allowed })
    return null
  }
  const { counter, window, sliding, scope, increment, increment_from } = state
  const isOwn = declared.tool === tool
  // A limit in shadow that has no room charges nothing, so it cannot be what moves the counter.
  if (isOwn && !isShadow) declared.charged = true
  return present({
    counter,
    window,
    sliding,
    scope,
    ...(isOwn ? { increment, increment_from } : { tool: declared.tool }),
    max: typeof value === 'number' ? value : formatDecimal(max),
    strict: op === 'lt' ? true : undefined,
  }) as HostedLimit
}

function isWhole(value: Decimal): boolean {
  return !formatDecimal(value).includes('.')
}

/** A counter that no limit of its own tool charges is charged all the same; one that nothing compares is idle. */
function count(
  { tool, state, at, charged, compared }: Declared,
  {
    drafts,
    origins,
    problems,
    leftOut,
  }: {
    readonly drafts: ReadonlyMap<string, ToolDraft>
    readonly origins: Map<string, string>
    readonly problems: Problem[]
    readonly leftOut: readonly string[]
  },
): void {
  if (charged) return
  if (!compared && leftOut.length === 0) {
    const path = counterPath(tool, state.counter)
    problems.push({
      pointer: `${at}/state`,
      found: `the counter ${describeValue(state.counter)}, which no condition compares`,
      allowed: `a counter that some condition compares, as ${path}`,
    })
    return
  }
  const counts = (drafts.get(tool) as ToolDraft).counts
  origins.set(`${placeOf(tool)}${pointer('counts', counts.length)}`, at)
  counts.push(present(state) as ToolDraft['counts'][number])
}

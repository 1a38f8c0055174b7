/**
 * Compiles a hosted document, which every dialect is translated to, into the internal form. It also checks what a schema cannot see,
 * because it takes two places of the document.
 */
import { type Counted, counterKey, limitsOf, type NamedLimit, type Owner } from './compile-limits.ts'
import { allOf, type ConditionDocument, compileCondition } from './condition.ts'
import type { HostedDocument, HostedReading, HostedRules } from './hosted.ts'
import type { Charge, Check, Limit, Policy, Reading, ReadKind, ToolRules } from './model.ts'
import { type ConcealedPath, parseConcealed } from './path.ts'
import { type Problem, pointer } from './problem.ts'
import { compileReading } from './reading.ts'
import { usesOf } from './tool-uses.ts'
import type { Translation } from './translation.ts'

/** Compiles a translated document. With a problem in it, the policy is of no use. */
export function compile({ hosted, origins }: Pick<Translation, 'hosted' | 'origins'>): {
  readonly policy: Policy
  readonly problems: readonly Problem[]
} {
  const origin = (place: string) => origins.get(place) ?? place
  const counted: Counted[] = []
  const units = unitsOf(hosted)
  const part = (rules: HostedRules, place: string, owner: Owner) =>
    partOf(rules, { place, owner, origin, counted, units })
  const own = Object.entries(hosted.tools ?? {}).map(
    ([tool, rules]) => [tool, part(rules, pointer('tools', tool), { kind: 'tool', name: tool })] as const,
  )
  const ofTools = part(hosted.all_tools ?? {}, '/all_tools', { kind: 'tool', name: '*' })
  const all = part(hosted.all ?? {}, '/all', { kind: 'all', name: '' })
  const reading = (kind: ReadKind, section: HostedReading | undefined): Reading | null => {
    if (section === undefined) return null
    const entries = Object.entries(section).map(([key, { hide = false, ...rules }]) => {
      const place = pointer(sections[kind], key)
      return { key, hides: hide, rules: rulesOf(place, [part(rules, place, { kind, name: key }), all]) }
    })
    return compileReading(kind, entries, rulesOf('(default allow)', [all]))
  }
  const policy: Policy = {
    defaultAction: hosted.default ?? 'deny',
    hidesAll: hosted.hide?.includes('*') ?? false,
    hidden: new Set(hosted.hide),
    tools: new Map(own.map(([tool, it]) => [tool, rulesOf(pointer('tools', tool), [it, ofTools, all])])),
    others: rulesOf('(default allow)', [ofTools, all]),
    resources: reading('resource', hosted.resources),
    prompts: reading('prompt', hosted.prompts),
    unsaid: rulesOf('(reading allowed)', [all]),
    shadow: hosted.mode === 'shadow',
  }
  return { policy, problems: contradictions(counted) }
}

/** The sections of a document about reading. */
export const sections: Readonly<Record<ReadKind, 'resources' | 'prompts'>> = {
  resource: 'resources',
  prompt: 'prompts',
}

/** The rules of one entry of the document. */
interface Part {
  readonly denials: readonly Check[]
  readonly approvals: readonly Check[]
  readonly limits: readonly Limit[]
  readonly conceals: readonly ConcealedPath[]
  readonly usesContext: boolean
  readonly usesAnnotations: boolean
}

/** Its own rules come before those on every call, and who denies comes before who asks. */
function rulesOf(rule: string, parts: readonly Part[]): ToolRules {
  const limits = parts.flatMap((part) => part.limits)
  return {
    rule,
    checks: [...parts.flatMap((part) => part.denials), ...parts.flatMap((part) => part.approvals)],
    limits,
    charges: limits.every(({ from }) => from === null) ? limits.map(({ charge }) => charge) : null,
    conceals: parts.flatMap((part) => part.conceals),
    usesContext: parts.some((part) => part.usesContext),
    usesAnnotations: parts.some((part) => part.usesAnnotations),
  }
}

function partOf(
  rules: HostedRules,
  {
    place,
    owner,
    origin,
    counted,
    units,
  }: {
    readonly place: string
    readonly owner: Owner
    readonly origin: (place: string) => string
    readonly counted: Counted[]
    readonly units: ReadonlyMap<string, Charge['unit']>
  },
): Part {
  const named: NamedLimit[] = limitsOf(rules, { place, name: owner.name, origin, kind: owner.kind })
  counted.push(...named)
  const paths = [...usesOf(rules, place, origin)].map(({ path }) => path)
  return {
    denials: [
      ...(rules.deny_if ?? []).map((rule, i) => checkOf('deny', rule, `${place}/deny_if/${i}`, origin)),
      ...(rules.require ?? []).map((rule, i) => checkOf('require', rule, `${place}/require/${i}`, origin)),
    ],
    approvals: (rules.require_approval ?? []).map((rule, i) =>
      checkOf('approve', rule, `${place}/require_approval/${i}`, origin),
    ),
    limits: named.map((it) => withUnit(it, units)),
    conceals: (rules.conceal ?? []).map(parseConcealed).filter((path) => path !== null),
    usesContext: paths.some((path) => /^(?:session|grant)\./.test(path)),
    usesAnnotations: paths.some((path) => path.startsWith('tool.')),
  }
}

/** Returns the unit of each tool's counter, as the rules that add to it define it. */
function unitsOf({ tools = {}, all_tools = {} }: HostedDocument): ReadonlyMap<string, Charge['unit']> {
  const units = new Map<string, Charge['unit']>()
  for (const [tool, rules] of [...Object.entries(tools), ['*', all_tools] as const]) {
    for (const named of limitsOf(rules, { place: '', name: tool, origin: (place) => place })) {
      if (named.looksAt === null) units.set(counterKey(named), named.limit.charge.unit)
    }
  }
  return units
}

/** A limit that looks at another tool's counter speaks of what is counted there. */
function withUnit(named: NamedLimit, units: ReadonlyMap<string, Charge['unit']>): Limit {
  const { limit, looksAt } = named
  const unit = looksAt === null ? undefined : units.get(counterKey(named))
  return unit === undefined ? limit : { ...limit, charge: { ...limit.charge, unit } }
}

interface RuleDocument {
  readonly on_deny?: string | undefined
  readonly shadow?: boolean | undefined
}

function checkOf(
  effect: Check['effect'],
  rule: RuleDocument & ({ conditions: readonly ConditionDocument[] } | ConditionDocument),
  place: string,
  origin: (place: string) => string,
): Check {
  // A requirement may be one condition by itself.
  const tests =
    'conditions' in rule
      ? rule.conditions.map((it, i) => compileCondition(it, origin(`${place}/conditions/${i}`)))
      : [compileCondition(rule, origin(place))]
  return {
    rule: origin(place),
    effect,
    test: allOf(tests),
    message: rule.on_deny ?? null,
    shadow: rule.shadow ?? false,
  }
}

/** Limits of one counter that would add different amounts, and limits on a counter that nobody charges. */
function contradictions(counted: readonly Counted[]): Problem[] {
  const problems: Problem[] = []
  const adding = new Map<string, Counted>()
  for (const one of counted) {
    if (one.looksAt !== null) continue
    const key = counterKey(one)
    const other = adding.get(key) ?? one
    adding.set(key, other)
    if (other.adds !== one.adds) {
      problems.push({
        pointer: one.at,
        found: `the counter ${JSON.stringify(one.counter)} adding ${one.adds}`,
        allowed: `${other.adds}, as at ${other.at}, or another counter`,
      })
    }
  }
  for (const one of counted) {
    if (one.looksAt === null || adding.has(counterKey(one))) continue
    problems.push({
      pointer: `${one.at}/tool`,
      found: JSON.stringify(one.looksAt),
      allowed: `a tool that counts ${JSON.stringify(one.counter)} in the same window and scope`,
    })
  }
  return problems
}

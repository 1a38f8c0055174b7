import { expansionOf, hiddenValueOf } from './completion.ts'
import { formatDecimal, parseDecimal } from './decimal.ts'
import type {
  Allowed,
  ApprovalRequired,
  Call,
  Charge,
  Check,
  Context,
  Decision,
  Denied,
  Kind,
  Limit,
  Policy,
  Reading,
  ReadKind,
  Shadow,
  Sight,
  ToolRules,
  Truth,
} from './model.ts'
import type { ConcealedPath } from './path.ts'
import { entryFor, isAmbiguous, readKey, readName } from './reading.ts'
import { LONGEST_READ, normalForms, shortened } from './uri.ts'

const NOTHING: readonly never[] = []

/**
 * Decides a call, as far as that is possible without counting. A grant without a policy denies everything. The order is fixed: hidden,
 * then the default for a tool that is not named, then rules that deny (the tool's own before those on every call), then rules that ask a
 * person, then the limits.
 *
 * One lookup and no loop over other tools: the cost grows with the rules of this tool alone.
 */
export function decide(policy: Policy | null, call: Call, context: Context): Decision {
  const kind = call.kind ?? 'tool'
  if (policy === null) {
    const what = kind === 'tool' ? 'every call is denied' : 'nothing may be read'
    return deny('no_policy', '(no policy)', `This grant has no policy, so ${what}.`)
  }
  const decision =
    kind === 'tool' ? enforce(policy, call, context) : enforceReading(policy, kind, call, context)
  return policy.shadow ? watched(decision) : decision
}

/** Tells whether `tools/list` may show the tool: it is neither hidden nor refused by default. */
export function isListed(policy: Policy | null, tool: string, alias?: string): boolean {
  if (policy === null) return false
  if (policy.shadow) return true
  return (
    !isHidden(policy, tool, alias) &&
    (policy.defaultAction === 'allow' || rulesOf(policy, tool, alias) !== undefined)
  )
}

/** Tells whether a list of resources, templates or prompts may show this: it is neither hidden nor refused by default. */
export function isReadable(policy: Policy | null, kind: ReadKind, name: string): boolean {
  if (policy === null) return false
  const reading = readingOf(policy, kind)
  if (policy.shadow || reading === null) return true
  if (name.length > LONGEST_READ) return false
  const entry = entryFor(reading, name)
  return entry === null ? policy.defaultAction === 'allow' : !entry.hides
}

/** Tells whether everything of this kind is readable, so that lists need not be looked at. */
export function isAllReadable(policy: Policy | null, kind: ReadKind): boolean {
  return policy !== null && (policy.shadow || readingOf(policy, kind) === null)
}

/** Tells whether a decision on this may depend on the session's account or the grant's label. */
export function usesContext(
  policy: Policy | null,
  tool: string,
  {
    alias,
    kind = 'tool',
    completion,
  }: {
    readonly alias?: string | undefined
    readonly kind?: Kind | undefined
    readonly completion?: Call['completion'] | undefined
  } = {},
): boolean {
  if (policy === null) return false
  const expanded = completion === undefined ? null : expandedName({ kind, tool, completion })
  const names = expanded === null ? [tool] : [tool, expanded]
  return names.some((name) => rulesOn(policy, kind, name, alias).usesContext)
}

/** Tells whether a decision on this tool may depend on what the tool says of itself. */
export function usesAnnotations(policy: Policy | null, tool: string, alias?: string): boolean {
  return policy !== null && (rulesOf(policy, tool, alias) ?? policy.others).usesAnnotations
}

/**
 * Returns the values of a call of this tool that its approver is not shown. A value that is concealed under one of the tool's names is
 * concealed.
 */
export function concealedIn(policy: Policy, tool: string, alias?: string): readonly ConcealedPath[] {
  const named = [policy.tools.get(tool), alias === undefined ? undefined : policy.tools.get(alias)]
  const rules = named.filter((it) => it !== undefined)
  return (rules.length === 0 ? [policy.others] : rules).flatMap(({ conceals }) => conceals)
}

/** Every limit that a decision on this may charge. */
export function limitsOn(policy: Policy, { kind = 'tool', tool, alias }: Call): readonly Limit[] {
  return rulesOn(policy, kind, tool, alias).limits
}

function rulesOn(policy: Policy, kind: Kind, tool: string, alias: string | undefined): ToolRules {
  if (kind === 'tool') return rulesOf(policy, tool, alias) ?? policy.others
  const reading = readingOf(policy, kind)
  if (reading === null) return policy.unsaid
  return (tool.length <= LONGEST_READ ? entryFor(reading, tool)?.rules : undefined) ?? reading.others
}

function enforce(policy: Policy, call: Call, context: Context): Decision {
  const { tool, alias } = call
  if (isHidden(policy, tool, alias)) return deny('hidden', '(hidden)', `The tool "${tool}" is not available.`)
  const rules = rulesOf(policy, tool, alias)
  if (rules === undefined && policy.defaultAction === 'deny') {
    return deny('default_deny', '(default deny)', `The policy does not allow the tool "${tool}".`)
  }
  return evaluate(rules ?? policy.others, call, context)
}

/**
 * Decides a request to read. The completion of a template is decided once more as reading the URI that the template expands to with the
 * known values, unless a key without `*` names the template; and with a variable called `uri` in the place of the template's text.
 */
function enforceReading(policy: Policy, kind: ReadKind, call: Call, context: Context): Decision {
  const asWritten = enforceEntry(policy, kind, call, context)
  const [expanded, hidden] = [expandedName(call), hiddenValueOf(call)]
  let decision = asWritten
  if (expanded !== null && !isNamedInFull(policy, kind, call.tool)) {
    const uri = expansionOf(call)
    decision = both(decision, () =>
      enforceEntry(policy, kind, { ...call, tool: expanded, args: { ...call.args, uri } }, context),
    )
  }
  if (hidden === null) return decision
  const uncovered = { ...call, args: { ...call.args, uri: hidden } }
  return both(decision, () => evaluate(rulesOn(policy, kind, call.tool, undefined), uncovered, context))
}

/** Returns the expansion of a template, as a policy names it; null for anything but the completion of one. */
function expandedName(call: Pick<Call, 'kind' | 'tool' | 'completion'>): string | null {
  const uri = expansionOf(call)
  return uri === null ? null : readName('resource', readKey('resource', call.tool)?.server ?? '', uri)
}

function isNamedInFull(policy: Policy, kind: ReadKind, name: string): boolean {
  const reading = readingOf(policy, kind)
  if (reading === null || name.length > LONGEST_READ) return false
  return entryFor(reading, name)?.key.includes('*') === false
}

/** Denied where either is; else the first, with what the second would have done in shadow. */
function both(first: Decision, next: () => Decision): Decision {
  if (first.action === 'deny') return first
  const second = next()
  const trace = [...first.trace, ...second.trace]
  const others = second.shadow.filter(({ rule }) => first.shadow.every((it) => it.rule !== rule))
  const shadow = [...first.shadow, ...others]
  return { ...(second.action === 'deny' ? second : first), trace, shadow }
}

/** The same order as for calls; `hide` and `default` are looked for by entry, where there is a section. */
function enforceEntry(policy: Policy, kind: ReadKind, call: Call, context: Context): Decision {
  const reading = readingOf(policy, kind)
  if (reading === null) return evaluate(policy.unsaid, call, context)
  const { tool: name } = call
  if (name.length > LONGEST_READ) {
    const message = `The policy compares names of at most ${LONGEST_READ} characters, so this ${kind} is denied.`
    return deny('denied', '(too long)', message)
  }
  const entry = entryFor(reading, name)
  if (entry?.hides) return deny('hidden', '(hidden)', `The ${kind} "${name}" is not available.`)
  if (entry === null && policy.defaultAction === 'deny')
    return deny('default_deny', '(default deny)', `The policy does not allow the ${kind} "${name}".`)
  const rules = entry?.rules ?? reading.others
  const decision = evaluate(rules, call, context)
  const isOther = () => isAmbiguous(reading, name, entry) || isDeniedOtherwise(rules, call, context)
  if (decision.action === 'deny' || !isOther()) return decision
  const message =
    `Other rules apply to the ${kind} "${name}" once its name is normalised, so it is denied. ` +
    'Ask for it by its normal form: without needless percent-encoding, dot segments, query or fragment.'
  return deny('ambiguous', '(ambiguous)', message, { trace: decision.trace, shadow: decision.shadow })
}

/** Tells whether a condition on the URI denies what a server that normalises it, or shortens it, would read it as. */
function isDeniedOtherwise(rules: ToolRules, call: Call, context: Context): boolean {
  const { uri } = call.args
  const checks = rules.checks.filter((check) => !check.shadow)
  if (call.kind !== 'resource' || typeof uri !== 'string' || checks.length === 0) return false
  const { forms: others, isCut } = normalForms(uri)
  const forms = [uri, ...others]
  if (isCut) return true
  return checks.some((check) => {
    const denies = (form: string) =>
      acts(check.effect, check.test({ ...call, args: { ...call.args, uri: form } }, context, []))
    return forms.some((form) => denies(form) || isDeniedShortened(check, form, denies))
  })
}

/**
 * Tells whether it denies a URI without its query or fragment. A requirement that asks for a query is spared: one that no longer
 * holds with another character where the query begins. One that holds then takes the query for a part of the path.
 */
function isDeniedShortened({ effect }: Check, form: string, denies: (form: string) => boolean): boolean {
  if (!/[?#]/.test(form) || !shortened(form).some(denies)) return false
  return effect !== 'require' || ['x', '-', '/'].some((char) => !denies(form.replaceAll(/[?#]/g, char)))
}

function readingOf({ resources, prompts }: Policy, kind: ReadKind): Reading | null {
  return kind === 'resource' ? resources : prompts
}

function evaluate(rules: ToolRules, call: Call, context: Context): Decision {
  const { checks } = rules
  if (checks.length === 0) return charged(rules, call, { trace: NOTHING, shadow: NOTHING, approval: null })
  const trace: Sight[] = []
  let shadow: Shadow[] | null = null
  let approval: Check | null = null
  for (const check of checks) {
    // One person is asked once, so a second reason to ask is not looked at.
    if (approval !== null && check.effect === 'approve' && !check.shadow) continue
    if (!acts(check.effect, check.test(call, context, trace))) continue
    if (check.shadow) {
      shadow ??= []
      shadow.push(shadowOf(check, call))
    } else if (check.effect === 'approve') {
      approval = check
    } else {
      return deny('denied', check.rule, messageOf(check, call), { trace, shadow: shadow ?? NOTHING })
    }
  }
  return charged(rules, call, { trace, shadow: shadow ?? NOTHING, approval })
}

/** A check that cannot be evaluated acts: in doubt we deny. */
function acts(effect: Check['effect'], truth: Truth): boolean {
  return effect === 'require' ? truth !== 'holds' : truth !== 'fails'
}

/** Nothing objects but limits: what they charge, and whether a person must agree first. */
function charged(
  rules: ToolRules,
  call: Call,
  {
    trace,
    shadow,
    approval,
  }: {
    readonly trace: readonly Sight[]
    readonly shadow: readonly Shadow[]
    readonly approval: Check | null
  },
): Decision {
  let seen = shadow
  let charges = rules.charges
  if (charges === null) {
    const amounts: Charge[] = []
    for (const limit of rules.limits) {
      const charge = chargeOf(limit, call)
      if (charge !== null) {
        amounts.push(charge)
        continue
      }
      const message = limit.charge.message ?? unfitAmount(limit)
      if (!limit.charge.shadow) return deny('denied', limit.charge.rule, message, { trace, shadow: seen })
      seen = [...seen, { action: 'deny', rule: limit.charge.rule, message }]
    }
    charges = amounts
  }
  if (approval === null)
    return { action: 'allow', rule: rules.rule, charges, trace, shadow: seen } satisfies Allowed
  const message = messageOf(approval, call)
  return {
    action: 'require_approval',
    code: 'approval_required',
    rule: approval.rule,
    message,
    charges,
    trace,
    shadow: seen,
  } satisfies ApprovalRequired
}

/** The charge of this call, or null where the argument is no decimal number of 0 or more. */
function chargeOf({ charge, from }: Limit, call: Call): Charge | null {
  if (from === null) return charge
  // Arguments are all that a limit may add, so the context that `look` takes does not matter.
  const amount = parseDecimal(from.look(call, NO_CONTEXT))
  return amount === null || amount.units < 0n ? null : { ...charge, amount: formatDecimal(amount) }
}

const NO_CONTEXT: Context = { nowMs: 0, account: null, label: '' }

function unfitAmount({ from }: Limit): string {
  return `The policy counts ${from?.path}, which must be a decimal number of 0 or more.`
}

function messageOf({ effect, message }: Check, { kind = 'tool', tool }: Call): string {
  if (message !== null) return message
  if (effect === 'approve') return `A person must approve this call of "${tool}".`
  return kind === 'tool'
    ? `The policy denies this call of "${tool}".`
    : `The policy denies reading the ${kind} "${tool}".`
}

function shadowOf(check: Check, call: Call): Shadow {
  const action = check.effect === 'approve' ? 'require_approval' : 'deny'
  return { action, rule: check.rule, message: messageOf(check, call) }
}

/** A policy in shadow allows everything, and says what it would have done. Its limits only watch. */
function watched(decision: Decision): Allowed {
  const { trace, rule } = decision
  const charges = decision.action === 'deny' ? NOTHING : decision.charges
  const shadow =
    decision.action === 'allow'
      ? decision.shadow
      : [...decision.shadow, { action: decision.action, rule, message: decision.message }]
  return {
    action: 'allow',
    rule: decision.action === 'allow' ? rule : '(shadow)',
    charges: charges.map((charge) => ({ ...charge, shadow: true })),
    trace,
    shadow,
  }
}

/** The most specific name wins. */
function rulesOf(policy: Policy, tool: string, alias: string | undefined): ToolRules | undefined {
  return policy.tools.get(tool) ?? (alias === undefined ? undefined : policy.tools.get(alias))
}

/** Hidden under one name is hidden. */
function isHidden(policy: Policy, tool: string, alias: string | undefined): boolean {
  return policy.hidesAll || policy.hidden.has(tool) || (alias !== undefined && policy.hidden.has(alias))
}

function deny(
  code: Denied['code'],
  rule: string,
  message: string,
  {
    trace = NOTHING,
    shadow = NOTHING,
  }: {
    readonly trace?: readonly Sight[] | undefined
    readonly shadow?: readonly Shadow[] | undefined
  } = {},
): Denied {
  return { action: 'deny', code, rule, message, trace, shadow }
}

/** A decision as text that a person can follow. */
import { type CounterStore, type Prospect, prospectsOf, type Subject } from './counting.ts'
import { concealedIn, decide } from './decide.ts'
import type { Call, Context, Decision, Policy, Sight } from './model.ts'
import { formatPath } from './path.ts'

/**
 * Decides a call and says how it came to that: the rule, every condition that was looked at with the constant of the policy and
 * the type of what it saw (never an argument's value), and how each limit stands. Nothing is charged.
 *
 * @param counters what was counted so far, for `subject`
 */
export function explain(
  policy: Policy | null,
  call: Call,
  {
    context,
    counters,
    subject,
  }: {
    readonly context: Context
    readonly counters: CounterStore
    readonly subject: Subject
  },
): string {
  const decision = decide(policy, call, context)
  const charges = decision.action === 'deny' ? [] : decision.charges
  const prospects = prospectsOf(counters, charges, subject, context.nowMs)
  const full = prospects.find(({ hasRoom, shadow }) => !hasRoom && !shadow)
  return [
    `${call.tool}: ${outcome(decision, decision.action === 'allow' ? full : undefined)}`,
    ...decision.trace.map(describeSight),
    ...concealed(policy, call, decision),
    ...prospects.map(describeProspect),
    ...decision.shadow.map(
      ({ action, rule, message }) => `  shadow: would ${verb(action)} by ${rule}: ${message}`,
    ),
  ].join('\n')
}

function outcome(decision: Decision, full: Prospect | undefined): string {
  if (full !== undefined) return `rate limited by ${full.rule}`
  switch (decision.action) {
    case 'allow':
      return `allowed by ${decision.rule}`
    case 'deny':
      return `denied (${decision.code}) by ${decision.rule}: ${decision.message}`
    case 'require_approval':
      return `needs approval by ${decision.rule}: ${decision.message}`
  }
}

/** Returns the values that the approver of the call is not shown. */
function concealed(policy: Policy | null, { tool, alias }: Call, { action }: Decision): string[] {
  const paths = policy === null || action !== 'require_approval' ? [] : concealedIn(policy, tool, alias)
  const names = [...new Set(paths.map(formatPath))]
  return names.length === 0 ? [] : [`  not shown to whoever approves: ${names.join(', ')}`]
}

function verb(action: Decision['action']): string {
  return action === 'deny' ? 'deny' : 'require approval'
}

/** In characters; a list of names may have thousands. */
const LONGEST_CONSTANT = 80

function describeSight({ condition, path, op, value, saw, outcome }: Sight): string {
  const result = outcome === 'unknown' ? 'cannot be evaluated' : outcome
  const constant = JSON.stringify(value)
  const shown = constant.length <= LONGEST_CONSTANT ? constant : `${constant.slice(0, LONGEST_CONSTANT - 1)}…`
  return `  ${condition}: ${path} ${op} ${shown}, saw ${saw}: ${result}`
}

function describeProspect(prospect: Prospect): string {
  const { rule, shadow, amount, remaining, max, unit, window, scope, hasRoom, resetsAtMs, nowMs } = prospect
  const adds = unit === 'calls' ? `${amount} call` : amount
  const seconds = Math.ceil((resetsAtMs - nowMs) / 1_000)
  return (
    `  ${rule}${shadow ? ' (shadow)' : ''}: ${remaining} of ${max} left in ${window} of this ${scope}, ` +
    `adds ${adds}: ${hasRoom ? 'has room' : 'no room'}, resets in ${seconds} s`
  )
}

/** A decision as text that a person can follow. */
import { type CounterStore, type Standing, type Subject, standingsOf } from './counting.ts'
import { decide } from './decide.ts'
import type { Call, Charge, Context, Decision, Policy, Sight } from './model.ts'

/**
 * Decides a call and says how it came to that: the rule, every condition that was looked at and the type of what
 * it saw (never the value), and how each limit stands. Nothing is charged.
 *
 * @param counters what was counted so far, for `subject`
 */
export function explain(
  policy: Policy | null,
  call: Call,
  context: Context,
  counters: CounterStore,
  subject: Subject,
): string {
  const decision = decide(policy, call, context)
  const charges = decision.action === 'deny' ? [] : decision.charges
  const standings = standingsOf(counters, charges, subject, context.nowMs)
  const full =
    decision.action === 'allow' ? standings.find((it, i) => !it.hasRoom && !isShadow(charges, i)) : undefined
  return [
    `${call.tool}: ${outcome(decision, full)}`,
    ...decision.trace.map(describeSight),
    ...standings.map((it, i) => describeStanding(it, it.hasRoom, isShadow(charges, i))),
    ...decision.shadow.map(
      ({ action, rule, message }) => `  shadow: would ${verb(action)} by ${rule}: ${message}`,
    ),
  ].join('\n')
}

function isShadow(charges: readonly Charge[], index: number): boolean {
  return charges.filter(({ max }) => max !== null)[index]?.shadow ?? false
}

function outcome(decision: Decision, full: Standing | undefined): string {
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

function verb(action: Decision['action']): string {
  return action === 'deny' ? 'deny' : 'require approval'
}

function describeSight({ condition, path, op, saw, outcome }: Sight): string {
  const result = outcome === 'unknown' ? 'cannot be evaluated' : outcome
  return `  ${condition}: ${path} ${op} …, saw ${saw}: ${result}`
}

function describeStanding(
  { rule, amount, remaining, max, unit, window, scope, resetsAtMs, nowMs }: Standing,
  hasRoom: boolean,
  isShadow: boolean,
): string {
  const adds = unit === 'calls' ? `${amount} call` : amount
  const seconds = Math.ceil((resetsAtMs - nowMs) / 1_000)
  return (
    `  ${rule}${isShadow ? ' (shadow)' : ''}: ${remaining} of ${max} left in ${window} of this ${scope}, ` +
    `adds ${adds}: ${hasRoom ? 'has room' : 'no room'}, resets in ${seconds} s`
  )
}

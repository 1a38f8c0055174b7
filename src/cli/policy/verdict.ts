/** Decides a call as the gateway would, limits included. */
import { type CounterStore, reserve, type Subject } from '../../policy/counting.ts'
import { decide } from '../../policy/decide.ts'
import type { Call, Context, Policy } from '../../policy/model.ts'

/** `deny` is a rule's or the default's, `hidden` that of a tool that is not even listed. */
export const verdicts = ['allow', 'deny', 'hidden', 'limit', 'approval'] as const

export interface Verdict {
  readonly verdict: (typeof verdicts)[number]
  /** The rule's place, as a JSON Pointer, or `(hidden)` and the like. */
  readonly rule: string
  /** For the agent; null for a limit without words of its own. */
  readonly message: string | null
  /** The places of rules in shadow that would have acted. */
  readonly shadow: readonly string[]
}

/** Decides a call as the gateway does, and charges `store` for it where it is allowed. */
export function verdictOf(
  policy: Policy,
  call: Call,
  {
    context,
    subject,
    store,
  }: {
    readonly context: Context
    readonly subject: Subject
    readonly store: CounterStore
  },
): Verdict {
  const decision = decide(policy, call, context)
  const { rule } = decision
  const shadow = decision.shadow.map((one) => one.rule)
  switch (decision.action) {
    case 'deny':
      return {
        verdict: decision.code === 'hidden' ? 'hidden' : 'deny',
        rule,
        message: decision.message,
        shadow,
      }
    case 'require_approval':
      // Charged once a person has agreed, and nobody has been asked here.
      return { verdict: 'approval', rule, message: decision.message, shadow }
    case 'allow': {
      const reserved = reserve(store, decision.charges, subject, context.nowMs)
      if (!reserved.ok) {
        const { rule, message } = reserved.limited
        return { verdict: 'limit', rule, message, shadow }
      }
      const watching = reserved.shadow.map((one) => one.rule)
      return { verdict: 'allow', rule, message: null, shadow: [...shadow, ...watching] }
    }
  }
}

import type { Decision, Policy, ToolRules } from './model.ts'

/**
 * What the policy says of a call to `tool`, as far as it can be said without counting. A grant without a
 * policy denies everything. The order is fixed: hidden, then the default for a tool that is not named, then
 * the tool's own denial, then its limits and last those on every call.
 *
 * One lookup and no loop over other tools: the cost does not grow with the policy.
 */
export function decide(policy: Policy | null, tool: string): Decision {
  if (policy === null) {
    return deny('no_policy', '(no policy)', 'This grant has no policy, so every call is denied.')
  }
  if (isHidden(policy, tool)) {
    return deny('hidden', '(hidden)', `The tool "${tool}" is not available.`)
  }
  const rules = policy.tools.get(tool)
  if (rules === undefined && policy.defaultAction === 'deny') {
    return deny('default_deny', '(default deny)', `The policy does not allow the tool "${tool}".`)
  }
  if (rules?.denial) {
    const { rule, message } = rules.denial
    return deny('denied', rule, message ?? `The policy denies the tool "${tool}".`)
  }
  return { action: 'allow', rule: rules?.rule ?? '(default allow)', limits: limitsOf(policy, rules) }
}

/** Whether `tools/list` may show the tool: it is neither hidden nor refused by default. */
export function isListed(policy: Policy | null, tool: string): boolean {
  if (policy === null || isHidden(policy, tool)) return false
  return policy.defaultAction === 'allow' || policy.tools.has(tool)
}

function isHidden(policy: Policy, tool: string): boolean {
  return policy.hidesAll || policy.hidden.has(tool)
}

function limitsOf(policy: Policy, rules: ToolRules | undefined): Policy['allTools'] {
  if (rules === undefined || rules.limits.length === 0) return policy.allTools
  return policy.allTools.length === 0 ? rules.limits : [...rules.limits, ...policy.allTools]
}

function deny(code: Extract<Decision, { action: 'deny' }>['code'], rule: string, message: string): Decision {
  return { action: 'deny', code, rule, message }
}

/** Checks that the caller's role allows every step of a plan. PURE. */
import { includes, type Role, roles } from '../../contract/roles.ts'
import type { Caller } from './current-state.ts'
import type { Step } from './step.ts'

/** At most one line: the first step that the role does not allow, and the number of others. */
export function roleProblems(steps: readonly Step[], { name, role }: Caller): string[] {
  const needed = (step: Step): Role =>
    step.kind === 'tenant' && step.action === 'create'
      ? 'root'
      : step.kind === 'policy'
        ? 'policy_manager'
        : 'admin'
  // An unknown role, of a newer gateway, is taken to allow nothing.
  const has = (it: Role) => (roles as readonly string[]).includes(role) && includes(role as Role, it)
  const beyond = steps.filter((step) => !has(needed(step)))
  const [first] = beyond
  if (first === undefined) return []
  const more = beyond.length > 1 ? ` and ${beyond.length - 1} more` : ''
  return [
    `found the role ${role}${name === null ? '' : ` of ${name}`}, which may not ${first.action} ${first.kind} ${first.name}${more}; allowed: ${needed(first)}`,
  ]
}

/** Whether whoever asks may do what a plan says. PURE. */
import { includes, type Role, roles } from '../../admin/roles.ts'
import type { Step } from './plan.ts'
import type { Asker } from './there.ts'

/** What is refused, in one line, or none. */
export function roleProblems(steps: readonly Step[], { name, role }: Asker): string[] {
  const needed = (step: Step): Role =>
    step.kind === 'tenant' && step.action === 'create'
      ? 'root'
      : step.kind === 'policy'
        ? 'policy_manager'
        : 'admin'
  // One that this program does not know may do nothing, as far as it knows.
  const has = (it: Role) => (roles as readonly string[]).includes(role) && includes(role as Role, it)
  const beyond = steps.filter((step) => !has(needed(step)))
  const [first] = beyond
  if (first === undefined) return []
  const more = beyond.length > 1 ? ` and ${beyond.length - 1} more` : ''
  return [
    `found the role ${role}${name === null ? '' : ` of ${name}`}, which may not ${first.action} ${first.kind} ${first.name}${more}; allowed: ${needed(first)}`,
  ]
}

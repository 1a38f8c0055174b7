/** Who may do what, in general. PURE. */

/** Beyond reading: `policy_manager` changes policies; `approver` sees what calls carry that wait for a person, and decides. */
export const roles = ['viewer', 'policy_manager', 'approver', 'admin', 'root'] as const
export type Role = (typeof roles)[number]

/** What people can be; `root` is the deployment's. */
export const personRoles = ['viewer', 'policy_manager', 'approver', 'admin'] as const
export type PersonRole = (typeof personRoles)[number]

/**
 * Whose routes each role may use. Roles are no ladder: `policy_manager` and `approver` stand side by side, so that who
 * writes the rule that asks a person is not by that the person who is asked.
 */
const mayUse: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  policy_manager: ['viewer', 'policy_manager'],
  approver: ['viewer', 'approver'],
  admin: ['viewer', 'policy_manager', 'approver', 'admin'],
  root: roles,
}

/** Whether somebody of the role `own` may do what takes the role `needed`. */
export function includes(own: Role, needed: Role): boolean {
  return mayUse[own].includes(needed)
}

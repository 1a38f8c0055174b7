/** Roles of people, and the routes that each opens. PURE. */

/** Beyond reading: `policy_manager` changes policies; `approver` sees what calls carry that wait for a person, and decides. */
export const roles = ['viewer', 'policy_manager', 'approver', 'admin', 'root'] as const
export type Role = (typeof roles)[number]

/** The roles that people can have; `root` is the deployment's. */
export const personRoles = ['viewer', 'policy_manager', 'approver', 'admin'] as const
export type PersonRole = (typeof personRoles)[number]

/**
 * Maps each role to the roles whose routes it may use. Roles are no ladder: `policy_manager` and `approver` stand side by side, so that who
 * writes the rule that asks a person is not by that the person who is asked.
 */
const mayUse: Readonly<Record<Role, readonly Role[]>> = {
  viewer: ['viewer'],
  policy_manager: ['viewer', 'policy_manager'],
  approver: ['viewer', 'approver'],
  admin: ['viewer', 'policy_manager', 'approver', 'admin'],
  root: roles,
}

/** Tells whether the role `own` opens routes that take the role `needed`. */
export function includes(own: Role, needed: Role): boolean {
  return mayUse[own].includes(needed)
}

/** Who may do what, in general. PURE. */

/** Each may do what those before it may. `viewer` reads; `policy_manager` sees and makes no token and no secret. */
export const roles = ['viewer', 'policy_manager', 'admin', 'root'] as const
export type Role = (typeof roles)[number]

/** What people can be; `root` is the deployment's. */
export const personRoles = ['viewer', 'policy_manager', 'admin'] as const
export type PersonRole = (typeof personRoles)[number]

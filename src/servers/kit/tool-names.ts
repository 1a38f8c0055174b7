/** The names of all native tools, for whoever needs no more of them. PURE. */
import { legitiToolNames } from '../../legiti/tools/tool.ts'

const names: ReadonlySet<string> = new Set(['auth_login', 'auth_logout', 'auth_whoami', ...legitiToolNames])

/** Tells whether a native tool has this name, whoever reaches it. */
export function isNativeName(name: string): boolean {
  return names.has(name)
}

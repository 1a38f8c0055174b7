/** Which things a tenant will have once it has been applied. PURE. */
import type { Json } from '../admin/api.ts'
import type { Things } from './there.ts'

/** Names of all that is wanted, and of what stays since nobody says that it goes. */
export function namesAfter(
  wanted: ReadonlyMap<string, unknown> | null,
  there: Things | null,
  prune: boolean,
): string[] {
  const stays = [...(there ?? [])]
    .filter(([name, it]) => !goes(wanted, name, it, prune))
    .map(([name]) => name)
  return [...new Set([...(wanted?.keys() ?? []), ...stays])]
}

/** Names of what goes. */
export function namesGone(
  wanted: ReadonlyMap<string, unknown> | null,
  there: Things | null,
  prune: boolean,
): string[] {
  return [...(there ?? [])].filter(([name, it]) => goes(wanted, name, it, prune)).map(([name]) => name)
}

/** Only of kinds that the folder has a folder for, and never what is built in. */
function goes(
  wanted: ReadonlyMap<string, unknown> | null,
  name: string,
  { built_in }: Json,
  prune: boolean,
): boolean {
  return prune && wanted !== null && !wanted.has(name) && built_in !== true
}

/** The things that a tenant will have after an apply. PURE. */
import type { Json } from '../gateway/api.ts'
import type { CurrentDocuments } from './current-state.ts'

/** Names of everything that the folder wants, and of everything in the tenant that is not deleted. */
export function namesAfter(
  wanted: ReadonlyMap<string, unknown> | null,
  current: CurrentDocuments | null,
  prune: boolean,
): string[] {
  const stays = [...(current ?? [])]
    .filter(([name, it]) => !goes(wanted, name, it, prune))
    .map(([name]) => name)
  return [...new Set([...(wanted?.keys() ?? []), ...stays])]
}

/** Names of the things that are deleted. */
export function namesGone(
  wanted: ReadonlyMap<string, unknown> | null,
  current: CurrentDocuments | null,
  prune: boolean,
): string[] {
  return [...(current ?? [])].filter(([name, it]) => goes(wanted, name, it, prune)).map(([name]) => name)
}

/** Only things of a kind that has a folder are deleted, and never built-in ones. */
function goes(
  wanted: ReadonlyMap<string, unknown> | null,
  name: string,
  { built_in }: Json,
  prune: boolean,
): boolean {
  return prune && wanted !== null && !wanted.has(name) && built_in !== true
}

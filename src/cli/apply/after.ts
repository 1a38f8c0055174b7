/** The things that a tenant will have after an apply. PURE. */
import type { CurrentDocuments } from './current-state.ts'

/** Names of everything that the folder wants, and of everything in the tenant that is not deleted. */
export function namesAfter(
  wanted: ReadonlyMap<string, unknown> | null,
  current: CurrentDocuments | null,
  prune: boolean,
): string[] {
  const gone = new Set(namesGone(wanted, current, prune))
  const stays = [...(current?.keys() ?? [])].filter((name) => !gone.has(name))
  return [...new Set([...(wanted?.keys() ?? []), ...stays])]
}

/** Names of the things that are deleted. */
export function namesGone(
  wanted: ReadonlyMap<string, unknown> | null,
  current: CurrentDocuments | null,
  prune: boolean,
): string[] {
  // Only things of a kind that has a folder are deleted, and never built-in ones.
  if (!prune || wanted === null) return []
  return [...(current ?? [])].flatMap(([name, { built_in }]) =>
    wanted.has(name) || built_in === true ? [] : [name],
  )
}

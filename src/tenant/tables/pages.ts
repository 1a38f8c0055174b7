/** Parts of a list, in the order of names. */
import type { Page } from '../../contract/tenant.ts'

/** Returns the things of a page, from a list in the order of names. */
export function pageOf<T extends { readonly name: string }>(
  things: readonly T[],
  { after, limit }: Page,
): readonly T[] {
  return things.filter(({ name }) => after === null || name > after).slice(0, limit)
}

/** Returns the views of a page's names, which are given sorted. */
export function viewsOf<T>(
  names: readonly string[],
  { after, limit }: Page,
  view: (name: string) => T | null,
): readonly T[] {
  return names
    .filter((name) => after === null || name > after)
    .slice(0, limit)
    .map(view)
    .filter((thing) => thing !== null)
}

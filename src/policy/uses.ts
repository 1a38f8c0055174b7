/** Finds the values that the rules of a tool look at. */
import type { ConditionDocument } from './condition.ts'

/** A path, and who looks at it. */
export interface Use {
  readonly path: string
  /** The place of the condition or limit that uses it. */
  readonly at: string
  readonly isNegated: boolean
}

/** Every path in the entries of one list, each with where it stands below the entry that the list is in. */
export function usesIn(list: string, entries: readonly (ConditionDocument | Conditions)[]): Use[] {
  return entries.flatMap((entry, i) =>
    'conditions' in entry
      ? entry.conditions.flatMap((it, j) => pathsIn(it, `${list}/${i}/conditions/${j}`))
      : pathsIn(entry, `${list}/${i}`),
  )
}

interface Conditions {
  readonly conditions: readonly ConditionDocument[]
}

/** Every path in a condition. */
export function pathsIn(condition: ConditionDocument, at: string, isNegated = false): Use[] {
  if ('any_of' in condition) {
    return condition.any_of.flatMap((part, i) => pathsIn(part, `${at}/any_of/${i}`, isNegated))
  }
  if ('not' in condition) return pathsIn(condition.not, `${at}/not`, !isNegated)
  return [{ path: condition.path, at, isNegated }]
}

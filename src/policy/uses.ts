/** What the rules of a tool look at. */
import type { ConditionDocument } from './condition.ts'
import type { HostedTool } from './hosted.ts'

/** A path, and who looks at it. */
export interface Use {
  readonly path: string
  /** Where the condition or limit stands that uses it. */
  readonly at: string
  readonly isNegated: boolean
}

/** Every path that a tool's rules look at. `origin` says where a part of them stands for their author. */
export function* usesOf(rules: HostedTool, place: string, origin: (place: string) => string): Generator<Use> {
  for (const list of ['deny_if', 'require', 'require_approval'] as const) {
    for (const [i, rule] of (rules[list] ?? []).entries()) {
      if (!('conditions' in rule)) yield* pathsIn(rule, origin(`${place}/${list}/${i}`))
      else {
        for (const [j, condition] of rule.conditions.entries()) {
          yield* pathsIn(condition, origin(`${place}/${list}/${i}/conditions/${j}`))
        }
      }
    }
  }
  for (const list of ['limits', 'counts'] as const) {
    for (const [i, { increment_from }] of (rules[list] ?? []).entries()) {
      if (increment_from === undefined) continue
      yield { path: increment_from, at: origin(`${place}/${list}/${i}`), isNegated: false }
    }
  }
}

/** Every path that a tool's rules conceal. */
export function concealsIn(rules: HostedTool, place: string, origin: (place: string) => string): Use[] {
  return (rules.conceal ?? []).map((path, i) => ({
    path,
    at: origin(`${place}/conceal/${i}`),
    isNegated: false,
  }))
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

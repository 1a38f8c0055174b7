/** The paths that the rules of one tool look at, or conceal. */
import type { HostedTool } from './hosted.ts'
import { pathsIn, type Use } from './uses.ts'

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

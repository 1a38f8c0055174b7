/** Policies out of files, and what is wrong with them, one line each. */

import type { KnownTools } from '../../policy/known-tools.ts'
import { type Loaded, loadPolicyText } from '../../policy/load.ts'
import { describeOff, describeUnchecked } from '../../policy/name-warnings.ts'
import { describeProblem, type Problem } from '../../policy/problem.ts'
import { type Outcome, PROBLEMS, unreadable, type World } from './outcome.ts'

export type LoadedPolicy = Extract<Loaded, { ok: true }>

/** A problem as compilers say it, so that editors and terminals can jump there. */
export function problemLine(file: string, { line = 1, column = 1, ...problem }: Problem, kind = ''): string {
  return `${file}:${line}:${column} ${kind}${describeProblem(problem)}`
}

/** A problem for machines: always the same members. */
export function problemData({ line = 1, column = 1, pointer, found, allowed, nearest = null }: Problem) {
  return { line, column, pointer, found, allowed, nearest }
}

/** A file with problems in it, as the outcome of a command that needs it to have none. */
export function broken(file: string, problems: readonly Problem[]): Outcome {
  return {
    code: PROBLEMS,
    lines: [],
    errors: problems.map((problem) => problemLine(file, problem)),
    data: { errors: problems.map((problem) => ({ file, ...problemData(problem) })) },
  }
}

/** The policy in a file, or the outcome that its absence or its problems come to. */
export async function policyIn(
  file: string,
  world: World,
  known?: KnownTools,
): Promise<LoadedPolicy | { readonly failed: Outcome }> {
  const content = await world.read(file)
  if (!content.ok) return { failed: unreadable([{ file, reason: content.reason }]) }
  const loaded = loadPolicyText(content.bytes, known)
  return loaded.ok ? loaded : { failed: broken(file, loaded.problems) }
}

/** The warnings for a policy's author, one a line. */
export function warningLines(file: string, { warnings, unchecked, off }: LoadedPolicy): string[] {
  return [
    ...warnings.map((warning) => problemLine(file, warning, 'warning: ')),
    ...unchecked.map((it) => `${file}: warning: ${describeUnchecked(it)}`),
    ...off.map((it) => `${file}: warning: ${describeOff(it)}`),
  ]
}

/** The same in the gateway's words, without line and column, which differ there. */
export function gatewayWords({ warnings, unchecked, off }: LoadedPolicy): string[] {
  return [
    ...warnings.map(({ line: _, column: __, ...warning }) => describeProblem(warning)),
    ...unchecked.map(describeUnchecked),
    ...off.map(describeOff),
  ]
}

/** The warnings of an answer that have not been said before. */
export function unsaid(warnings: unknown, said: ReadonlySet<string>): string[] {
  if (!Array.isArray(warnings)) return []
  return warnings.map(String).filter((it) => !said.has(it.replace(/^line \d+, column \d+: /, '')))
}

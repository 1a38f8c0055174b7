/** `policy diff`: which tools two policies treat differently. */
import { type Change, changesBetween } from '../../policy-meaning/changes.ts'
import { policyOf } from '../gateway/deployed.ts'
import type { Given } from '../kit/arguments.ts'
import { FINE, MISUSE, misuse, type Outcome, PROBLEMS, type World } from '../kit/outcome.ts'
import { table } from '../kit/table.ts'

const COMMAND = 'gatehouse policy diff'

/** Prints the differences. Exit code 1 is for a change, so what is wrong with a policy is a 2, as in diff(1). */
export async function diff(given: Given, world: World): Promise<Outcome> {
  const {
    operands: [fileA = '-', fileB = '-'],
    values,
  } = given
  const only = values.get('tools')?.split(',')
  if (only?.includes('')) {
    return misuse(COMMAND, [{ found: '--tools with an empty name', allowed: '--tools t1,t2' }])
  }
  const a = await policyOf({ command: COMMAND, word: fileA }, given, world)
  const b = await policyOf({ command: COMMAND, word: fileB }, given, world)
  const failures = [a, b].flatMap((one) => ('failed' in one ? [one.failed] : []))
  if ('failed' in a || 'failed' in b) {
    return {
      code: MISUSE,
      lines: [],
      errors: failures.flatMap(({ errors }) => errors),
      data: { errors: failures.flatMap(({ data }) => (data as { errors: unknown[] }).errors) },
    }
  }
  const changes = changesBetween(a, b, only)
  const code = changes.length === 0 ? FINE : PROBLEMS
  return {
    code,
    lines: changeLines(changes, fileA, fileB),
    errors: [],
    data: { same: code === FINE, changes },
  }
}

/** The changes for people: one a line, under the names of the two policies. */
export function changeLines(changes: readonly Change[], nameA: string, nameB: string): string[] {
  if (changes.length === 0) return ['no change']
  return table([
    ['tool', 'what', nameA, nameB],
    ...changes.map(({ tool, what, a, b }) => [tool, what, a ?? '—', b ?? '—']),
  ])
}

/** `policy diff`: which tools two policies treat differently. */
import type { Given } from './arguments.ts'
import { type Change, changesBetween } from './changes.ts'
import { FINE, MISUSE, misuse, type Outcome, PROBLEMS, type World } from './outcome.ts'
import { policyIn } from './source.ts'

/** Prints the differences. Exit code 1 is for a change, so what is wrong with a policy is a 2, as in diff(1). */
export async function diff(
  { operands: [fileA = '-', fileB = '-'], values }: Given,
  world: World,
): Promise<Outcome> {
  const only = values.get('tools')?.split(',')
  if (only?.includes('')) {
    return misuse('gatehouse policy diff', [
      { found: '--tools with an empty name', allowed: '--tools t1,t2' },
    ])
  }
  const a = await policyIn(fileA, world)
  const b = await policyIn(fileB, world)
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
  const lines = changes.length === 0 ? ['no change'] : table(changes, fileA, fileB)
  return { code, lines, errors: [], data: { same: code === FINE, changes } }
}

function table(changes: readonly Change[], fileA: string, fileB: string): string[] {
  const rows = [
    ['tool', 'what', fileA, fileB],
    ...changes.map(({ tool, what, a, b }) => [tool, what, a ?? '—', b ?? '—']),
  ]
  const widths = [0, 1, 2].map((i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))
}

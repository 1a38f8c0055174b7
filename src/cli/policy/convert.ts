/** `policy convert`: the same policy in the dialect that every other is translated to. */
import { describeValue } from '../../policy/problem.ts'
import { nearest } from '../../policy/spelling.ts'
import type { Given } from '../kit/arguments.ts'
import { fine, misuse, type Outcome, type World } from '../kit/outcome.ts'
import { policyIn } from '../kit/source.ts'

const targets = ['hosted'] as const

/** Prints a policy in the hosted dialect, as JSON. */
export async function convert({ operands: [file = '-'], values }: Given, world: World): Promise<Outcome> {
  const to = values.get('to') ?? ''
  if (!(targets as readonly string[]).includes(to)) {
    return misuse('gatehouse policy convert', [
      { found: `--to ${describeValue(to)}`, allowed: targets.join(', '), nearest: nearest(to, targets) },
    ])
  }
  const loaded = await policyIn(file, world)
  if ('failed' in loaded) return loaded.failed
  return fine(JSON.stringify(loaded.hosted, null, 2).split('\n'), loaded.hosted)
}

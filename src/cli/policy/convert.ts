/** `policy convert`: the same policy in the dialect that every other is translated to. */
import { describeValue } from '../../policy/problem.ts'
import { nearest } from '../../policy/spelling.ts'
import { policyOf } from '../gateway/deployed.ts'
import type { Given } from '../kit/arguments.ts'
import { fine, misuse, type Outcome, type World } from '../kit/outcome.ts'

const COMMAND = 'gatehouse policy convert'
const targets = ['hosted'] as const

/** Prints a policy in the hosted dialect, as JSON. */
export async function convert(given: Given, world: World): Promise<Outcome> {
  const {
    operands: [file = '-'],
    values,
  } = given
  const to = values.get('to') ?? ''
  if (!(targets as readonly string[]).includes(to)) {
    return misuse(COMMAND, [
      { found: `--to ${describeValue(to)}`, allowed: targets.join(', '), nearest: nearest(to, targets) },
    ])
  }
  const loaded = await policyOf({ command: COMMAND, word: file }, given, world)
  if ('failed' in loaded) return loaded.failed
  return fine(JSON.stringify(loaded.hosted, null, 2).split('\n'), loaded.hosted)
}
